"""An application whose disk fails, and what clients must not be told of it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from moorage.app import Application
from moorage.drivers.filesystem import FilesystemDriver
from tests.api.client import Answer, Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.contracts.disk import Failing

WRITING = ("write", "mkdir", "rename", "fsync")
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Broken(Failing):
    """Every call of some names fails while `armed`, but for the first `after_calls` of them."""

    def __init__(self, error: int, *names: str) -> None:
        super().__init__(0, error)
        self.names = names
        self.after_calls = 0

    def before(self, name: str, args: tuple[object, ...]) -> None:
        if not self.armed or name not in self.names:
            return
        self.after_calls -= 1
        if self.after_calls < 0:
            raise OSError(self.error, f"/secret/path of {name}")


def with_disk(app: Application, disk: Failing) -> Application:
    driver = cast(FilesystemDriver, app._driver)
    parts = (driver, driver._folders, driver._removing, driver._taking, driver._sizes, driver._writing)
    for part in parts:
        part._disk = disk
    return app


@contextlib.asynccontextmanager
async def served(folder: Path, disk: Failing) -> AsyncIterator[Client]:
    """A client of an application that keeps its files on the disk, below the folder."""
    app = application(folder, FILESYSTEM.format(root=folder / "root"))
    async with serving(with_disk(app, disk)) as client:
        yield client


def silent(answer: Answer, folder: Path) -> None:
    text = answer.body.decode()
    for word in (str(folder), "secret", "/docker/registry", "Errno", "Traceback", "OSError", "errno", "link"):
        assert word not in text, f"{word!r} reached the client: {text}"
