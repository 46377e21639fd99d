"""Manifests: one meaning or none; whatever the bytes, nothing but ManifestInvalid comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.digest import Digest
from moorage.errors import ManifestInvalid
from moorage.manifest import (
    ARTIFACT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    check_pushed,
    parse,
)
from moorage.wire import encode

DIGEST = Digest.of(b"content")
TYPES = [
    "",
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    "application/json",
    "text/html",
    "x" * 300,
]

LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=6)
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
DESCRIPTOR = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": st.sampled_from([OCI_MANIFEST, "a/b", "", 1, None]),
        "digest": st.sampled_from([DIGEST, "sha256:x", "", None]),
        "size": st.integers(-1, 2**70) | JSON,
        "urls": JSON,
        "annotations": st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5)) | JSON,
        "platform": JSON,
        "artifactType": JSON,
    },
)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.sampled_from([2, 1, "2", 2.0, None]),
        "mediaType": st.sampled_from(TYPES) | JSON,
        "artifactType": JSON,
        "config": DESCRIPTOR | JSON,
        "layers": st.lists(DESCRIPTOR, max_size=2) | JSON,
        "manifests": st.lists(DESCRIPTOR, max_size=2) | JSON,
        "subject": DESCRIPTOR | JSON,
        "annotations": JSON,
        "fsLayers": JSON,
        "history": JSON,
    },
)


def descriptor(**members: Any) -> dict[str, Any]:
    return {"mediaType": "application/x", "digest": DIGEST, "size": 7, **members}


def image(**members: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(),
        "layers": [descriptor()],
        **members,
    }


def index(**members: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor()], **members}


def without(name: str, document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def check(payload: bytes, content_type: str) -> None:
    """Refused, or understood so that it can be told on."""
    try:
        found = parse(payload, content_type)
    except ManifestInvalid as error:
        encode(error.entries())
        return
    assert found.payload == payload
    assert parse(payload).media_type == found.media_type, "the Content-Type is not stored"
    assert found.media_type.isascii()
    assert found.media_type.isprintable()
    for entry in (*found.blobs, *found.manifests, *([found.subject] if found.subject else [])):
        assert Digest.parse(entry.digest)
        assert entry.size >= 0
        assert None not in (entry.annotations or {}).values()
    assert None not in (found.annotations or {}).values()
    encode(found.descriptor(Digest.of(payload)))
    encode(list(found.manifests))
    try:
        check_pushed(found)
    except ManifestInvalid as error:
        encode(error.entries())


@settings(max_examples=400, deadline=None)
@given(document=DOCUMENT | JSON, content_type=st.sampled_from(TYPES))
def test_any_json_is_refused_or_understood(document: Any, content_type: str) -> None:
    check(json.dumps(document).encode(), content_type)


@given(
    payload=st.binary(max_size=60) | st.text('{}[]",:\\ue0123', max_size=30).map(str.encode),
    content_type=st.text(max_size=10),
)
def test_any_bytes_are_refused_or_understood(payload: bytes, content_type: str) -> None:
    check(payload, content_type)


@pytest.mark.parametrize(
    ("document", "content_type", "found"),
    [
        (image(), OCI_MANIFEST, OCI_MANIFEST),
        (image(), "", OCI_MANIFEST),
        (image(), "application/json; charset=utf-8", OCI_MANIFEST),
        (image(), OCI_MANIFEST.upper() + " ; x=y", OCI_MANIFEST),
        (image(mediaType=None), OCI_MANIFEST, OCI_MANIFEST),
        (image(mediaType=None), "", OCI_MANIFEST),
        (image(mediaType=""), OCI_MANIFEST, OCI_MANIFEST),
        (index(mediaType=None), "", OCI_INDEX),
        (index(mediaType=""), OCI_INDEX, OCI_INDEX),
        (index(manifests=[]), OCI_INDEX, OCI_INDEX),
        (image(mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (index(mediaType=DOCKER_LIST), DOCKER_LIST, DOCKER_LIST),
        # As Go writes lists without anything in them.
        (image(layers=None), OCI_MANIFEST, OCI_MANIFEST),
        (image(layers=None), "", OCI_MANIFEST),
        (image(layers=None, manifests=None), "", OCI_MANIFEST),
        (image(layers=None, mediaType=None), "", OCI_MANIFEST),
        (image(layers=None, mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (without("layers", image()), "", OCI_MANIFEST),
        (without("layers", image(mediaType=None)), OCI_MANIFEST, OCI_MANIFEST),
        (index(manifests=None), OCI_INDEX, OCI_INDEX),
        (index(manifests=None, config=None, layers=None), "", OCI_INDEX),
        (index(manifests=None, mediaType=DOCKER_LIST), DOCKER_LIST, DOCKER_LIST),
        (index(manifests=None, mediaType=None), OCI_INDEX, OCI_INDEX),
        (index(manifests=None, mediaType=None), "", OCI_INDEX),
        (without("manifests", index()), OCI_INDEX, OCI_INDEX),
        (without("manifests", index(mediaType=DOCKER_LIST)), "", DOCKER_LIST),
    ],
)
def test_one_media_type_is_found(document: dict[str, Any], content_type: str, found: str) -> None:
    payload = json.dumps(document).encode()
    assert parse(payload, content_type).media_type == found
    assert parse(payload).media_type == found, "the Content-Type is not stored"


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (image(manifests=[]), OCI_MANIFEST),
        (image(manifests=[descriptor()]), OCI_INDEX),
        (index(config=descriptor()), OCI_INDEX),
        (index(layers=[]), ""),
        (image(), OCI_INDEX),
        (index(), OCI_MANIFEST),
        (image(), DOCKER_MANIFEST),
        (image(mediaType=None), OCI_INDEX),
        (image(mediaType=None), DOCKER_MANIFEST),
        (index(mediaType=None), DOCKER_LIST),
        (image(schemaVersion=1), OCI_MANIFEST),
        (image(schemaVersion=None), OCI_MANIFEST),
        (image(fsLayers=[]), OCI_MANIFEST),
        (image(config=None), OCI_MANIFEST),
        (image(config=None, layers=None), OCI_MANIFEST),
        (image(config=None, layers=None, mediaType=None), ""),
        (image(mediaType=""), OCI_INDEX),
        (image(mediaType=""), DOCKER_MANIFEST),
        (index(mediaType=""), DOCKER_LIST),
        (without("manifests", index(mediaType=None)), OCI_INDEX),
        (without("manifests", index(mediaType=None)), ""),
        (without("manifests", index(mediaType="")), OCI_INDEX),
        (index(manifests=None, mediaType=None), OCI_MANIFEST),
        (index(manifests=None, mediaType=None), DOCKER_LIST),
        (index(manifests=None, layers=[]), OCI_INDEX),
        (image(layers=None), OCI_INDEX),
        (image(layers=[None]), OCI_MANIFEST),
        (index(manifests=[descriptor(platform=[])]), OCI_INDEX),
        (index(manifests=[descriptor(platform="linux")]), OCI_INDEX),
        (image(Layers=[]), OCI_MANIFEST),
        (image(MediaType=OCI_MANIFEST), ""),
        ({**image(), "\u017fubject": descriptor()}, ""),
        (image(config=descriptor(Digest=DIGEST)), ""),
        (image(layers=[descriptor(), descriptor(SIZE=8)]), ""),
        (image(subject=descriptor(Digest=DIGEST)), ""),
        (index(manifests=[descriptor(URLs=[])]), ""),
        (image(mediaType="application/vnd.example+json"), ""),
        (image(mediaType=OCI_MANIFEST + "\r\nX-Evil: 1"), ""),
        (image(mediaType=OCI_MANIFEST + "\u00e9"), ""),
        (image(mediaType=OCI_MANIFEST + " "), ""),
        (image(config=descriptor(digest="sha256:../../x")), ""),
        (image(layers=[descriptor(size=-1)]), ""),
        (image(layers=[descriptor(size="7")]), ""),
        (image(subject={"mediaType": "x"}), ""),
        (image(subject=descriptor(digest="x")), ""),
        (index(manifests=[descriptor(digest="md5:" + "0" * 32)]), ""),
    ],
)
def test_two_meanings_or_none_are_refused(document: dict[str, Any], content_type: str) -> None:
    with pytest.raises(ManifestInvalid):
        parse(json.dumps(document).encode(), content_type)


def test_only_members_that_mean_something_need_the_spelling_of_the_specification() -> None:
    names = {"Size": "1", "DIGEST": "x", "Layers": "y"}
    parse(json.dumps(image(annotations=names, config=descriptor(annotations=names), Other=names)).encode())


def test_a_platform_is_told_on_as_it_was_written() -> None:
    written = '{"os" : "linux", "architecture":"amd64","os.features":[ "a" ], "more": {"x": 1e2}}'
    text = json.dumps(index(manifests=[descriptor(platform="PLATFORM"), descriptor(platform=None)]))
    first, second = parse(text.replace('"PLATFORM"', written).encode()).manifests
    assert first.platform == json.loads(written)
    assert encode(first).endswith(f'"platform":{written}}}'.encode())
    assert second.platform is None
    assert b"platform" not in encode(second)


@pytest.mark.parametrize("key", ["mediaType", "config", "layers", "unknown"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    text = json.dumps(image(unknown=1))
    with pytest.raises(ManifestInvalid, match="twice"):
        parse((text[:-1] + f', "{key}": null}}').encode())
    with pytest.raises(ManifestInvalid, match="twice"):
        parse(json.dumps(image(unknown={"x": "Y"})).replace('"Y"', '{"a": 1, "a": 2}').encode())


def test_a_number_of_any_length_in_an_unknown_field_is_kept() -> None:
    payload = json.dumps(image(x="WORD")).replace('"WORD"', "1" * 5_000).encode()
    assert parse(payload).payload == payload


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "'x'", "01", "+1", "1e", "\\u0000"])
def test_what_is_no_json_is_refused(word: str) -> None:
    with pytest.raises(ManifestInvalid):
        parse(json.dumps(image(x="WORD")).replace('"WORD"', word).encode())


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [900, 1_500, 200_000])
def test_deep_nesting_is_refused_or_harmless(opening: str, depth: int) -> None:
    check((opening * depth).encode(), OCI_MANIFEST)
    closing = "".join({"[": "]", "{": "}"}[letter] for letter in reversed(opening) if letter in "[{")
    text = json.dumps(index(manifests=[descriptor(platform={"x": "DEEP"})]))
    check(text.replace('"DEEP"', opening * depth + "1" + closing * depth).encode(), OCI_INDEX)


def test_the_artifact_type_is_its_own_or_that_of_the_config() -> None:
    own = parse(json.dumps(image(artifactType="a/b")).encode())
    config = parse(json.dumps(image(config=descriptor(mediaType="c/d"))).encode())
    assert (own.artifact_type, config.artifact_type) == ("a/b", "c/d")
    assert parse(json.dumps(index()).encode()).artifact_type is None


def test_schema_1_is_refused_with_advice() -> None:
    for payload, content_type in (
        (b'{"schemaVersion": 1, "fsLayers": []}', ""),
        (b"not json", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ):
        with pytest.raises(ManifestInvalid, match="schema 1"):
            parse(payload, content_type)


@pytest.mark.parametrize("declared", [ARTIFACT, ""])
def test_an_artifact_manifest_is_refused_with_advice(declared: str) -> None:
    payload = {"mediaType": ARTIFACT, "artifactType": "a/b", "blobs": [descriptor()], "subject": descriptor()}
    with pytest.raises(
        ManifestInvalid, match="withdrawn from the specification: push it as an image manifest"
    ):
        parse(json.dumps(payload).encode(), declared)


def test_a_descriptor_needs_nothing_but_its_digest() -> None:
    bare = {"digest": DIGEST}
    found = parse(json.dumps(image(config=bare, layers=[bare], subject=bare)).encode(), OCI_MANIFEST)
    assert found.subject is not None
    assert [one.digest for one in (*found.blobs, found.subject)] == [DIGEST] * 3
    assert found.artifact_type is None
    assert parse(json.dumps(index(manifests=[bare])).encode()).manifests[0].digest == DIGEST
    # In lists of referrers and in events.
    assert encode(found.subject) == f'{{"mediaType":"","size":0,"digest":"{DIGEST}"}}'.encode()


def test_null_in_a_descriptor_or_as_an_annotation_is_empty_as_for_go() -> None:
    null = {"mediaType": None, "digest": DIGEST, "size": None, "urls": [None], "annotations": {"a": None}}
    of_image = parse(
        json.dumps(image(layers=[null], subject=null, annotations={"a": None, "b": "c"})).encode()
    )
    (child,) = parse(json.dumps(index(manifests=[null])).encode()).manifests
    assert of_image.subject is not None
    for found in (of_image.blobs[1], of_image.subject, child):
        assert (found.media_type, found.size, found.urls, found.annotations) == ("", 0, [""], {"a": ""})
    assert encode(of_image.descriptor(DIGEST)).endswith(
        b'"annotations":{"a":"","b":"c"},"artifactType":"application/x"}'
    )


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"size": 2**63}, "size"),
        ({"size": 10**30}, "size"),
        ({"platform": {"os": 5}}, r"\$\.os`"),
        ({"platform": {"os": ["linux"]}}, r"\$\.os`"),
        ({"platform": {"architecture": {}}}, "architecture"),
        ({"platform": {"os.version": 1.0}}, "os.version"),
        ({"platform": {"os.features": "x"}}, "os.features"),
        ({"platform": {"os.features": [1]}}, "os.features"),
        ({"platform": {"variant": 7}}, "variant"),
        ({"platform": {"features": "x"}}, "features"),
    ],
)
def test_what_go_cannot_hold_is_refused_when_pushed_and_can_be_read_all_the_same(
    members: dict[str, Any], reason: str
) -> None:
    for document in (
        image(config=descriptor(**members)),
        image(layers=[descriptor(**members)]),
        index(manifests=[descriptor(), descriptor(**members)]),
    ):
        found = parse(json.dumps(document).encode())
        with pytest.raises(ManifestInvalid, match=reason) as refused:
            check_pushed(found)
        assert refused.value.detail == {"digest": DIGEST}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"size": 2**63 - 1},
        {"platform": None},
        {"platform": {}},
        {"platform": {"os": None, "architecture": None, "os.features": [None], "features": None}},
        {
            "platform": {
                "os": "linux",
                "architecture": "arm",
                "variant": "v7",
                "os.features": ["a"],
                "more": 5,
            }
        },
    ],
)
def test_what_go_can_hold_may_be_pushed(members: dict[str, Any]) -> None:
    check_pushed(parse(json.dumps(index(manifests=[descriptor(**members)])).encode()))
