"""An upload goes on with the token that was valid when it began; and nothing else does."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from moorage.api.resume import Beginning, States
from moorage.digest import Digest
from moorage.manifest import OCI_MANIFEST
from moorage.names import Name, UploadId
from tests.access.cases import CHUNK, IMAGES, REPOSITORIES, TAGS, Upload
from tests.access.credentials import Headers, bearer, issued, resigned, service_token, user
from tests.access.registries import SECRET, Registry, guarded, open_registry, upload_at
from tests.api.client import Answer
from tests.auth.hashing import line

A, B = REPOSITORIES["A"], REPOSITORIES["B"]
WEEK: Final = 7 * 86_400
STATES: Final = States(hashlib.sha256(SECRET.encode()).digest())
LOOK: Final = 1.1
"""Seconds after which a changed file has been noticed for sure."""


@pytest.fixture(params=["tokens", "rules"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of a token service elsewhere, and of the built-in one."""
    return str(request.param)


@dataclass(frozen=True)
class Late:
    """An upload of the repository `name` that `who` began `ago` seconds before now, and what is sent with it."""

    registry: Registry
    upload: Upload
    headers: Headers
    name: str = A

    async def __call__(self, method: str, body: bytes = b"", query: str = "") -> Answer:
        state = f"_state={quote(self.upload.state)}" if self.upload.state else ""
        target = f"/v2/{self.name}/blobs/uploads/{self.upload.id}?{state}{query}"
        return await self.registry.client(method, target, body, self.headers)

    async def refused(self) -> None:
        """Whatever is tried, and nothing changes."""
        before = {path: bytes(file.data) for path, file in self.registry.driver._files.items()}
        for method, body in (("GET", b""), ("HEAD", b""), ("PATCH", CHUNK), ("PUT", CHUNK), ("DELETE", b"")):
            answer = await self(method, body, f"&digest={Digest.of(CHUNK)}")
            assert answer.status == 401, (method, answer.status, answer.body)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert before == {path: bytes(file.data) for path, file in self.registry.driver._files.items()}


@asynccontextmanager
async def registry_of(kind: str, folder: Path) -> AsyncIterator[Registry]:
    async with open_registry(folder) as (plain, _), guarded(kind, folder / "guarded", plain) as registry:
        yield registry


async def token(registry: Registry, identity: str, since: float, until: float) -> Headers:
    """One that was valid between so many seconds before now."""
    now = int(time.time())
    moments: dict[str, Any] = {"iat": now - int(since), "nbf": now - int(since), "exp": now - int(until)}
    if registry.name == "tokens":
        return bearer(service_token(identity, **moments))
    return bearer(resigned(registry.driver, await issued(registry.client, identity), **moments))


async def late(
    registry: Registry,
    ago: float = 700,
    *,
    since: float = 900,
    until: float = 600,
    who: str = "admin",
    name: str = A,
) -> Late:
    """An upload as if it had been begun `ago` seconds before now, and a token that ended `until` seconds before now."""
    begun = await registry.ask(who, "POST", f"/v2/{name}/blobs/uploads/")
    assert begun.status == 202
    upload = upload_at(begun.headers["location"])
    identity = Name(name), UploadId(upload.id)
    known = STATES.verify(upload.state, *identity)
    assert known.beginning.user == user(who)
    assert abs(known.beginning.time - time.time()) < 60
    beginning = Beginning(user(who), time.time() - ago)
    state = STATES.sign(*identity, known.progress, known.algorithms, beginning)
    return Late(registry, Upload(upload.id, state), await token(registry, who, since, until), name)


