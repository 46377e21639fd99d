"""The launcher: Granian's server, but with sockets opened here, and with workers that are replaced when they die or when
their certificate is replaced."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from granian._granian import SocketHolder
from granian.server.mp import MPServer, WorkerProcess

from moorage import logs
from moorage.server import supervisor
from moorage.server.cutting import GRACE_SECONDS
from moorage.server.forking import reason_of, try_fork
from moorage.server.listening import BACKLOG
from moorage.server.sealed import Sealed
from moorage.server.signals import CUTTING, RETIRING
from moorage.server.worker import Duties, Sign

if TYPE_CHECKING:
    from moorage.server.certificates import Identity
    from moorage.server.renewal import Files

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often to look for a new certificate."""

SOON_SECONDS: Final = 0.05
"""How often to look while new workers start."""

EARLY_SECONDS: Final = 10.0
"""A worker that fails this soon would fail again."""

SETTLED_SECONDS: Final = 5.0
"""A worker that lived longer is replaced at once when it dies."""

LONGEST_PAUSE_SECONDS: Final = 2.5
"""The longest pause before a dead worker is replaced. With it and the time of its start, the next one serves within four seconds."""

LONGEST_START_SECONDS: Final = 60.0
"""How long workers may take until they serve a new certificate."""

AGAIN_SECONDS: Final = 15.0
"""The pause after workers did not start with a new certificate; it doubles each time."""

LONGEST_AGAIN_SECONDS: Final = 960.0
"""The longest of these pauses."""

GLANCE_SECONDS: Final = 0.05
"""How often to look at workers that are ending, and for another order to stop."""

MOST_RETIRED: Final = 64
"""With more retired workers than this, no new certificate is taken."""


