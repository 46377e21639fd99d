"""Manifests of every kind: stored, served, refused."""

from tests.compat.cargo import Document, image, index
from tests.compat.requests.uploads import ABSENT
from tests.compat.steps import Step
from tests.support.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    canonical,
    descriptor,
    digest_of,
)

NAME = "/v2/harbour/quay"
DOCKER = image("docker", docker=True)
OCI = image("oci", docker=False)
LIST = index(DOCKER, docker=True)
INDEX = index(OCI, docker=False)
EMPTY_INDEX = Document(OCI_INDEX, canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}))
NESTED = index(INDEX, docker=False)
_BLOB = Document(OCI_MANIFEST, b"no manifest")
AS_BLOB = Document(OCI_INDEX, index(_BLOB, docker=False).body, (_BLOB.body,))
UNTYPED = Document(OCI_MANIFEST, OCI.body.replace(f'"mediaType" : "{OCI_MANIFEST}",'.encode(), b""))
SUBJECT = image("oci", docker=False, subject=descriptor(OCI_MANIFEST, OCI.body))
CONFIG = descriptor(OCI_CONFIG, OCI.blobs[0])
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG}
NULL_INDEX = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": None})
UNTYPED_NULL = b'{"schemaVersion":2,"manifests":null}'
NULL_DOCKER = canonical({**IMAGE, "mediaType": DOCKER_MANIFEST, "layers": None})
NULL_INSIDE = {**CONFIG, "mediaType": None, "size": None, "annotations": {"a": None}}
SIGNED_V1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def blobs(document: Document) -> list[Step]:
    """Uploads of what a document refers to."""
    steps = []
    for number, blob in enumerate(document.blobs):
        label = f"{document.digest[7:15]} blob {number}"
        saved = f"blob_{document.digest[7:15]}_{number}"
        steps.append(Step(f"{label} opens", "POST", f"{NAME}/blobs/uploads/", b"", save=saved))
        steps.append(Step(label, "PUT", f"{{{saved}}}&digest={digest_of(blob)}", blob))
    return steps


def put(name: str, reference: str, body: bytes, media_type: str | None) -> Step:
    headers = {} if media_type is None else {"content-type": media_type}
    return Step(name, "PUT", f"{NAME}/manifests/{reference}", body, headers)


def get(name: str, reference: str, accept: str | None = None, method: str = "GET", **more: str) -> Step:
    headers = {} if accept is None else {"accept": accept}
    return Step(name, method, f"{NAME}/manifests/{reference}", headers={**headers, **more})


def missing(kind: str, *digests: str) -> bytes:
    """An image manifest whose layers are not there."""
    layers = [{"mediaType": "application/x", "digest": digest, "size": 1} for digest in digests]
    config = descriptor(OCI_CONFIG, OCI.blobs[0])
    return canonical({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers})


def of_platform(platform: object) -> bytes:
    child = {**descriptor(OCI_MANIFEST, OCI.body), "platform": platform}
    return canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]})


