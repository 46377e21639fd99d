"""Whose the files of the queue are that root makes, and what is said of those of another user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.events.listener import Listener
from tests.events.making import kept
from tests.events.telling import endpoint
from tests.events.test_cli import ANSWERED, configured, filled, run
from tests.faults.processes import eventually
from tests.support.server import moorage_command, running
from tests.support.tools import require
from tests.test_cli_configuration import WITHOUT_RIGHTS

SECONDS = 30.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as started:
        yield started


def test_what_root_makes_beside_a_queue_belongs_to_the_owner_of_the_queue(
    tmp_path: Path, listener: Listener
) -> None:
    """A queue that was brought from elsewhere, without the files of its locks: they would shut out the server."""
    server, config = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    filled(server, one=[kept()])
    queue = server.root / ".moorage" / "events.db"
    for path in queue.parent.iterdir():
        if path != queue:
            path.unlink()
    for path in (queue.parent, queue):
        os.chown(path, 1234, 2345)
    for words in (["list"], ["replay"], ["drop", "--all", "--yes"]):
        assert run(*words, config).returncode == 0
    found = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in queue.parent.iterdir()}
    assert {"events.db", "events.db.lock", "events.db.writing"} <= set(found)
    assert set(found.values()) == {(1234, 2345)}


def test_a_new_queue_that_root_makes_belongs_to_the_owner_of_its_folder(
    tmp_path: Path, listener: Listener
) -> None:
    server, _ = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    server.root.mkdir()
    os.chown(server.root, 1234, 2345)
    folder = server.root / ".moorage"
    with running(server):
        eventually(lambda: (folder / "events.db.lock").exists(), SECONDS, "one process delivers")
        found = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in folder.glob("events.db*")}
    assert {"events.db", "events.db-wal", "events.db.lock", "events.db.writing"} <= set(found)
    assert found == dict.fromkeys(found, (1234, 2345))


@pytest.mark.parametrize("name", ["events.db", "events.db.writing"])
def test_a_queue_of_another_user_is_told_with_whose_it_is(
    tmp_path: Path, listener: Listener, name: str
) -> None:
    """Not to take another file for it: the events that wait would be left behind."""
    require("setpriv")
    server, config = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    filled(server, one=[kept()])
    file = server.root / ".moorage" / name
    os.chown(file, 0xABCDE, 0xABCDE)
    done = subprocess.run(
        [*WITHOUT_RIGHTS, *moorage_command("serve", config)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        f"moorage: notifications.queue.path: events cannot be kept in {file}: Permission denied; it belongs to {0xABCDE}: "
        "chown it to the registry's user, as all of events.db* beside it\n",
    )


def test_root_gives_away_no_file_of_its_own_beside_a_queue(tmp_path: Path, listener: Listener) -> None:
    """Who owns the folder could lead root to any file otherwise."""
    server, config = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    filled(server, one=[kept()])
    queue = server.root / ".moorage" / "events.db"
    os.chown(queue, 1234, 2345)
    elsewhere = [tmp_path / "writing", tmp_path / "lock"]
    for path in elsewhere:
        path.touch()
        beside = Path(f"{queue}.{path.name}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(path)
    assert run("replay", config).returncode == 0
    assert [path.stat().st_uid for path in elsewhere] == [0, 0]