async def test_it_goes_on_after_the_token_has_ended(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        assert (await upload("GET")).status == (await upload("HEAD")).status == 204
        first = await upload("PATCH", CHUNK)
        assert first.status == 202
        # The state in each answer tells of the same beginning.
        upload = replace(upload, upload=upload_at(first.headers["location"]))
        second = await upload("PATCH", CHUNK)
        assert second.status == 202
        upload = replace(upload, upload=upload_at(second.headers["location"]))
        digest = Digest.of(CHUNK * 3)
        assert (await upload("PUT", CHUNK, f"&digest={digest}")).status == 201
        assert (await registry.ask("admin", "HEAD", f"/v2/{A}/blobs/{digest}")).headers[
            "content-length"
        ] == "3000"


async def test_it_may_be_cancelled(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        assert (await upload("DELETE")).status == 204
        assert (await upload("GET")).status == 404


async def test_the_state_is_for_one_upload(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        mine, other = await late(registry), await late(registry)
        await replace(mine, upload=Upload(other.upload.id, mine.upload.state)).refused()
        await replace(mine, upload=Upload(UploadId.new(), mine.upload.state)).refused()


async def test_the_state_is_for_one_repository(kind: str, tmp_path: Path) -> None:
    """Though the token was for both."""
    async with registry_of(kind, tmp_path) as registry:
        await replace(await late(registry), name=B).refused()
        assert (await (await late(registry, name=B))("GET")).status == 204


async def test_nobody_goes_on_with_an_upload_of_another_user(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry, who="admin")
        await replace(upload, headers=await token(registry, "push A", 900, 600)).refused()
        upload = await late(registry, who="push A")
        await replace(upload, headers=await token(registry, "admin", 900, 600)).refused()


@pytest.mark.parametrize(
    "tampered",
    [
        lambda state: "",
        lambda state: state[:-4],
        lambda state: state + "AAAA",
        lambda state: state[:43] + ("A" if state[43] != "A" else "B") + state[44:],
        lambda state: "A" * len(state),
        lambda state: f"{state}&_state={state}"[len(state) :],
        lambda state: "%00",
        lambda state: state.swapcase(),
    ],
)
async def test_the_state_must_be_there_and_whole(
    kind: str, tampered: Callable[[str], str], tmp_path: Path
) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        await replace(upload, upload=Upload(upload.upload.id, tampered(upload.upload.state))).refused()


async def test_a_state_under_another_key_is_nothing(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        identity = Name(A), UploadId(upload.upload.id)
        known = STATES.verify(upload.upload.state, *identity)
        forged = States(b"another key".ljust(32)).sign(
            *identity, known.progress, known.algorithms, known.beginning
        )
        await replace(upload, upload=Upload(upload.upload.id, forged)).refused()


@pytest.mark.parametrize("ago", [500, 100, 0])
async def test_the_token_must_have_been_valid_when_the_upload_began(
    kind: str, ago: int, tmp_path: Path
) -> None:
    """It ended 600 seconds ago, and clocks may differ by a minute."""
    async with registry_of(kind, tmp_path) as registry:
        await (await late(registry, ago)).refused()


async def test_an_upload_begins_when_it_is_let_in_however_long_the_storage_takes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    async with registry_of(kind, tmp_path) as registry:
        begin = registry.driver.begin

        async def slow(path: str, data: bytes, file: str) -> str:
            asked.append(time.time())
            await asyncio.sleep(0.01)
            return await begin(path, data, file)

        monkeypatch.setattr(registry.driver, "begin", slow)
        begun = await registry.ask("admin", "POST", f"/v2/{A}/blobs/uploads/")
        upload = upload_at(begun.headers["location"])
        assert STATES.verify(upload.state, Name(A), UploadId(upload.id)).beginning.time <= asked[0]


async def test_nor_may_the_upload_be_older_than_the_token(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        await (await late(registry, 1000)).refused()


async def test_after_the_age_at_which_uploads_are_purged_it_is_over(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        since, until = WEEK + 1000, WEEK - 3000
        await (await late(registry, WEEK + 10, since=since, until=until)).refused()
        assert (await (await late(registry, WEEK - 100, since=since, until=until))("GET")).status == 204


async def test_the_token_must_have_allowed_it_then(kind: str, tmp_path: Path) -> None:
    """Here the upload was begun under the same name with a token that allowed more."""
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        now = int(time.time())
        access = [{"type": "repository", "name": A, "actions": ["pull"]}]
        moments: dict[str, Any] = {"iat": now - 900, "nbf": now - 900, "exp": now - 600, "access": access}
        if kind == "tokens":
            weaker = service_token("admin", **moments)
        else:
            weaker = resigned(registry.driver, await issued(registry.client, "admin"), **moments)
        await replace(upload, headers=bearer(weaker)).refused()


async def test_it_is_for_nothing_but_the_upload(kind: str, tmp_path: Path) -> None:
    async with registry_of(kind, tmp_path) as registry:
        upload = await late(registry)
        state = f"?_state={quote(upload.upload.state)}"
        image, tag = IMAGES["in A"], TAGS["in A"]
        for method, path, body in (
            ("GET", "/v2/", b""),
            ("GET", "/v2/_catalog", b""),
            ("GET", f"/v2/{A}/tags/list", b""),
            ("GET", f"/v2/{A}/manifests/{tag}", b""),
            ("PUT", f"/v2/{A}/manifests/{tag}", image.payload),
            ("PUT", f"/v2/{A}/manifests/{image.digest}", image.payload),
            ("DELETE", f"/v2/{A}/manifests/{tag}", b""),
            ("GET", f"/v2/{A}/blobs/{Digest.of(image.blobs[0])}", b""),
            ("DELETE", f"/v2/{A}/blobs/{Digest.of(image.blobs[0])}", b""),
            ("GET", f"/v2/{A}/referrers/{image.digest}", b""),
            ("POST", f"/v2/{A}/blobs/uploads/", b""),
        ):
            headers = (*upload.headers, ("content-type", OCI_MANIFEST))
            answer = await registry.client(method, path + state, body, headers)
            assert answer.status == 401, (method, path)


async def test_a_changed_password_ends_it(tmp_path: Path) -> None:
    """So does a user who is gone. A token service elsewhere knows its users itself."""
    async with registry_of("rules", tmp_path) as registry:
        mine, gone = await late(registry), await late(registry, who="push A")
        assert (await mine("GET")).status == (await gone("GET")).status == 204
        (registry.folder / "htpasswd").write_text(line(user("admin"), "another password"))
        await asyncio.sleep(LOOK)
        await mine.refused()
        await gone.refused()
