"""Parsed manifests in memory: what they hold is bounded, whatever was pushed."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from moorage.digest import Digest
from moorage.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, parse
from moorage.store.manifestcache import ManifestCache
from moorage.store.parsing import parse_stored
from tests.support.garbage import collect

LIMIT = 1 << 19
PAYLOAD = 64 << 10
"""The bytes of a manifest that weighs too much to be kept whole."""
SMALL = 4 << 10
"""The bytes of one that does not."""
DIGEST = Digest.of(b"content")
ENTRY = f'{{"mediaType":"","size":1,"digest":"{DIGEST}"%s}}'


def index(members: str, number: int, entries: str = "") -> bytes:
    """No two numbers give the same."""
    entry = (ENTRY % members) + entries
    return (
        f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entry}],"number":{number}}}'
    ).encode()


def repeated(text: str, size: int = PAYLOAD) -> str:
    return ",".join([text] * (size // (len(text) + 1)))


def numbered(form: str, size: int) -> str:
    return ",".join(form % number for number in range(size // (len(form) + 4)))


HOSTILE: dict[str, Callable[[int, int], bytes]] = {
    "platform-of-objects": lambda number, size: index(f',"platform":{{"a":[{repeated("{}", size)}]}}', number),
    "platform-of-members": lambda number, size: index(f',"platform":{{{numbered(chr(34) + "%d" + chr(34) + ":1", size)}}}', number),
    "annotations": lambda number, size: index(f',"annotations":{{{numbered(chr(34) + "%d" + chr(34) + ":" + chr(34) * 2, size)}}}', number),
    "urls": lambda number, size: index(f',"urls":[{numbered(chr(34) + "%d" + chr(34), size)}]', number),
    "wide-text": lambda number, size: index(f',"artifactType":"{"x" * size}\U0001f600"', number),
    "wide-escaped-text": lambda number, size: index(f',"artifactType":"{"x" * size}\\ud83d\\ude00"', number),
    "empty-members": lambda number, size: index("", number, "," + repeated(ENTRY % ',"urls":[],"annotations":{},"platform":{}', size)),
    "children": lambda number, size: index("", number, "," + repeated(ENTRY % "", size)),
}  # fmt: skip


@pytest.fixture(scope="module")
def apart() -> Iterator[Executor]:
    """A process of its own: what other tests have left, and other threads take, is not counted there."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def held_bytes(kind: str, size: int) -> int:
    """The bytes that a cache takes that was given more than it may hold."""
    cache = ManifestCache(LIMIT)
    payloads = [HOSTILE[kind](number, size) for number in range(2 * LIMIT // size)]
    parse(payloads[0])
    collect()
    tracemalloc.start()
    try:
        for payload in payloads:
            # A copy, so that the bytes that the cache keeps are counted as its own.
            copy = bytes(bytearray(payload))
            cache.put(Digest.of(copy), parse(copy))
            del copy
        collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [SMALL, PAYLOAD], ids=["kept whole", "kept as bytes"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_the_cache_holds_no_more_memory_than_its_limit(apart: Executor, kind: str, size: int) -> None:
    assert LIMIT // 8 <= apart.submit(held_bytes, kind, size).result() <= LIMIT


DESCRIBED = {"mediaType": "a/b", "size": 1, "digest": DIGEST}
MANY_PAIRS: dict[str, Any] = {"none": None, **{f"{number:x}": "" for number in range(10_000)}}
HEAVY: dict[str, dict[str, Any]] = {
    "image": {
        "mediaType": OCI_MANIFEST,
        "config": DESCRIBED,
        "layers": [DESCRIBED] * 5000,
        "subject": DESCRIBED,
    },
    "index": {"mediaType": OCI_INDEX, "manifests": [DESCRIBED] * 5000, "artifactType": "x/y"},
    "annotations": {"mediaType": OCI_MANIFEST, "config": DESCRIBED, "annotations": MANY_PAIRS},
    "subject": {
        "mediaType": OCI_MANIFEST,
        "config": DESCRIBED,
        "annotations": {},
        "subject": {**DESCRIBED, "annotations": MANY_PAIRS},
    },
}


def told(found: Manifest) -> tuple[Any, ...]:
    """What answers, events and queries need of a manifest."""
    return (
        found.payload,
        found.media_type,
        found.blobs,
        found.manifests,
        found.subject and found.subject.digest,
        found.artifact_type,
        found.annotations,
        found.descriptor(DIGEST),
    )


@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_manifest_is_kept_in_little_more_memory_than_its_bytes(kind: str) -> None:
    payload = json.dumps({"schemaVersion": 2, **HEAVY[kind]}).encode()
    digest = Digest.of(payload)
    expected = told(parse(payload))
    cache = ManifestCache(4 * LIMIT)
    collect()
    tracemalloc.start()
    try:
        cache.put(digest, parse(payload))
        collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    kept = cache.get(digest)
    assert kept is not None
    assert told(kept) == expected
    assert held < 64 << 10


def test_a_large_manifest_that_is_refused_seems_to_refer_to_nothing_also_when_it_is_kept() -> None:
    payload = index("", 1, "," + repeated(ENTRY % "")).replace(b'"number"', b'"number":2,"number"')
    digest = Digest.of(payload)
    cache = ManifestCache(LIMIT)
    cache.put(digest, parse_stored(payload))
    kept = cache.get(digest)
    assert kept is not None
    assert (kept.payload, kept.media_type) == (payload, OCI_INDEX)
    assert (kept.blobs, kept.manifests, kept.annotations) == ((), (), None)


def test_a_kept_manifest_that_is_nested_too_deeply_for_a_second_look_is_served() -> None:
    deep = 900
    nested = b"[" * deep + b"]" * deep
    payload = index("", 1, "," + repeated(ENTRY % "")).replace(b'"number":1', b'"number":%b' % nested)
    cache = ManifestCache(LIMIT)
    cache.put(Digest.of(payload), parse(payload))
    kept = cache.get(Digest.of(payload))
    assert kept is not None

    def deeper(calls: int) -> int:
        assert kept is not None
        return deeper(calls - 1) if calls else len(kept.manifests)

    assert deeper(0) > 0
    assert deeper(500) >= 0
    assert kept.payload == payload


def test_one_that_alone_is_over_the_limit_drives_no_other_out() -> None:
    cache = ManifestCache(LIMIT)
    small = parse(index("", 1))
    cache.put(Digest.of(small.payload), small)
    large = parse(index(f',"platform":{{"a":"{"x" * LIMIT}"}}', 2))
    cache.put(Digest.of(large.payload), large)
    assert cache.get(Digest.of(small.payload)) is small
    assert cache.get(Digest.of(large.payload)) is None


def test_the_least_recently_used_goes_first() -> None:
    cache = ManifestCache(LIMIT)
    found = [parse(index(f',"platform":{{"a":"{"x" * PAYLOAD}"}}', number)) for number in range(12)]
    digests = [Digest.of(one.payload) for one in found]
    for digest, one in zip(digests, found, strict=True):
        cache.put(digest, one)
        cache.get(digests[0])
    kept = [cache.get(digest) is not None for digest in digests]
    assert kept[0]
    assert kept[-1]
    assert not kept[1]