STEPS = (
    *blobs(DOCKER),
    *blobs(OCI),
    # Stored.
    put("docker image", "docker", DOCKER.body, DOCKER_MANIFEST),
    put("docker image again", "docker", DOCKER.body, DOCKER_MANIFEST),
    put("docker image by digest", DOCKER.digest, DOCKER.body, DOCKER_MANIFEST),
    put("docker list", "list", LIST.body, DOCKER_LIST),
    put("oci image", "oci", OCI.body, OCI_MANIFEST),
    put("oci index", "index", INDEX.body, OCI_INDEX),
    put("oci image without a media type inside", "untyped", UNTYPED.body, OCI_MANIFEST),
    put("empty index", "empty", EMPTY_INDEX.body, OCI_INDEX),
    put("index of null", "null", NULL_INDEX, OCI_INDEX),
    put("index of nothing", "none", canonical({"schemaVersion": 2, "mediaType": OCI_INDEX}), OCI_INDEX),
    put(
        "list of null", "null-list", NULL_INDEX.replace(OCI_INDEX.encode(), DOCKER_LIST.encode()), DOCKER_LIST
    ),
    put("index of null without a media type inside", "null-untyped", UNTYPED_NULL, OCI_INDEX),
    put("index that nothing tells", "untold", b'{"schemaVersion":2}', OCI_INDEX),
    put("oci image with null as layers", "null-layers", canonical({**IMAGE, "layers": None}), OCI_MANIFEST),
    put("oci image without layers", "no-layers", canonical(IMAGE), OCI_MANIFEST),
    put("docker image with null as layers", "null-docker", NULL_DOCKER, DOCKER_MANIFEST),
    put(
        "null inside a descriptor and as an annotation",
        "null-inside",
        canonical({**IMAGE, "layers": [NULL_INSIDE], "annotations": {"a": None}}),
        OCI_MANIFEST,
    ),
    put(
        "empty media type inside",
        "empty-type",
        canonical({**IMAGE, "mediaType": "", "layers": []}),
        OCI_MANIFEST,
    ),
    put("platform of null", "null-platform", of_platform({"os": None, "os.features": [None]}), OCI_INDEX),
    put("layers spelled otherwise", "layers", canonical({**IMAGE, "Layers": []}), OCI_MANIFEST),
    put(
        "image without a config",
        "no-config",
        canonical({**IMAGE, "config": None, "layers": []}),
        OCI_MANIFEST,
    ),
    put("nested index", "nested", NESTED.body, OCI_INDEX),
    *blobs(AS_BLOB),
    put("index of an image that is a blob", "of-blob", AS_BLOB.body, OCI_INDEX),
    put("image with a subject", SUBJECT.digest, SUBJECT.body, OCI_MANIFEST),
    put("media type with a parameter", "parameter", OCI.body, f"{OCI_MANIFEST}; charset=utf-8"),
    # Served.
    get("docker image served", "docker", DOCKER_MANIFEST),
    get("docker image by head", "docker", DOCKER_MANIFEST, "HEAD"),
    get("docker image served by digest", DOCKER.digest, DOCKER_MANIFEST),
    get("docker image without accept", "docker"),
    get("docker image for any", "docker", "*/*"),
    get("docker image for an oci client", "docker", OCI_MANIFEST),
    get("docker list served", "list", DOCKER_LIST),
    get("docker list without accept", "list"),
    get("docker list for a client of images", "list", DOCKER_MANIFEST),
    get("oci image served", "oci", OCI_MANIFEST),
    get("oci image by head", "oci", OCI_MANIFEST, "HEAD"),
    get("oci image without accept", "oci"),
    get("oci image without a media type served", "untyped", OCI_MANIFEST),
    get("oci index served", "index", OCI_INDEX),
    get("oci index for a docker client", "index", DOCKER_LIST),
    get("index of null served", "null", OCI_INDEX),
    get("index of nothing served", "none", OCI_INDEX),
    get("list of null served", "null-list", DOCKER_LIST),
    get("index of null without a media type served", "null-untyped", f"{OCI_INDEX}, {OCI_MANIFEST}"),
    get("oci image with null as layers served", "null-layers", OCI_MANIFEST),
    get("oci image without layers served", "no-layers", OCI_MANIFEST),
    get("docker image with null as layers served", "null-docker", DOCKER_MANIFEST),
    get("null inside served", "null-inside", OCI_MANIFEST),
    get("empty media type inside served", "empty-type", OCI_MANIFEST),
    get("image with a subject served", SUBJECT.digest, OCI_MANIFEST),
    get("several accept headers in one", "oci", f"{DOCKER_MANIFEST}, {OCI_MANIFEST};q=0.5"),
    get("manifest known already", "oci", OCI_MANIFEST, **{"if-none-match": f'"{OCI.digest}"'}),
    get("manifest known already, no quotes", "oci", OCI_MANIFEST, **{"if-none-match": OCI.digest}),
    get("another manifest known already", "oci", OCI_MANIFEST, **{"if-none-match": f'"{ABSENT}"'}),
    get("unknown tag", "absent", OCI_MANIFEST),
    get("unknown tag by head", "absent", OCI_MANIFEST, "HEAD"),
    get("unknown manifest digest", ABSENT, OCI_MANIFEST),
    get("digest of a blob as a manifest", digest_of(OCI.blobs[1]), OCI_MANIFEST),
    get("bad manifest digest", "sha256:1234"),
    get("manifest digest of an unknown algorithm", f"md5:{'0' * 32}"),
    get("bad tag", ".hidden"),
    get("tag too long", "t" * 129),
    Step("manifest of an unknown repository", "GET", "/v2/nowhere/manifests/latest"),
    Step("manifest of an invalid name", "GET", "/v2/NOWHERE/manifests/latest"),
    # Refused.
    put("wrong manifest digest", ABSENT, OCI.body, OCI_MANIFEST),
    put("bad tag put", "-bad", OCI.body, OCI_MANIFEST),
    put("no media type", "typed", OCI.body, None),
    put("json as media type", "typed", OCI.body, "application/json"),
    put("unknown media type", "refused", OCI.body, "application/vnd.example+json"),
    put("media type that is none", "refused", OCI.body, ";;"),
    put("media type of another kind", "refused", OCI.body, DOCKER_MANIFEST),
    put("index as an image", "refused", INDEX.body, OCI_MANIFEST),
    put("image as an index", "refused", OCI.body, OCI_INDEX),
    put("missing layer", "refused", missing(OCI_MANIFEST, ABSENT), OCI_MANIFEST),
    put("two missing layers", "refused", missing(OCI_MANIFEST, ABSENT, digest_of(b"2")), OCI_MANIFEST),
    put("missing layer of a docker image", "refused", missing(DOCKER_MANIFEST, ABSENT), DOCKER_MANIFEST),
    put("layer with a bad digest", "refused", missing(OCI_MANIFEST, "sha256:zz"), OCI_MANIFEST),
    put(
        "index of a missing image",
        "refused",
        index(Document(OCI_MANIFEST, b"absent"), docker=False).body,
        OCI_INDEX,
    ),
    put(
        "empty media type inside a docker image",
        "refused",
        canonical({**IMAGE, "mediaType": "", "layers": []}),
        DOCKER_MANIFEST,
    ),
    put("system that is no text", "refused", of_platform({"os": 5}), OCI_INDEX),
    put("features that are no list", "refused", of_platform({"os.features": "x"}), OCI_INDEX),
    put(
        "size over 63 bits",
        "refused",
        canonical({**IMAGE, "layers": [{**CONFIG, "size": 2**63}]}),
        OCI_MANIFEST,
    ),
    put("no manifest at all", "refused", b"", OCI_MANIFEST),
    put("not json", "refused", b"{", OCI_MANIFEST),
    put("json that is no object", "refused", b"[]", OCI_MANIFEST),
    put("object without fields", "refused", b"{}", OCI_MANIFEST),
    put("schema version one", "refused", b'{"schemaVersion": 1}', OCI_MANIFEST),
    put("schema one, signed", "refused", b'{"schemaVersion": 1}', SIGNED_V1),
    put("more than four mebibytes", "refused", b" " * (4 << 20) + OCI.body, OCI_MANIFEST),
    Step("manifest posted", "POST", f"{NAME}/manifests/oci", OCI.body, {"content-type": OCI_MANIFEST}),
    Step("manifest patched", "PATCH", f"{NAME}/manifests/oci", b""),
    Step("manifest with a slash behind", "GET", f"{NAME}/manifests/oci/"),
    Step("manifest to an invalid name", "PUT", "/v2/NOWHERE/manifests/latest", OCI.body),
    Step("refused tag", "GET", f"{NAME}/manifests/refused"),
)
