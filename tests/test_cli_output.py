"""What the command line does when its output cannot be written."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.support.server import moorage_command, moorage_server, running

FULL = "moorage: cannot write the output: No space left on device\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yml"
    root = tmp_path / "root"
    (root / "docker/registry/v2/repositories/a/_layers/sha256" / ("0" * 64)).mkdir(parents=True)
    (root / "docker/registry/v2/repositories/a/_layers/sha256" / ("0" * 64) / "link").touch()
    path.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n")
    return str(path)


def run(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'exec "$0" "$@" {redirection}', *moorage_command(*arguments)]
    return subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [["version"], ["--help"], ["config", "check", "CONFIG"], ["storage", "check", "--age", "0", "CONFIG"]],
)
def test_a_full_disk_is_told_in_one_line(arguments: list[str], config: str) -> None:
    done = run(">/dev/full", *(config if one == "CONFIG" else one for one in arguments))
    *progress, last = done.stderr.splitlines(keepends=True)
    assert (done.returncode, last) == (1, FULL)
    assert not progress or arguments[0] == "storage"
    assert "Traceback" not in done.stderr


def test_nobody_who_reads_is_no_matter_to_tell(config: str) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            '"$0" "$@" | exec true; exit ${PIPESTATUS[0]}',
            *moorage_command("config", "check", config),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")


def test_what_is_printed_goes_where_it_should_while_a_terminal_shows_progress(
    config: str, tmp_path: Path
) -> None:
    digest = "ab" * 32
    blob = tmp_path / "root/docker/registry/v2/blobs/sha256/ab" / digest / "data"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"garbage")
    terminal, end = pty.openpty()
    try:
        done = subprocess.run(
            moorage_command("garbage-collect", "--dry-run", config),
            check=False,
            stdout=subprocess.PIPE,
            stderr=end,
            text=True,
            timeout=60,
        )
        shown = os.read(terminal, 65536)
    finally:
        os.close(end)
        os.close(terminal)
    assert done.returncode == 0
    assert done.stdout.startswith(f"blob sha256:{digest} 7\n")
    assert b"collecting garbage" in shown
    assert digest.encode() not in shown


def test_without_standard_output_a_command_does_its_work(config: str) -> None:
    done = run(">&-", "garbage-collect", config)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("redirection", "closed"), [(">&-", [1]), ("<&- >&-", [0, 1]), ("<&- >&- 2>&-", [0, 1, 2])]
)
def test_no_other_file_of_a_server_gets_the_number_of_a_closed_stream(
    tmp_path: Path, redirection: str, closed: list[int]
) -> None:
    server = moorage_server(tmp_path)
    server.command = ["sh", "-c", f'exec "$0" "$@" {redirection}', *server.command]
    with running(server):
        pids = server.pids()
        found = {os.readlink(f"/proc/{pid}/fd/{number}") for pid in pids for number in closed}
    assert len(pids) > 1
    assert found == {os.devnull}
