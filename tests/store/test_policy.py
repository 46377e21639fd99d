"""Which children of an index have to exist, whatever stands in their platforms, and which addresses layers may name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from moorage.app import build_registry
from moorage.config import load
from moorage.config.sections.validation import compiled
from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import ManifestBlobUnknown, ManifestInvalid
from moorage.manifest import OCI_INDEX, Manifest, parse
from moorage.names import Name
from moorage.store import layout
from moorage.store.checking.registry import Rules, check_registry
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.store.images import image, index

A = Name("a")
ABSENT = image("absent")
LISTED = ReferencePolicy(children="list", platforms=frozenset({("linux", "amd64")}))


def of_platform(platform: Any) -> bytes:
    document = json.loads(index(ABSENT).payload)
    document["manifests"][0]["platform"] = platform
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("platform", "required"),
    [
        ({"os": "linux", "architecture": "amd64"}, True),
        ({"os": "linux", "architecture": "arm64"}, False),
        ({"os": "linux"}, False),
        ({"os": ["linux"], "architecture": "amd64"}, False),
        ({"os": "linux", "architecture": {"amd64": 1}}, False),
        ({"os": 5, "architecture": None}, False),
        ({}, False),
        (None, False),
    ],
)
async def test_images_of_the_listed_platforms_have_to_exist(platform: Any, *, required: bool) -> None:
    """Also in a check of what is stored already, which other programs may have written."""
    payload = of_platform(platform)
    found = parse(payload, OCI_INDEX)
    assert LISTED.child_required(found.manifests[0]) == required
    registry = Registry(Stock(InMemoryDriver(), LISTED))
    digest = Digest.of(payload)
    link = layout.revision_link(A, digest)
    await registry.stock.driver.write([(layout.blob_data(digest), payload), (link, digest.encode())])
    report = await check_registry(registry, Rules(settled_seconds=-3600.0, notice_seconds=0.0))
    assert [one.kind for one in report.findings] == ["missing-blob"] * required


async def test_a_push_without_an_image_of_a_listed_platform_is_refused() -> None:
    manifests = Registry(Stock(InMemoryDriver(), LISTED)).repository("a").manifests
    await manifests.put(parse(of_platform({"os": "linux", "architecture": "arm64"})), [], [])
    with pytest.raises(ManifestBlobUnknown):
        await manifests.put(parse(of_platform({"os": "linux", "architecture": "amd64"})), [], [])


def naming(*urls: str) -> Manifest:
    """An image whose layer names addresses."""
    document = json.loads(image("a").payload)
    document["layers"][0]["urls"] = urls
    return parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("url", "permitted"),
    [
        ("https://example.com/layer", True),
        ("https://a.b.example.com/layer", True),
        ("https://www.example.com/layer", False),
        ("https://example.com.evil/layer", False),
        ("https://" + "a." * 40 + "x/", False),
        ("https://" + "a." * 500_000 + "x/", False),
    ],
    ids=["allowed", "below", "denied", "other", "many-labels", "very-many-labels"],
)
async def test_addresses_are_matched_in_linear_time(url: str, *, permitted: bool) -> None:
    """These patterns are those of the reference implementation's documentation. Engines that go back take for ever."""
    policy = ReferencePolicy(
        allow=[compiled(r"^https?://([^/]+\.)*example\.com/")],
        deny=[compiled(r"^https?://www\.example\.com/")],
    )
    if permitted:
        await policy.check(naming(url))
    else:
        with pytest.raises(ManifestInvalid):
            await policy.check(naming(url))


async def test_others_get_their_turn_while_many_addresses_are_checked() -> None:
    manifest = naming(*(f"http://{number}/" for number in range(10_000)))
    checking = asyncio.create_task(ReferencePolicy().check(manifest))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    await checking
    assert turns > 100


async def test_a_registry_reads_the_configured_patterns_as_the_reference_does(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    urls = r"{allow: ['^https://[[:alpha:]\pN]+/\pL+$'], deny: ['x\z']}"
    file.write_text(f"version: 0.1\nstorage: inmemory\nvalidation: {{manifests: {{urls: {urls}}}}}\n")
    policy = build_registry(load(file, {}).configuration, InMemoryDriver()).stock.policy
    await policy.check(naming("https://host1/a"))
    for refused in ("https://host1/x", "https://host.1/a"):
        with pytest.raises(ManifestInvalid):
            await policy.check(naming(refused))
