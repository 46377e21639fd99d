"""Outputs of logs: shared by processes, moved away, full, closed."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from moorage.observe import files, outputs
from moorage.observe.files import Output, Together, open_file

LINES = 2_000


def opened(path: Path, look_seconds: float = 0.0) -> Output:
    return Output(str(path), open_file(str(path)), file=True, look_seconds=look_seconds)


def test_a_file_that_is_moved_is_made_anew_and_no_line_is_lost(tmp_path: Path) -> None:
    output = opened(tmp_path / "log")
    for number in range(LINES):
        if number % 100 == 0:
            (tmp_path / "log").rename(tmp_path / f"log.{number}")
        output.write(b"%d\n" % number)
    found = [line for path in tmp_path.iterdir() for line in path.read_text().split()]
    assert Counter(found) == Counter(map(str, range(LINES)))
    assert len(list(tmp_path.iterdir())) == LINES // 100 + 1


def test_a_file_that_somebody_else_made_in_its_place_is_used(tmp_path: Path) -> None:
    output = opened(tmp_path / "log")
    (tmp_path / "log").rename(tmp_path / "old")
    (tmp_path / "log").write_text("made by another\n")
    output.write(b"next\n")
    assert (tmp_path / "log").read_text() == "made by another\nnext\n"


def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    output = opened(tmp_path / "log")
    (tmp_path / "log").unlink()
    output.write(b"next\n")
    assert (tmp_path / "log").read_text() == "next\n"
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) & ~files.MODE == 0


def test_a_folder_that_is_gone_is_told_once_and_lines_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    output = opened(folder / "log")
    folder.rename(away)
    for number in range(3):
        output.write(b"%d\n" % number)
    assert (away / "log").read_text() == "0\n1\n2\n"
    assert len(caplog.records) == 1
    folder.mkdir()
    output.write(b"3\n")
    assert (folder / "log").read_text() == "3\n"


def test_a_full_device_fails_nobody_and_what_was_lost_is_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    output = Output("log", fd)
    for _ in range(5):
        output.write(b"lost\n")
    assert output.lost == 5
    assert [record.getMessage() for record in caplog.records] == ["a log cannot be written"]
    assert vars(caplog.records[0])["reason"] == os.strerror(errno.ENOSPC)
    room = open_file(str(tmp_path / "log"))
    os.dup2(room, fd)
    output.write(b"written\n")
    output.write(b"written\n")
    assert (tmp_path / "log").read_text() == "written\n" * 2
    told = caplog.records[1:]
    assert [record.getMessage() for record in told] == ["a log can be written again, after lines were lost"]
    assert vars(told[0])["lines"] == 5
    os.close(fd)
    os.close(room)


def test_a_pipe_that_nobody_reads_any_more_fails_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = Output("stdout", writing)
    output.write(b"lost\n")
    assert output.lost == 1
    os.close(writing)


def test_a_log_that_cannot_tell_of_itself_does_not_try_for_ever() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    output = Output("stderr", fd)
    handler = logging.StreamHandler()
    handler.emit = lambda record: output.write(b"told\n")  # type: ignore[method-assign]
    logger = logging.getLogger(files.__name__)
    logger.addHandler(handler)
    try:
        output.write(b"lost\n")
        output.write(b"lost\n")
    finally:
        logger.removeHandler(handler)
        os.close(fd)
    assert output.lost == 3


TORN = """
import resource, sys
from moorage.observe.files import Output, Together, open_file
output = Output(sys.argv[1], open_file(sys.argv[1]))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (25, most))
for _ in range(3):
    output.write(b"0123456789\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
output.write(b"whole\\n")
assert output.lost == 1, output.lost
"""


def test_half_a_line_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    subprocess.run([sys.executable, "-c", TORN, str(path)], check=True, stderr=subprocess.DEVNULL)
    assert path.read_text().splitlines() == ["0123456789", "0123456789", "012", "whole"]


WRITING = """
import sys
from moorage.observe.files import Output, Together, open_file
path, process, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
output = Output(path, open_file(path), file=True)
for number in range(lines):
    output.write(f"{process} {number} {'x' * (number % 300)}\\n".encode())
"""


def test_processes_share_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    command = [sys.executable, "-c", WRITING, str(path)]
    writers = [subprocess.Popen([*command, str(process), str(LINES)]) for process in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    expected = {
        f"{process} {number} {'x' * (number % 300)}" for process in range(3) for number in range(LINES)
    }
    found = path.read_text().splitlines()
    assert len(found) == len(expected)
    assert set(found) == expected


def test_a_named_pipe_that_nobody_reads_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        open_file(str(tmp_path / "pipe"))


def test_an_output_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = outputs.output("./log")
    assert outputs.output(str(tmp_path / "log")) is first
    assert outputs.output("stdout") is outputs.output("stdout")
    with pytest.raises(FileNotFoundError):
        outputs.output("./nowhere/log")


class Written(Output):
    def __init__(self) -> None:
        super().__init__("stdout", 1)
        self.pieces: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.pieces.append(line)


async def test_what_is_written_in_one_turn_of_the_loop_is_written_together_and_in_order() -> None:
    together = Together(written := Written())
    lines = [b"%04d\n" % number for number in range(100)]
    for line in lines:
        together.write(partial(bytes, line))
    assert written.pieces == []
    await asyncio.sleep(0.001)
    assert written.pieces == [b"".join(lines)]


async def test_a_line_that_comes_alone_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PAUSE_SECONDS", 0.01)
    together = Together(written := Written())
    for number in range(3):
        together.write(lambda: b"line\n")
        await asyncio.sleep(0.001)
        assert len(written.pieces) == number + 1
        await asyncio.sleep(0.02)


async def test_lines_that_come_soon_after_others_are_written_together_before_long() -> None:
    together = Together(written := Written())
    for number in range(20):
        together.write(partial(b"%d\n".__mod__, number))
        await asyncio.sleep(0)
    assert 1 <= len(written.pieces) < 20
    await asyncio.sleep(2 * files.PAUSE_SECONDS)
    assert b"".join(written.pieces) == b"".join(b"%d\n" % number for number in range(20))


async def test_at_the_end_nothing_is_held_back() -> None:
    together = Together(written := Written())
    together.write(lambda: b"first\n")
    await asyncio.sleep(0.001)
    together.write(lambda: b"second\n")
    together.close()
    assert written.pieces == [b"first\n", b"second\n"]
    together.write(lambda: b"third\n")
    await asyncio.sleep(0.001)
    assert written.pieces[2:] == [b"third\n"]


async def test_no_piece_is_larger_than_what_a_pipe_takes_at_once() -> None:
    together = Together(written := Written())
    for _ in range(100):
        together.write(lambda: b"x" * 299 + b"\n")
    together.write(lambda: b"y" * 9999 + b"\n")
    together.write(lambda: b"z\n")
    await asyncio.sleep(0.001)
    assert [len(piece) for piece in written.pieces] == [3900] * 7 + [2700, 10_000, 2]


def test_of_lines_that_are_written_together_those_are_lost_that_did_not_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    subprocess.run([sys.executable, "-c", TORN_TOGETHER, str(path)], check=True, stderr=subprocess.DEVNULL)
    assert path.read_text().splitlines() == ["0123456789", "0123456789", "012", "whole"]


TORN_TOGETHER = TORN.replace("range(3)", "range(1)").replace('b"0123456789\\n"', 'b"0123456789\\n" * 3')
