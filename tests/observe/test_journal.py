"""Lines that systemd's journal reads begin with their priority; nobody else's do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import moorage_command

LOGGING = """\
import logging
from moorage.observe.logging import configure
configure("debug", {form!r}, {{}}, output={output!r})
for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
    logging.getLogger("moorage.x").log(level, "words")
"""


def read_by(command: list[str], *, told: bool = True, stream: str = "stderr") -> list[str]:
    """What a journal reads of the stream of a program. `told`: systemd tells the program where that is."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        there = os.fstat(theirs.fileno())
        environment = dict(os.environ, JOURNAL_STREAM=f"{there.st_dev}:{there.st_ino}" if told else "1:2")
        fd = theirs.fileno()
        stdout, stderr = (fd, None) if stream == "stdout" else (None, fd)
        subprocess.run(command, env=environment, check=False, timeout=60, stdout=stdout, stderr=stderr)
        theirs.close()
        with ours.makefile() as lines:
            return lines.read().splitlines()


def logged(form: str = "text", output: str = "stderr", *, told: bool = True) -> list[str]:
    program = LOGGING.format(form=form, output=output)
    return read_by([sys.executable, "-c", program], told=told, stream=output)


@pytest.mark.parametrize("output", ["stderr", "stdout"])
@pytest.mark.parametrize(("form", "begin"), [("text", "time="), ("json", "{"), ("logstash", "{")])
def test_each_level_has_its_priority(form: str, begin: str, output: str) -> None:
    assert [line[: 3 + len(begin)] for line in logged(form, output)] == [
        f"<{priority}>{begin}" for priority in (7, 6, 4, 3, 2)
    ]


def test_a_pipe_gets_no_priorities() -> None:
    lines = logged(told=False)
    assert len(lines) == 5
    assert all(line.startswith("time=") for line in lines)


@pytest.mark.parametrize(("told", "begin"), [(True, "<3>moorage: "), (False, "moorage: ")])
def test_why_a_server_does_not_start_is_an_error(tmp_path: Path, told: bool, begin: str) -> None:
    (line,) = read_by(moorage_command("serve", str(tmp_path / "none.yml")), told=told)
    assert line.startswith(begin)


def test_a_warning_about_the_configuration_is_a_warning(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage: inmemory\nhttp: {nett: tcp}\n")
    warning, nothing_wrong = read_by(moorage_command("config", "check", str(config)))
    assert warning.startswith("<4>moorage: warning: ")
    assert nothing_wrong.startswith("moorage: no mistakes")
