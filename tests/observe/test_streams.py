"""Outputs whose readers stop reading: nothing waits for them, and what they get is whole."""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moorage.observe import streams
from moorage.observe.files import Output, open_file
from moorage.observe.streams import Stream
from tests.faults.processes import eventually
from tests.support.server import Server, moorage_server

SECONDS = 30.0
LINES = 3000
NOBODY = 65_534


def pipe() -> tuple[int, int]:
    return os.pipe()


def sockets() -> tuple[int, int]:
    reading, writing = socket.socketpair()
    return reading.detach(), writing.detach()


def terminal() -> tuple[int, int]:
    reading, writing = pty.openpty()
    tty.setraw(writing)
    return reading, writing


@pytest.fixture(params=[pipe, sockets, terminal])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """To read from, and to write to."""
    made: Callable[[], tuple[int, int]] = request.param
    both = made()
    yield both
    for fd in both:
        with contextlib.suppress(OSError):
            os.close(fd)


class Reader:
    """Reads all that comes from now on."""

    def __init__(self, fd: int) -> None:
        self.got = b""
        self._fd = fd
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(self._fd, 1 << 16):
                self.got += piece

    @property
    def lines(self) -> list[bytes]:
        """Those that have come to their end."""
        return [line + b"\n" for line in self.got.split(b"\n")[:-1]]


def text(number: int, size: int = 0) -> bytes:
    """A line, every tenth longer than what a pipe takes at once."""
    size = size or (10_000 if number % 10 == 0 else number % 300)
    return b"%d %s\n" % (number, b"x" * size)


def test_a_reader_that_pauses_gets_every_line_and_is_not_waited_for(ends: tuple[int, int]) -> None:
    reading, writing = ends
    stream = Stream("stdout", writing)
    expected = [text(number) for number in range(500)]
    for line in expected:
        stream.write(line)
    reader = Reader(reading)
    eventually(lambda: reader.lines == expected, SECONDS, "every line, whole and in order")
    assert stream.lost == 0
    stream.write(b"next\n")
    eventually(lambda: reader.lines[-1] == b"next\n", SECONDS, "what is written later")


