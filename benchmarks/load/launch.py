"""Runs loads in child processes: they must not share an interpreter with each other, nor with the watcher."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.load import wrk
from benchmarks.load.specs import Outcome, Request, Spec, Target

# How long a load may go on after its time: the last upload of a slow server, at most.
GRACE_SECONDS = 60.0


class LoadFailed(Exception):
    """The clients ended without an outcome."""


@dataclass
class Running:
    """A load under way in a child process; `result` waits for what it found."""

    process: subprocess.Popen[bytes]
    seconds: float
    is_wrk: bool = False

    def result(self) -> Outcome:
        try:
            out, err = self.process.communicate(timeout=self.seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"no end {GRACE_SECONDS:.0f} s after its time") from error
        if self.process.returncode != 0:
            raise LoadFailed(f"exit status {self.process.returncode}: {err.decode(errors='replace')[-2000:]}")
        if self.is_wrk:
            return wrk.parse(out.decode())
        return msgspec.json.decode(out, type=Outcome)


@dataclass(frozen=True)
class Launcher:
    """`prefix` goes before each command (to pin it to a processor); scripts are written below `folder`."""

    folder: Path
    prefix: Sequence[str] = ()

    @contextlib.contextmanager
    def child(self, spec: Spec, inherits: Sequence[int] = ()) -> Iterator[Running]:
        """Our own clients; they have the descriptors `inherits` under the same numbers."""
        command = [*self.prefix, sys.executable, "-m", "benchmarks.load.child"]
        with self._process(command, msgspec.json.encode(spec), inherits) as process:
            yield Running(process, spec.target.seconds)

    @contextlib.contextmanager
    def gets(self, requests: Sequence[Request], target: Target) -> Iterator[Running]:
        """GETs by wrk, at random among these requests."""
        script = self.folder / "requests.lua"
        wrk.write_script(script, [request.raw for request in requests])
        with self._process([*self.prefix, *wrk.command(script, target)], b"") as process:
            yield Running(process, target.seconds, is_wrk=True)

    @contextlib.contextmanager
    def _process(
        self, command: Sequence[str], given: bytes, inherits: Sequence[int] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=inherits) as process:
            try:
                assert process.stdin is not None
                with process.stdin as stdin:
                    stdin.write(given)
                process.stdin = None  # `communicate` would flush it once more.
                yield process
            finally:
                process.kill()
