"""Where deleting is not enabled, nobody deletes, by whatever way."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from tests.access.cases import IMAGES, REPOSITORIES, TAGS
from tests.access.registries import CONFIGURATIONS, HTTP, IDENTITIES, Registry, open_registry
from tests.access.table import HAS
from tests.api.client import application, serving

A = REPOSITORIES["A"]


@pytest.mark.parametrize("kind", ["open", "passwords", "tokens", "rules"])
async def test_it_is_405_for_everybody_by_every_route(kind: str, tmp_path: Path) -> None:
    """CVE-2026-41888: tags were deleted by another way, which did not ask whether deleting was enabled."""
    image, other = IMAGES["in A"], IMAGES["missing"]
    targets = [
        f"/v2/{A}/{path}{end}"
        for path in (
            f"manifests/{TAGS['in A']}", f"manifests/{image.digest}", f"manifests/{image.sha512}", f"manifests/{other.digest}", "manifests/none", "manifests/latest",
            *(f"blobs/{Digest.of(blob)}" for blob in image.blobs), f"blobs/{image.digest}", f"blobs/{other.digest}", "manifests/-", "blobs/none",
        )
        for end in ("", "/", "?force=true", "?tag=one")
    ]  # fmt: skip
    async with open_registry(tmp_path / "open") as (plain, _):
        more = "" if kind == "open" else CONFIGURATIONS[kind](tmp_path)
        made = application(tmp_path / "guarded", "  inmemory: {}\n", HTTP + more)
        async with serving(made) as client:
            driver = made._driver
            assert isinstance(driver, InMemoryDriver)
            registry = Registry(kind, client, driver, tmp_path)
            for path, data in plain.kept.items():
                if path.startswith("/docker/"):
                    registry.plant(path, data)
            registry.identities = {} if kind == "open" else await IDENTITIES[kind](registry)
            registry.keep()
            for target in targets:
                for identity in HAS:
                    answer = await registry.ask(identity, "DELETE", target)
                    assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"]), (identity, target)
            for path in (
                "/v2/_catalog",
                f"/v2/{A}/tags/list",
                f"/v2/{A}/referrers/{image.digest}",
                f"/v2/{A}",
                "/v2/",
            ):
                assert (await registry.ask("admin", "DELETE", path)).status in (404, 405)
            assert not registry.differences()
