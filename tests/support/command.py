"""A command line client with its fixed arguments, called like a function."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.tools import find

SECONDS = 180.0


@dataclass(frozen=True)
class Client:
    """A program with the options every call shares; `podman("images")` returns what it wrote to stdout."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, seconds: float = SECONDS) -> str:
        """Standard output without the last newline; AssertionError with both streams when it fails."""
        done = self.attempt(*arguments, seconds=seconds)
        if done.returncode != 0:
            shown = " ".join([*self.arguments, *arguments])
            raise AssertionError(f"exit status {done.returncode}: {shown}\n{done.stdout}{done.stderr}")
        return done.stdout.rstrip("\n")

    def attempt(self, *arguments: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        """The finished process, whatever its exit status; killed after `seconds`."""
        program, *rest = self.arguments
        return subprocess.run(
            [find(program) or program, *rest, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            # Proxies of the machine must not come between a client and a registry on loopback.
            env={**os.environ, "NO_PROXY": "127.0.0.1,localhost", "LC_ALL": "C.UTF-8", **self.environment},
        )