class Launcher(MPServer):
    """Starts, watches, replaces and stops the workers.

    The launcher keeps each worker's socket open, so clients that connect while a worker is being replaced wait for its
    successor.

    For a new certificate, it starts a whole set of new workers beside the old ones. Once all of them serve, the old ones
    retire: they finish their requests, without a time limit until the server is stopped. If a new one ends instead, the
    old ones continue, and the launcher tries again later.

    If a worker cannot start, the launcher tries again as long as another worker serves. Otherwise the server ends with
    status 1, as it does after an error in the launcher.
    """

    def __init__(
        self,
        listeners: list[socket.socket],
        duties: Duties,
        files: Files | None,
        renewing: Callable[[], None] = lambda: None,
        leaving: Callable[[], None] = lambda: None,
        serving: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> None:
        """`renewing` is called every second while there are `files`, and keeps the process that renews them running.
        `leaving` is called when the workers begin to drain, from a signal handler. `serving` is called once, when a worker serves."""
        super().__init__("moorage", **settings)
        self._listeners = listeners
        self._duties = duties
        self._files = files
        self._keep_renewing = renewing
        self._leaving = leaving
        self._serving: Callable[[], None] | None = serving
        """None once it was called."""
        self._failed = False
        self._orders = 0
        """How often the server was told to stop."""
        self._pause = 0.0
        self._short = False
        """Whether there was no room for the last process that was started."""
        self._due: dict[int, float] = {}
        """When to replace the dead worker at an index, by the monotonic clock."""
        self._signs: WeakKeyDictionary[WorkerProcess, Sign] = WeakKeyDictionary()
        self._incoming: list[WorkerProcess] = []
        self._retired: list[WorkerProcess] = []
        self._served_files, self._offered_files = Sealed(()), Sealed(())
        self._offered: Identity | None = None
        self._again, self._again_seconds = 0.0, AGAIN_SECONDS
        if files is not None:
            self._served_files = self._seal(files.served)

    def _seal(self, identity: Identity) -> Sealed:
        """Have workers that are started from now on serve this identity."""
        assert self._files is not None
        sealed = Sealed((identity.chain, identity.key, identity.authorities))
        self.ssl_ctx = self._files.context(*sealed.paths)
        return sealed

    def _init_shared_socket(self) -> None:
        self._sso = None

    def _drop_shared_socket(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any, socket_loader: Any = None) -> Any:
        listener = self._listeners[idx % len(self._listeners)]
        holder: Any = SocketHolder
        self._shd = holder(listener.fileno(), listener.family == socket.AF_UNIX, BACKLOG)
        sign = Sign()
        loader = partial(self._begin, listener, sign, os.getpid())
        worker = super()._spawn_worker(idx=idx, target=target, callback_loader=loader)
        self._signs[worker] = sign
        return worker

    def _begin(self, listener: socket.socket, sign: Sign, launcher: int) -> Any:
        """Runs in the new worker."""
        for other in self._listeners:
            # Otherwise, after a sibling has ended, connections to its socket would stay queued here, and not be served.
            if other is not listener:
                other.close()
        return self._duties.begin(listener.fileno(), sign, launcher)

    def signal_handler_interrupt(self, *arguments: Any, **_: Any) -> None:
        """The first signal drains the workers, the second has them end what they still receive, the third kills them."""
        self._leaving()
        self._orders += 1
        super().signal_handler_interrupt(*arguments)

    def _spawn_workers(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        self._target = spawn_target, target_loader
        try:
            for index in range(self.workers):
                self.wrks.append(self._start(index))
        except OSError as error:
            self._failed = True
            log.error("cannot start a worker", extra={"worker": index + 1, "reason": reason_of(error)})

    def _start(self, index: int) -> WorkerProcess:
        """Start a worker. Raises OSError if the system has no room for it."""
        worker: WorkerProcess = self._spawn_worker(index, *self._target)
        if self._short:
            try_fork()
        self._short = True
        try:
            worker.start()
        except RuntimeError as error:
            # The worker runs, but there was no room for the thread that waits for its end.
            worker.kill()
            worker.join()
            raise OSError(str(error)) from error
        self._short = False
        return worker

    def _serve_loop(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        try:
            while not self._failed:
                self.main_loop_interrupt.wait(self._patience())
                self.main_loop_interrupt.clear()
                if self.interrupt_signal:
                    return
                self._look_after_workers()
        except Exception:
            # If half a server stayed up, its service manager would not restart it.
            self._failed = True
            log.critical("launcher failed, the server ends", exc_info=True)

    def _look_after_workers(self) -> None:
        self.interrupt_children.clear()
        self._retired = [worker for worker in self._retired if not _is_over(worker)]
        if self._serving is not None:
            self._replace_dead()
            if self._somebody_serves():
                self._serving()
                self._serving = None
                if self.reload_signal:
                    # It came meanwhile.
                    self.main_loop_interrupt.set()
            return
        if self._incoming:
            self._settle()
        # While new workers are starting, no dead one is replaced with the old certificate.
        if not self._incoming:
            self._replace_dead()
            self._renew()

    def _patience(self) -> float | None:
        if self._incoming or self._serving is not None:
            return SOON_SECONDS
        looks = [LOOK_SECONDS] if self._files is not None else []
        now = time.monotonic()
        return min((*looks, *(max(0.0, due - now) for due in self._due.values())), default=None)

    def _replace_dead(self) -> None:
        for index, worker in enumerate(self.wrks):
            if not _is_over(worker):
                continue
            if index not in self._due:
                self._note_death(index, worker)
            if self._failed:
                return
            if time.monotonic() >= self._due[index]:
                self._replace(index)

    def _note_death(self, index: int, worker: WorkerProcess) -> None:
        age = time.monotonic() - worker.birth
        if self._would_fail_again(worker, age) and not self._somebody_serves():
            self._failed = True
            return
        self._pause = 0.0 if age > SETTLED_SECONDS else self._longer_pause()
        self._due[index] = time.monotonic() + self._pause
        log.error("worker died, starting another", extra={"worker": index + 1, "pause": self._pause})

    def _replace(self, index: int) -> None:
        try:
            self.wrks[index] = self._start(index)
        except OSError as error:
            self._pause = self._longer_pause()
            self._due[index] = time.monotonic() + self._pause
            log.error(
                "cannot start a worker, trying again",
                extra={"worker": index + 1, "reason": reason_of(error), "pause": self._pause},
            )
            return
        del self._due[index]

    def _longer_pause(self) -> float:
        return round(min(LONGEST_PAUSE_SECONDS, self._pause * 2 + 0.1), 1)

    def _somebody_serves(self) -> bool:
        return any(self._signs[worker].given and not _is_over(worker) for worker in self.wrks)

    def _would_fail_again(self, worker: WorkerProcess, age: float) -> bool:
        """Whether the worker failed by itself during its start, possibly by a panic in native code, and was not killed."""
        status = worker.inner.exitcode
        panicked = status == -signal.SIGABRT and not self._signs[worker].given
        return panicked or (status > 0 and age < EARLY_SECONDS)

    def _renew(self) -> None:
        self._keep_renewing()
        hurry, self.reload_signal = self.reload_signal, False
        if self._files is None or self._failed or (time.monotonic() < self._again and not hurry):
            return
        if len(self._retired) > MOST_RETIRED:
            # Each new certificate adds retired workers.
            return
        self._offered = self._files.look(hurry=hurry)
        if self._offered is None:
            return
        if not self._duties.retires:
            log.warning("replaced certificate is served after a restart only, for storage is in memory")
            return
        try:
            self._offered_files = self._seal(self._offered)
            for index in range(len(self.wrks)):
                self._incoming.append(self._start(index))
        except OSError as error:
            self._keep_old(reason_of(error))

    def _settle(self) -> None:
        """Switch to the workers with the new certificate if all serve; give up on them if one ended or is too slow."""
        age = time.monotonic() - self._incoming[0].birth
        if any(_is_over(worker) for worker in self._incoming) or age > LONGEST_START_SECONDS:
            self._keep_old("they ended, or took too long")
        elif all(self._signs[worker].given for worker in self._incoming):
            self._take_new()

    def _take_new(self) -> None:
        assert self._files is not None
        assert self._offered is not None
        self._files.take(self._offered)
        self._again_seconds = AGAIN_SECONDS
        self._served_files.close()
        self._served_files, self._offered_files = self._offered_files, Sealed(())
        self._due.clear()
        old, self.wrks, self._incoming = self.wrks, self._incoming, []
        for worker in old:
            self._retire(worker, RETIRING)
        log.info("new certificate is served", extra={"expires": self._offered.expires.isoformat()})

    def _keep_old(self, reason: str) -> None:
        assert self._files is not None
        log.error(
            "workers did not start with the replaced certificate, the one before is served",
            extra={"reason": reason, "statuses": [worker.inner.exitcode for worker in self._incoming]},
        )
        for worker in self._incoming:
            # A worker that does not serve yet holds back all other signals.
            self._retire(worker, signal.SIGTERM if self._signs[worker].given else signal.SIGKILL)
        self._incoming = []
        self._offered_files.close()
        self._offered_files = Sealed(())
        self.ssl_ctx = self._files.context(*self._served_files.paths)
        self._files.again()
        self._again = time.monotonic() + self._again_seconds
        self._again_seconds = min(LONGEST_AGAIN_SECONDS, self._again_seconds * 2)

    def _retire(self, worker: WorkerProcess, order: int) -> None:
        if not _is_over(worker):
            self._retired.append(worker)
        self._order(worker, order)

    def _order(self, worker: WorkerProcess, order: int) -> None:
        worker.interrupt_by_parent = True
        if not _is_over(worker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.inner.pid, order)

    def shutdown(self, exit_code: int = 0) -> None:
        log.info("server stops, requests may finish", extra={"seconds": self._duties.drain_seconds})
        supervisor.tell(supervisor.STOPPING)
        self.interrupt_children.clear()
        self.wrks += [*self._incoming, *self._retired]
        workers = list(self.wrks)
        try:
            super().shutdown(exit_code or int(self._failed))
        finally:
            if killed := [_status(worker) for worker in workers].count(-signal.SIGKILL):
                log.warning(
                    "workers were killed before their requests had finished", extra={"workers": killed}
                )
            log.info("server has stopped")
            logs.finish()

    def _stop_workers(self) -> None:
        """Let requests finish for `drain_seconds`; then have what has arrived of the others written; then kill."""
        for worker in self.wrks:
            self._order(worker, signal.SIGINT)
        for worker in self._left_after(self._duties.drain_seconds, orders=1):
            self._order(worker, CUTTING)
        for worker in self._left_after(GRACE_SECONDS, orders=2):
            worker.kill()
            worker.join()
        self.wrks.clear()

    def _left_after(self, seconds: float, *, orders: int) -> list[WorkerProcess]:
        """The workers that have not ended after so long, or when there are more `orders` to stop."""
        deadline = time.monotonic() + seconds
        while left := [worker for worker in self.wrks if not _is_over(worker)]:
            patience = deadline - time.monotonic()
            if patience <= 0 or self._orders > orders:
                break
            left[0].join(min(patience, GLANCE_SECONDS))
        return left


def _status(worker: WorkerProcess) -> int | None:
    """The exit status of a worker that has ended, once the thread that waits for it has noted it; None if it does not."""
    deadline = time.monotonic() + 1.0
    while not _is_over(worker) and time.monotonic() < deadline:
        time.sleep(0.001)
    status: int | None = worker.inner.exitcode
    return status


def _is_over(worker: WorkerProcess) -> bool:
    return worker.inner.exitcode is not None
