"""The words of the request grammar: right ones, wrong ones, and ways to write any of them badly."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from urllib.parse import quote

from tests.faults.images import SHARED_LAYER, digest_of, make_image

NAMES = ["fuzz/a", "fuzz/b", "library/fuzz", "a", "fuzz/a/b/c/d", "fuzz/new", "fuzz__x/y--z", "blobs/uploads"]
KEPT_NAME = "kept/untouched"  # the grammar never says it: what is there must stay
BAD_NAMES = [
    "",
    "A/b",
    "-a",
    "a/",
    "/a",
    "a//b",
    "a/../b",
    "..",
    ".",
    "a b",
    "a_",
    "é",
    "a" * 256,
    "_catalog",
]
BAD_NAMES += [
    "../" * 12 + "etc",
    "canary",
    "../canary",
    "a/../../canary",
    "%2e%2e/canary",
    "a;b",
    "a/b/" * 60,
]

KNOWN = [make_image(random.Random(number)) for number in range(4)]
BLOBS = [SHARED_LAYER, *(blob for image in KNOWN for blob in image.blobs if blob is not SHARED_LAYER)]
DIGESTS = [digest_of(blob) for blob in BLOBS] + [image.digest for image in KNOWN]
UNKNOWN_DIGESTS = [digest_of(b"nobody pushed this"), "sha512:" + "ab" * 64]
BAD_DIGESTS = ["sha256:", "sha256:abc", "sha256:" + "g" * 64, "SHA256:" + "a" * 64, "sha256:" + "A" * 64]
BAD_DIGESTS += [
    "md5:" + "a" * 32,
    "sha256:../../../canary/secret",
    "sha256:" + "a" * 65,
    ":",
    "sha256",
    "a:b:c",
]
BAD_DIGESTS += [
    "sha256:" + "a" * 64 + "\n",
    "sha1+sha256:" + "a" * 64,
    "tarsum.v1+sha256:" + "a" * 64,
    "x:" + "1" * 999,
]

TAGS = ["latest", "v1.0", "hot", "_x", "sha256-" + "a" * 64, "0" * 128]
BAD_TAGS = [
    "",
    ".x",
    "-x",
    "a" * 129,
    "a/b",
    "a b",
    "..",
    "été",
    "a:b",
    "@",
    "a\x00b",
    "a\nb",
    "current",
    "index",
]

UPLOAD_IDS = ["00000000-0000-0000-0000-000000000000", "x", "..", "../..", "a" * 300, "%00", "1_000", "=="]
STATES = ["", "x", "AAAA", "e30=", "a" * 5000, "{}", "%00", "eyJOYW1lIjoiIn0=", "_" * 43 + "e30"]

NUMBERS = [
    "0",
    "1",
    "5",
    "100",
    "-1",
    "1e3",
    "abc",
    "",
    "1_000",
    " 1",
    "+5",
    "٣",
    "9" * 18,
    "9" * 400,
    "0x10",
]
LASTS = ["", "a", "fuzz/a", "latest", "../", "\x00", "é", "z" * 3000, "%", "a&b=c"]
RANGES = [
    "bytes=0-0",
    "bytes=0-",
    "bytes=-1",
    "bytes=-0",
    "bytes=5-2",
    "bytes=1-1000000000",
    "bytes=99999999999-",
]
RANGES += ["bytes=0-0,2-3", "bytes=" + ",".join(["0-0"] * 200), "items=0-1", "bytes", "bytes=", "bytes=a-b"]
RANGES += ["bytes=0-" + "9" * 400, "bytes= 0 - 1", "bytes=0-0,", "bytes=--1", "Bytes=0-1"]
CONTENT_RANGES = [
    "0-0",
    "0-99",
    "5-2",
    "bytes 0-9/10",
    "bytes=0-9",
    "-1",
    "0-",
    "a-b",
    "9" * 400 + "-" + "9" * 401,
]
CONTENT_RANGES += ["0-9/10", "1000000-1000010", "0 - 9", "٠-٩", ""]
ETAGS = ['"x"', "*", "W/" + '"x"', '"' * 300, "", *(f'"{digest}"' for digest in DIGESTS[:3]), "sha256:x"]

MEDIA_TYPES = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/octet-stream",
    "application/json; charset=utf-8",
    "text/html",
    "*/*",
    "a" * 3000,
    "application/x; q=0.5, " * 50,
    ";",
    "",
]
HOSTS = ["127.0.0.1", "localhost:5000", "evil.example/?", "evil.example#", "a@b", "[::1]", "[", "a:99999999"]
HOSTS += ["evil.example/v2/../", "..", "a" * 5000, "a,b", "a b", "%00", "user:password@host"]
METHODS = ["GET"] * 6 + ["HEAD"] * 3 + ["PUT"] * 4 + ["POST"] * 4 + ["PATCH"] * 3 + ["DELETE"] * 2
METHODS += ["OPTIONS", "TRACE", "PROPFIND", "get", "__init__", "dispatch", "X" * 500]


def encode_all(word: str, _: random.Random) -> str:
    return "".join(f"%{byte:02x}" for byte in word.encode())


def encode_some(word: str, source: random.Random) -> str:
    return "".join(f"%{ord(c):02X}" if ord(c) < 128 and source.random() < 0.3 else quote(c) for c in word)


def encode_twice(word: str, _: random.Random) -> str:
    return quote(quote(word, safe=""), safe="")


def insert(word: str, source: random.Random) -> str:
    """One thing that does not belong there, somewhere."""
    bits = [
        "%00",
        "%0a",
        "%0d%0a",
        "../",
        "..%2f",
        "%2e%2e/",
        "//",
        "\\",
        "%5c",
        "%c0%af",
        "%ff",
        "%",
        "%zz",
        ";x",
    ]
    bits += ["%e2%80%ae", "?", "#", "%20", "+", "*", "/./", "%252e%252e%252f", "@", ":"]
    place = source.randrange(len(word) + 1)
    return quote(word[:place]) + source.choice(bits) + quote(word[place:])


def swap_case(word: str, _: random.Random) -> str:
    return quote(word.swapcase())


def lengthen(word: str, source: random.Random) -> str:
    return quote(word) * source.choice([2, 10, 300])


MANGLES: list[Callable[[str, random.Random], str]] = [
    encode_all,
    encode_some,
    encode_twice,
    insert,
    insert,
    swap_case,
    lengthen,
]


def written(word: str, source: random.Random, chance: float = 0.15) -> str:
    """`word` as it stands in a target: percent-encoded where needed, or mangled."""
    if source.random() < chance:
        return source.choice(MANGLES)(word, source)
    return quote(word, safe="/:@!$&'()*,;=~._-")


def manifest_body(source: random.Random) -> bytes:
    """A manifest: a right one, one with a broken member, or what is hardly one at all."""
    choice = source.random()
    if choice < 0.3:
        return source.choice(KNOWN).manifest
    if choice < 0.8:
        return json.dumps(_mutated(json.loads(source.choice(KNOWN).manifest), source)).encode()
    return source.choice(_ODD_BODIES)


def _mutated(manifest: dict[str, object], source: random.Random) -> dict[str, object]:
    member = source.choice(
        [*manifest, "subject", "manifests", "artifactType", "annotations", "fsLayers", "config"]
    )
    manifest[member] = source.choice(_ODD_VALUES)
    if source.random() < 0.3:
        manifest.pop(source.choice(list(manifest)))
    return manifest


_DESCRIPTOR: dict[str, object] = {"mediaType": "x/y", "size": 1, "digest": UNKNOWN_DIGESTS[0]}
_ODD_VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    1 << 70,
    1.5,
    "",
    "x",
    "\x00",
    "\ud800",
    [],
    {},
    [[]],
    [None],
    [{}],
]
_ODD_VALUES += [_DESCRIPTOR, [_DESCRIPTOR], [_DESCRIPTOR] * 50, {**_DESCRIPTOR, "digest": "sha256:../../x"}]
_ODD_VALUES += [{**_DESCRIPTOR, "size": -1}, {**_DESCRIPTOR, "size": "1"}, {**_DESCRIPTOR, "digest": 7}]
_ODD_VALUES += [{**_DESCRIPTOR, "digest": DIGESTS[-1]}, {**_DESCRIPTOR, "urls": ["file:///etc/passwd"]}]
_ODD_VALUES += [{"a": "b" * 5000}, {"": ""}, {"a": 1}, "text/html\r\nX: y", "é" * 100]

_ODD_BODIES = [b"", b"{}", b"[]", b"null", b"0", b'"x"', b"{", b"\xff\xfe", b"\x00" * 50, b"[" * 50_000]
_ODD_BODIES += [
    b'{"a":' * 20_000,
    b'{"schemaVersion":2,"schemaVersion":1}',
    b"NaN",
    b'{"schemaVersion":1e999}',
]
_ODD_BODIES += [b"{}" + b" " * 90_000, b'{"schemaVersion":2,"manifests":[],"layers":[]}', b"\xef\xbb\xbf{}"]
_ODD_BODIES += [b'{"schemaVersion":1,"name":"x","tag":"y","fsLayers":[],"history":[],"signatures":[]}']
