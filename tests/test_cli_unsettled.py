"""Commands over a tree whose server was killed: what was pushed last may be in its journal alone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.drivers.journal.journal import JOURNAL
from moorage.drivers.staging import TEMPORARY
from tests.drivers.journal.cut import segments
from tests.faults.client import Client
from tests.faults.images import make_image
from tests.stores.commands import on_disk, storage
from tests.support.forking import command
from tests.support.server import Server, moorage_server, running

MISSING = "may be missing"
IMAGE = make_image(random.Random(7), layer_bytes=2_000)
TAG = "docker/registry/v2/repositories/r/_manifests/tags/t/current/link"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of a server that was killed right after a push, of which the journal has more than the tree."""
    folder = tmp_path_factory.mktemp("killed")
    server = moorage_server(folder, root=folder / "root")
    server.start()
    with Client(server.port) as client:
        client.push("r", "t", IMAGE)
    server.kill()
    assert segments(server.root), "it has settled the journal already"
    shutil.rmtree(server.root / "docker/registry/v2/repositories/r")
    return server.root


@pytest.fixture
def root(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "root")


@pytest.fixture
def config(root: Path, tmp_path: Path) -> Path:
    return on_disk(tmp_path / "config.yml", root)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Server]:
    """A server that has just taken an image, and has it in its journal."""
    with running(moorage_server(tmp_path / "server", root=tmp_path / "root")) as server:
        with Client(server.port) as client:
            client.push("r", "t", IMAGE)
        yield server


def test_a_copy_has_what_only_the_journal_of_a_killed_server_held(
    root: Path, config: Path, tmp_path: Path
) -> None:
    done = storage("copy", "--from", config, "--to", on_disk(tmp_path / "b.yml", tmp_path / "target"))
    assert "; 1 tag written" in done.stdout
    assert "written again" in done.stderr
    assert MISSING not in done.stderr
    assert (tmp_path / "target" / TAG).read_bytes() == (root / TAG).read_bytes()
    with (
        running(moorage_server(tmp_path / "server", root=tmp_path / "target")) as server,
        Client(server.port) as client,
    ):
        assert client.fault_in("r", "t", IMAGE) == ""


def test_a_copy_of_what_cannot_be_written_tells_that_something_may_be_missing_and_why(
    root: Path, config: Path, tmp_path: Path
) -> None:
    shutil.rmtree(root / TEMPORARY)
    (root / TEMPORARY).write_bytes(b"no folder")
    done = storage("copy", "--from", config, "--to", on_disk(tmp_path / "b.yml", tmp_path / "target"))
    assert "; 0 tags written" in done.stdout
    assert MISSING in done.stderr
    [refused] = [line for line in done.stderr.splitlines() if "cannot be written into the tree" in line]
    assert f"{root}/{JOURNAL}" in refused
    assert "folder" in refused.partition("reason=")[2]
    assert segments(root)


def test_a_copy_of_a_journal_that_nobody_can_read_goes_on_and_names_it(
    root: Path, config: Path, tmp_path: Path
) -> None:
    """As for a user who may read the tree, and not the files of the journal."""
    shutil.rmtree(root / JOURNAL)
    (root / JOURNAL).write_bytes(b"no folder")
    done = storage("copy", "--from", config, "--to", on_disk(tmp_path / "b.yml", tmp_path / "target"))
    assert MISSING in done.stderr
    assert f"{root}/{JOURNAL}" in done.stderr


@pytest.mark.parametrize("arguments", [["storage", "check"], ["garbage-collect", "--dry-run"]])
def test_a_command_that_changes_nothing_tells_of_a_journal_that_was_left_behind(
    arguments: list[str], root: Path, config: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    done = command(*arguments, str(config))
    assert "Traceback" not in done.stderr
    assert MISSING in done.stderr
    assert f"{root}/{JOURNAL}" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_repair_writes_first_what_the_journal_holds(root: Path, config: Path) -> None:
    done = storage("check", config, "--repair", "--age", "0")
    assert done.stdout.startswith("1 repository, 1 manifest, ")
    assert MISSING not in done.stderr
    assert (root / TAG).exists()
    assert segments(root) == []


@pytest.mark.parametrize(
    "arguments", [["storage", "check"], ["storage", "check", "--repair"], ["garbage-collect", "--dry-run"]]
)
def test_the_journal_of_a_server_that_runs_is_nothing_to_tell(
    serving: Server, arguments: list[str], tmp_path: Path
) -> None:
    assert segments(serving.root)
    done = command(*arguments, str(on_disk(tmp_path / "config.yml", serving.root)))
    assert done.returncode == 0, done.stderr
    assert "journal" not in done.stderr


def test_a_copy_beside_a_server_that_runs_leaves_its_journal_alone(serving: Server, tmp_path: Path) -> None:
    before = segments(serving.root)
    assert before
    done = storage(
        "copy",
        "--from",
        on_disk(tmp_path / "a.yml", serving.root),
        "--to",
        on_disk(tmp_path / "b.yml", tmp_path / "target"),
    )
    assert "; 1 tag written" in done.stdout
    assert MISSING not in done.stderr
    assert segments(serving.root) == before


def test_a_copy_of_what_is_not_there_says_nothing_of_a_journal(tmp_path: Path) -> None:
    source, target = (
        on_disk(tmp_path / "a.yml", tmp_path / "none"),
        on_disk(tmp_path / "b.yml", tmp_path / "t"),
    )
    assert MISSING not in storage("copy", "--from", source, "--to", target, status=2).stderr
    assert not (tmp_path / "none").exists()
