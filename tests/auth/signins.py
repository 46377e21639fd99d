"""A password controller with all its parts, for people who sign in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from moorage.auth.base import Access, AccessRefused, Credentials, Grant
from moorage.auth.htpasswd import Htpasswd
from moorage.auth.passwords import Hashing, PasswordFile
from moorage.auth.remembered import Remembered
from moorage.auth.throttle import Throttle
from tests.auth.hashing import Clock, Counted, header, line

WANTED = [Access("repository", "team/app", "pull"), Access("repository", "team/app", "push")]
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Registry:
    """A controller with its parts, on the folder's file, or else one of alice (password `a`) and bob (`b`)."""

    def __init__(
        self,
        folder: Path,
        hashing: Hashing,
        *,
        content: str = "",
        remembered: Remembered | None = None,
        throttle: Throttle | None = None,
        waiting: int = 32,
    ) -> None:
        self.file = folder / "htpasswd"
        if not self.file.exists():
            self.file.write_text(content or line("alice", "a") + line("bob", "b"))
        self.controller = Htpasswd(
            PasswordFile(str(self.file), hashing=hashing),
            "Example",
            remembered or Remembered(),
            throttle or Throttle(now=Clock()),
            waiting=waiting,
        )

    async def authorize(self, user: str, password: str, address: str = HERE) -> Grant:
        return await self.controller.authorize(Credentials(header(user, password), address), WANTED)

    async def answers(self, user: str, password: str, address: str = HERE) -> str:
        """`granted`, or the name of the refusal."""
        try:
            grant = await self.authorize(user, password, address)
        except AccessRefused as refusal:
            return type(refusal).__name__
        assert grant.user == user
        return "granted"

    def begun(self, user: str, password: str, address: str = HERE) -> asyncio.Task[str]:
        return asyncio.create_task(self.answers(user, password, address))


@asynccontextmanager
async def registry(folder: Path, hashing: Hashing, **parts: object) -> AsyncIterator[Registry]:
    built = Registry(folder, hashing, **parts)  # type: ignore[arg-type]  # handed on as they are
    try:
        yield built
    finally:
        await built.controller.close()


async def until_begun(hashing: Counted, calls: int) -> None:
    """A thread begins a check whenever it gets its turn."""
    await _until(lambda: len(hashing.costs) >= calls, "the check does not begin")


async def until_through(hashing: Counted, calls: int) -> None:
    """And comes to the gate, and through it, after that."""
    await _until(lambda: hashing.through >= calls, "the check stays before the gate")


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(otherwise)
