"""A server that may be restarted while it is measured."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass

from tests.support.server import Server

from benchmarks import measure
from benchmarks.measure import NOTHING, Usage

# Longer than any of the servers lets requests in flight finish.
STOP_SECONDS = 45.0


@dataclass
class RestartableServer(Server):
    """`ended` is what the processes before the present one used."""

    ended: Usage = NOTHING

    forks = False

    def pids(self) -> list[int]:
        """As of any server, and none when it did not come back from a restart."""
        return super().pids() if self.process else []

    def usage(self) -> Usage:
        """Of all processes since the first start, starting and stopping included."""
        return self.ended + measure.usage(self.pids())

    def restart(self) -> None:
        """SIGTERM, then a new start on the same port and storage once the old process has ended.

        Raises RuntimeError when it does not end within `STOP_SECONDS`, or does not start.
        """
        process = self.process
        assert process is not None
        ended = os.pidfd_open(process.pid)
        try:
            process.send_signal(signal.SIGTERM)
            has_ended, _, _ = select.select([ended], [], [], STOP_SECONDS)
        finally:
            os.close(ended)
        if not has_ended:
            self.kill()
            raise RuntimeError(f"{self.command} did not end within {STOP_SECONDS:.0f} s of SIGTERM")
        # Between its end and the wait for it, a process still tells what it and its children used. `process` stays
        # in its place until the next one is there: who watches the memory asks from another thread.
        self.ended += measure.usage([process.pid])
        process.wait()
        self.start()
