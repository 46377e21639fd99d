"""What the command line does when its output cannot be written."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest

from tests.support.server import moorage_command, moorage_server, running
from tests.support.terminal import everything

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
    assert (done.returncode, last) == (2, FULL)
    assert not progress or arguments[0] == "storage"
    assert "Traceback" not in done.stderr


def test_nobody_who_reads_is_no_matter_to_tell(config: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            moorage_command("config", "check", config),
            check=False, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


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
        os.close(end)
        shown = everything(terminal)
    finally:
        os.close(terminal)
    assert done.returncode == 0
    assert done.stdout.startswith(f"blob sha256:{digest} 7\n")
    assert b"collecting garbage" in shown
    assert digest.encode() not in shown


def test_names_that_the_terminal_cannot_show_are_escaped(config: str, tmp_path: Path) -> None:
    folder = tmp_path / "root/docker/registry/v2/blobs/sha256"
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\x1b[2J\nok")).touch()
    done = subprocess.run(
        moorage_command("storage", "check", "--age", "0", config),
        check=False,
        capture_output=True,
        timeout=60,
        # As in the locale en_US.UTF-8, which need not be there.
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert done.returncode == 1
    assert rb"foreign-file /docker/registry/v2/blobs/sha256/caf\udce9\x1b[2J\nok" in done.stdout
    assert b"Traceback" not in done.stderr


def test_values_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage: inmemory\nlog: {fields: {place: Régistry 東京}}\n", "utf-8")
    done = subprocess.run(
        moorage_command("config", "check", str(config)),
        check=False,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert done.returncode == 0, done.stderr
    assert "place: Régistry \\u6771\\u4eac".encode("latin-1") in done.stdout


def test_a_password_line_is_utf_8_whatever_the_terminal_is() -> None:
    done = subprocess.run(
        moorage_command("htpasswd", "é", "s3cret"),
        check=False,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("é:$2y$".encode())


@pytest.mark.parametrize(("again", "status"), [("s3cret", 0), ("s3crte", 1)])
def test_at_a_terminal_a_password_is_asked_for_twice(again: str, status: int) -> None:
    terminal, end = pty.openpty()
    try:
        asked = subprocess.Popen(
            moorage_command("htpasswd", "alice"),
            stdin=end, stdout=subprocess.PIPE, stderr=end, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(end)
        for answer, prompt in (("s3cret", b"Password: "), (again, b"Once more: ")):
            shown = b""
            while prompt not in shown:
                shown += os.read(terminal, 1024)
            os.write(terminal, f"{answer}\n".encode())
        line, _ = asked.communicate(timeout=60)
    finally:
        os.close(terminal)
    assert asked.returncode == status
    assert line.startswith(b"alice:") is (status == 0)


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


def test_a_server_that_cannot_say_that_it_listens_serves(tmp_path: Path) -> None:
    server = moorage_server(tmp_path)
    command = moorage_command("serve", "--welcome", str(tmp_path / "config.yml"))
    server.command = ["sh", "-c", 'exec "$0" "$@" >/dev/full 2>&1', *command]
    with running(server):
        assert server.stop() == 0