def test_what_a_reader_that_stopped_misses_is_counted_and_told_once_it_reads_again(
    ends: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reading, writing = ends
    stream = Stream("stdout", writing)
    sent = [text(number) for number in range(LINES)]
    for line in sent:
        stream.write(line)
    assert 0 < stream.lost < LINES
    (told,) = caplog.records
    assert told.getMessage() == "a log cannot be written"
    assert vars(told)["reason"] == "its reader does not keep up"
    lost, reader = stream.lost, Reader(reading)
    eventually(lambda: len(caplog.records) == 2, SECONDS, "the end is told")
    assert caplog.records[1].getMessage() == "a log can be written again, after lines were lost"
    assert vars(caplog.records[1])["lines"] == lost
    eventually(lambda: len(reader.lines) == LINES - lost, SECONDS, "the lines that were kept")
    assert set(reader.lines) <= set(sent), "each of them is whole"


def test_a_reader_that_goes_while_lines_wait_for_it_loses_them_and_nobody_else_anything() -> None:
    reading, writing = pipe()
    stream = Stream("stdout", writing)
    for number in range(500):
        stream.write(text(number))
    os.close(reading)
    eventually(lambda: stream.lost > 0, SECONDS, "they are counted")
    before = stream.lost
    stream.write(b"one more\n")
    assert stream.lost == before + 1
    os.close(writing)


def test_the_descriptor_that_others_share_is_left_as_it_is(ends: tuple[int, int]) -> None:
    _, writing = ends
    Stream("stdout", writing).write(b"line\n")
    assert os.get_blocking(writing)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    stream = Stream(str(tmp_path / "pipe"), writing := open_file(str(tmp_path / "pipe")), file=True)
    expected = [text(number) for number in range(300)]
    for line in expected:
        stream.write(line)
    os.set_blocking(reading, True)
    reader = Reader(reading)
    eventually(lambda: reader.lines == expected, SECONDS, "every line")
    os.close(writing)


def test_only_what_can_stall_is_treated_so(tmp_path: Path, ends: tuple[int, int]) -> None:
    assert streams.may_stall(ends[1])
    with (tmp_path / "file").open("wb") as file, Path(os.devnull).open("wb") as null:
        assert not streams.may_stall(file.fileno())
        assert not streams.may_stall(null.fileno())


def test_at_the_end_a_reader_that_reads_gets_what_waits_and_another_is_not_waited_for() -> None:
    reading, writing = pipe()
    stream = Stream("stdout", writing)
    expected = [text(number) for number in range(300)]
    for line in expected:
        stream.write(line)
    stream.finish(0.0)
    assert stream.lost
    os.close(reading)
    os.close(writing)


FORKING = """
import os, sys, time
from moorage.observe import outputs
output = outputs.output("stdout")
for number in range(200):
    output.write(b"parent %d %s\\n" % (number, b"x" * 1000))
if not os.fork():
    output.write(b"child\\n")
    outputs.finish(60)
    os._exit(0)
outputs.finish(60)
os.wait()
"""


def test_a_process_that_is_forked_while_lines_wait_writes_its_own_only() -> None:
    with subprocess.Popen([sys.executable, "-c", FORKING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        select.select([process.stdout], [], [], SECONDS)
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    expected = [b"parent %d %s" % (number, b"x" * 1000) for number in range(200)]
    assert [line for line in lines if line != b"child"] == expected
    assert lines.count(b"child") == 1


SHARING = """
import os, sys
from moorage.observe import outputs
if sys.argv[1:]:
    os.setuid(int(sys.argv[1]))
output = outputs.output("stdout")
for process in range(3):
    if not os.fork():
        for number in range(400):
            size = 9000 if number % 7 == 0 else number % 300
            output.write(f"{process} {number} {'x' * size}\\n".encode())
        outputs.finish(60)
        os._exit(0)
print([os.wait()[1] for _ in range(3)], file=sys.stderr)
"""


@pytest.mark.parametrize("stranger", [False, True])
def test_lines_of_processes_that_share_a_pipe_are_never_mixed_however_long_they_are(stranger: bool) -> None:
    if stranger and os.geteuid():
        pytest.skip("only root can run a process as another user, which cannot open the pipe")
    command = [sys.executable, "-c", SHARING, *([str(NOBODY)] if stranger else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        got = b""
        while piece := os.read(process.stdout.fileno(), 5000):
            got += piece
        assert process.stderr.read() == b"[0, 0, 0]\n"
    expected = {
        f"{process} {number} {'x' * (9000 if number % 7 == 0 else number % 300)}"
        for process in range(3)
        for number in range(400)
    }
    lines = got.decode().splitlines()
    assert len(lines) == len(expected)
    assert set(lines) == expected


def test_two_outputs_on_one_pipe_do_not_mix_their_lines() -> None:
    reading, writing = pipe()
    first, second = Stream("stdout", writing), Stream("stderr", writing)
    for number in range(60):
        first.write(b"a" * 9000 + b"\n")
        second.write(b"b%d\n" % number)
    reader = Reader(reading)
    eventually(lambda: len(reader.lines) == 120, SECONDS, "all lines")
    assert {line[:1] * (len(line) - 1) for line in reader.lines if line.startswith(b"a")} == {b"a" * 9000}
    assert [line for line in reader.lines if line.startswith(b"b")] == [b"b%d\n" % n for n in range(60)]


@contextlib.contextmanager
def served(server: Server, stream: str, pipe_end: int) -> Iterator[subprocess.Popen[bytes]]:
    with server.log.open("ab") as log:
        files: dict[str, int] = {"stdout": log.fileno(), "stderr": log.fileno(), stream: pipe_end}
        process = subprocess.Popen(
            server.command, stdout=files["stdout"], stderr=files["stderr"], start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def asked(server: Server, target: str) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as client:
        client.request("GET", target)
        return client.getresponse().status


def answers(server: Server) -> bool:
    with contextlib.suppress(OSError):
        return asked(server, "/healthz") == 200
    return False


def test_a_server_whose_standard_output_nobody_reads_serves_and_tells_what_was_lost(tmp_path: Path) -> None:
    server = moorage_server(tmp_path, extra="  workers: 2\n")
    reading, writing = os.pipe()
    with served(server, "stdout", writing) as process:
        os.close(writing)
        eventually(lambda: answers(server), SECONDS, "it serves")
        log = server.log
        for number in range(2000):
            assert asked(server, f"/v2/_catalog?last={number}{'a' * 7000}") == 200
            if number % 50 == 0 and "a log cannot be written" in log.read_text():
                break
        assert asked(server, "/healthz") == 200
        assert 'log=stdout reason="its reader does not keep up"' in log.read_text()
        reader = Reader(reading)
        eventually(lambda: "can be written again, after lines were lost" in log.read_text(), SECONDS, "told")
        assert asked(server, "/v2/_catalog?last=again") == 200
        eventually(lambda: b"last=again" in reader.got, SECONDS, "the log goes on")
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert reader.got.endswith(b"\n")
    assert all(line.startswith(b"127.0.0.1 - - [") for line in reader.lines)
    assert all(line.count(b"GET /v2/_catalog?last=") == 1 for line in reader.lines)
    os.close(reading)


def test_a_server_whose_standard_error_nobody_reads_any_more_stops(tmp_path: Path) -> None:
    server = moorage_server(tmp_path, extra="  workers: 1\n")
    reading, writing = os.pipe()
    with served(server, "stderr", writing) as process:
        eventually(lambda: answers(server), SECONDS, "it serves")
        filling = open_file(f"/proc/self/fd/{writing}")
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filling, b"x")
        os.close(filling)
        os.close(writing)
        process.terminate()
        assert process.wait(SECONDS) == 0
    os.close(reading)


def test_a_command_waits_for_the_reader_of_its_log() -> None:
    script = "from moorage.observe import outputs; print(type(outputs.output('stderr', waits=True)).__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Output.__name__
