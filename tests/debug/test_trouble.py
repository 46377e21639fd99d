"""The debug listener answers when little else does."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

from tests.debug.asking import PATIENCE_SECONDS, Debugged, ask, debugged, until
from tests.faults.client import Client
from tests.faults.wire import Wire, request_head
from tests.support.ports import free_port
from tests.support.server import moorage_server, running

UPLOADS = 200
LIMITS = "  limits: {reads: 40}\n"


def slow_upload(at: Debugged, name: str = "slow/app") -> Wire:
    """A request whose body never ends."""
    wire = Wire(at.server.port)
    wire.send(request_head("PUT", f"/v2/{name}/manifests/latest", {"Content-Length": "100000"}) + b"{")
    return wire


def test_it_answers_while_the_api_is_at_its_limits(tmp_path: Path) -> None:
    at = debugged(tmp_path, http=LIMITS)
    with running(at.server), ExitStack() as open_parts:
        for _ in range(UPLOADS):
            open_parts.enter_context(slow_upload(at))
        until(lambda: at.statuses(10) == {503}, "the API at its limits")
        for path in ("/healthz", "/readyz", "/debug/health", "/debug/vars", "/debug/stacks"):
            assert {at.page(path).status for _ in range(10)} == {200}
        assert at.statuses(10) == {503}


def test_it_answers_after_a_worker_was_killed(tmp_path: Path) -> None:
    at = debugged(tmp_path)
    with running(at.server):
        workers = at.page("/debug/vars").json["process"]["workers"]
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: workers[0] not in at.server.pids(), "the worker is gone")
        assert {at.page("/debug/health").status for _ in range(20)} == {200}
        until(lambda: len(at.server.pids()) == 3, "another one in its place")
        new = set(at.server.pids()) - {at.server.pid, *workers}
        until(lambda: at.page("/debug/vars").json["process"]["pid"] in new, "the new one answers")


def test_it_answers_while_requests_finish_after_sigterm(tmp_path: Path) -> None:
    at = debugged(tmp_path)
    with running(at.server):
        with Client(at.server.port) as client:
            target = client.start_upload("slow/app")
        with Wire(at.server.port) as wire:
            wire.send(request_head("PATCH", target, {"Content-Length": "1000"}) + b"a" * 500)
            until(lambda: is_under_way(at), "the upload is under way")
            os.kill(at.server.pid, signal.SIGTERM)
            until(lambda: refuses(at.server.port), "no new connections")
            # It may have taken a connection that it does not answer any more.
            until(lambda: len(at.server.pids()) == 2, "the worker without requests is gone")
            assert at.page("/debug/health").status == 200
            until(lambda: is_under_way(at), "it still is")
            wire.send(b"a" * 500)
            assert wire.receive().status == 202
        assert at.server.process is not None
        assert at.server.process.wait(PATIENCE_SECONDS) == 0
        assert refuses(at.debug)


def test_a_profile_whose_client_has_left_ends(tmp_path: Path) -> None:
    debug = free_port()
    extra = f"  debug: {{addr: '127.0.0.1:{debug}'}}\n  workers: 1\n"
    with running(moorage_server(tmp_path, extra=extra)):
        with Wire(debug) as wire:
            wire.send(request_head("GET", "/debug/profile?seconds=60", {}))
            until(lambda: b"profiling.py" in ask(debug, "/debug/stacks").body, "the profile is under way")
        until(lambda: ask(debug, "/debug/profile?seconds=0.01").status == 200, "the next one may be taken")


def is_under_way(at: Debugged) -> bool:
    return b"uploads.py" in at.page("/debug/stacks").body


def refuses(port: int) -> bool:
    try:
        ask(port, "/healthz")
    except OSError:
        return True
    return False


def test_the_switch_outlives_the_worker_that_turned_it(tmp_path: Path) -> None:
    at = debugged(tmp_path)
    with running(at.server):
        at.page("/debug/health/down", "POST")
        workers = set(at.server.pids()) - {at.server.pid}
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(set(at.server.pids()) - workers) == 3, "others in their place")
        assert at.page("/debug/health").status == 503
        assert at.statuses() == {503}
