"""Content of other repositories: it is not to be had by any way that makes no question of its own about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from moorage.digest import Digest
from tests.access.cases import IMAGES, REPOSITORIES, Upload
from tests.access.credentials import bearer, issued
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import HAS
from tests.store.images import noise

A, B = REPOSITORIES["A"], REPOSITORIES["B"]
PUSHER: Final = "push A"
"""May do nothing in B, where all that is asked for here lies."""
THEIRS: Final = Digest.of(IMAGES["only in B"].blobs[1])
NOWHERE: Final = Digest.of(b"this is nowhere")


@pytest.fixture(params=["tokens", "rules", "rules, by password"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded(request.param, tmp_path / "g", plain) as made:
        yield made


@pytest.fixture
async def uploads(registry: Registry) -> dict[str, Upload]:
    """One of somebody else in B, with content."""
    begun = await registry.ask("admin", "POST", f"/v2/{B}/blobs/uploads/")
    location = begun.headers["location"]
    written = await registry.ask("admin", "PATCH", location, b"theirs")
    path, _, state = written.headers["location"].partition("?_state=")
    registry.keep()
    return {"theirs": Upload(path.rpartition("/")[2], state)}


async def served_here(registry: Registry, digest: Digest) -> list[int]:
    return [
        (await registry.ask(PUSHER, method, f"/v2/{A}/blobs/{digest}")).status for method in ("HEAD", "GET")
    ]


async def test_a_digest_of_another_repository_is_unknown_in_mine(registry: Registry) -> None:
    """CVE-2024-39897: any blob could be read by who knew its digest, for content is kept once."""
    assert await served_here(registry, THEIRS) == [404, 404]
    for image in (IMAGES["only in B"],):
        for path in (f"manifests/{image.digest}", f"referrers/{image.digest}"):
            answer = await registry.ask(PUSHER, "GET", f"/v2/{A}/{path}")
            assert answer.status == 404 or answer.json["manifests"] == []


@pytest.mark.parametrize(
    "query",
    [
        f"mount={THEIRS}&from={B}",
        f"mount={THEIRS}",
        f"mount={THEIRS}&from=",
        f"mount={THEIRS}&from={A}",
        f"mount={THEIRS}&from={A}&from={B}",
        f"mount={THEIRS}&from={B}&from={A}",
        f"from={B}&mount={THEIRS}",
        f"mount={THEIRS}&from={B}%00",
        f"mount={THEIRS}&from=%20{B}",
        f"mount={THEIRS}&from={B}/",
        f"mount={THEIRS}&from=/{B}",
        f"mount={THEIRS}&from={B.upper()}",
        f"mount={THEIRS}&from={A}/../../{B}",
        f"mount={THEIRS}&from=../{B}",
        f"mount={THEIRS}&from=*",
        f"mount={THEIRS}&from=**",
        f"mount={THEIRS}&FROM={B}",
        f"mount={THEIRS}&from={quote(B, safe='')}",
        f"mount={NOWHERE}&mount={THEIRS}&from={B}",
    ],
)
async def test_a_mount_takes_pull_where_the_blob_comes_from(query: str, registry: Registry) -> None:
    """The client is told to upload instead, the same whether the blob or its repository is there or not."""
    answer = await registry.ask(PUSHER, "POST", f"/v2/{A}/blobs/uploads/?{query}")
    assert answer.status == 202
    assert await served_here(registry, THEIRS) == [404, 404]
    nothing = query.replace(THEIRS, NOWHERE).replace("beta", "betta").replace("BETA", "BETTA")
    other = await registry.ask(PUSHER, "POST", f"/v2/{A}/blobs/uploads/?{nothing}")
    told = {"location", "docker-upload-uuid", "x-request-id"}
    assert (other.status, other.body) == (answer.status, answer.body)
    assert {*other.headers} == {*answer.headers}
    assert {name: value for name, value in answer.headers.items() if name not in told} == {
        name: value for name, value in other.headers.items() if name not in told
    }


async def test_whoever_may_pull_there_may_mount(registry: Registry) -> None:
    """Else the test above would say nothing."""
    mine = Digest.of(IMAGES["in A"].blobs[1])
    for identity, expected in (("pull A, push B", 201), ("admin", 201)):
        answer = await registry.ask(identity, "POST", f"/v2/{B}/blobs/uploads/?mount={mine}&from={A}")
        assert answer.status == expected, identity
        registry.restore()


async def test_whoever_lists_all_does_not_thereby_mount_from_all(tmp_path: Path) -> None:
    """The catalog shows what its reader may pull, though his token is not for pulling it."""
    mine = Digest.of(IMAGES["in A"].blobs[1])
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as registry:
        scope = f"repository:{B}:pull,push registry:catalog:*"
        token = bearer(await issued(registry.client, "admin", scope))
        assert A in (await registry.client("GET", "/v2/_catalog", headers=token)).json["repositories"]
        target = f"/v2/{B}/blobs/uploads/?mount={mine}&from={A}"
        assert (await registry.client("POST", target, headers=token)).status == 202


@pytest.mark.parametrize("body", [b"", b"something else", b"\0" * 301])
async def test_a_digest_alone_links_nothing(body: bytes, registry: Registry) -> None:
    """CVE-2026-52812: content that is there already counted as pushed, without being sent."""
    for target in (f"?digest={THEIRS}", f"?digest={THEIRS}&mount={THEIRS}&from={B}"):
        answer = await registry.ask(PUSHER, "POST", f"/v2/{A}/blobs/uploads/{target}", body)
        assert answer.status == 400, answer.body
        assert answer.codes == ["DIGEST_INVALID"]
    begun = await registry.ask(PUSHER, "POST", f"/v2/{A}/blobs/uploads/")
    finished = await registry.ask(PUSHER, "PUT", f"{begun.headers['location']}&digest={THEIRS}", body)
    assert finished.status == 400
    assert await served_here(registry, THEIRS) == [404, 404]
    assert (await registry.ask("admin", "GET", f"/v2/{B}/blobs/{THEIRS}")).body == IMAGES["only in B"].blobs[
        1
    ]


async def test_a_manifest_cannot_refer_to_content_of_another_repository(registry: Registry) -> None:
    """CVE-2026-28740: what a manifest named became readable through it."""
    image = IMAGES["only in B"]
    for reference in ("stolen", str(image.digest)):
        answer = await registry.ask(
            PUSHER,
            "PUT",
            f"/v2/{A}/manifests/{reference}",
            image.payload,
            (("content-type", image.media_type),),
        )
        assert answer.status == 400
        assert set(answer.codes) == {"MANIFEST_BLOB_UNKNOWN"}
    assert not registry.differences()


@pytest.mark.parametrize("with_state", [True, False])
async def test_an_upload_of_another_repository_is_unknown_in_mine(
    with_state: bool, registry: Registry, uploads: dict[str, Upload]
) -> None:
    """CVE-2026-32589: uploads were found by their id alone, so whoever might push somewhere could read and change all."""
    theirs = uploads["theirs"]
    state = f"_state={theirs.state}&" if with_state else ""
    for method, body in (("GET", b""), ("HEAD", b""), ("PATCH", b"mine"), ("PUT", b"mine"), ("DELETE", b"")):
        target = f"/v2/{A}/blobs/uploads/{theirs.id}?{state}digest={Digest.of(b'theirsmine')}"
        answer = await registry.ask(PUSHER, method, target, body)
        assert answer.status == (400 if with_state else 404), method
        assert not registry.differences(), method
    target = f"/v2/{B}/blobs/uploads/{theirs.id}?_state={theirs.state}&digest={Digest.of(b'theirs')}"
    for identity in HAS:
        if identity not in ("admin", "pull A, push B"):
            assert (await registry.ask(identity, "GET", target)).status in (401, 403)
    assert (await registry.ask("admin", "PUT", target)).status == 201


async def test_a_wrong_digest_leaves_what_is_there_as_it_is(registry: Registry) -> None:
    """CVE-2026-25921: content under a name that it does not have replaced the right one everywhere."""
    other = noise("other", 300)
    begun = await registry.ask(PUSHER, "POST", f"/v2/{A}/blobs/uploads/")
    mine = Digest.of(IMAGES["in A"].blobs[1])
    assert (
        await registry.ask(PUSHER, "PUT", f"{begun.headers['location']}&digest={mine}", other)
    ).status == 400
    assert (await registry.ask(PUSHER, "GET", f"/v2/{A}/blobs/{mine}")).body == IMAGES["in A"].blobs[1]
