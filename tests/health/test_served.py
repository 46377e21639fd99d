"""Whole servers: what a check finds decides whether requests are served."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.debug.asking import Debugged, debugged, until
from tests.health.sites import Site, serving
from tests.support.ports import free_port
from tests.support.server import running


@dataclass
class Watched:
    """A server with a check of each kind, and what it watches."""

    at: Debugged
    file: Path
    site: Site
    port: int
    listening: contextlib.ExitStack
    """Whoever takes connections at the port."""

    def break_file(self) -> None:
        self.file.touch()

    def mend_file(self) -> None:
        self.file.unlink()

    def break_http(self) -> None:
        self.site.status = 500

    def mend_http(self) -> None:
        self.site.status = 204

    def break_tcp(self) -> None:
        self.listening.close()

    def mend_tcp(self) -> None:
        self.listening.enter_context(serving(self.port))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    port = free_port()
    with contextlib.ExitStack() as open_parts:
        site = open_parts.enter_context(serving())
        site.status = 204
        listening = open_parts.enter_context(contextlib.ExitStack())
        listening.enter_context(serving(port))
        rest = (
            "health:\n"
            f"  file: [{{file: '{folder}/down', interval: 50ms}}]\n"
            f"  http: [{{uri: 'http://robot:hunter2@127.0.0.1:{site.port}/', interval: 50ms, timeout: 30s, statuscode: 204}}]\n"
            f"  tcp: [{{addr: '127.0.0.1:{port}', interval: 50ms, timeout: 30s}}]\n"
        )
        at = debugged(folder, rest=rest)
        open_parts.enter_context(running(at.server))
        yield Watched(at, folder / "down", site, port, listening)


def checks(watched: Watched) -> dict[str, tuple[str, Callable[[], None], Callable[[], None]]]:
    return {
        "file": (str(watched.file), watched.break_file, watched.mend_file),
        "http": (f"http://***@127.0.0.1:{watched.site.port}/", watched.break_http, watched.mend_http),
        "tcp": (f"127.0.0.1:{watched.port}", watched.break_tcp, watched.mend_tcp),
    }


@pytest.mark.parametrize("kind", ["file", "http", "tcp"])
def test_while_a_check_fails_the_api_answers_503(watched: Watched, kind: str) -> None:
    at = watched.at
    name, break_it, mend = checks(watched)[kind]
    until(lambda: at.statuses() == {200}, "healthy at first")
    before = at.log.count("check=")
    break_it()
    try:
        until(lambda: at.statuses() == {503}, "503 of every worker")
        answer = at.api("/v2/a/manifests/latest")
        assert (answer.status, answer.json["errors"][0]["code"]) == (503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "5"
        health = at.page("/debug/health")
        assert (health.status, list(health.json)) == (503, [name])
        assert health.json[name]
        assert at.api("/healthz").status == at.page("/healthz").status == 200
        assert at.api("/readyz").status == at.page("/readyz").status == 503
    finally:
        mend()
    until(lambda: at.statuses() == {200}, "healthy again")
    until(lambda: at.api("/readyz").status == at.page("/readyz").status == 200, "ready again")
    assert at.page("/debug/health").json == {}
    # Each of the two workers says each once.
    said = [line for line in at.log.splitlines() if "check=" in line][before:]
    assert sum("health check fails" in line and name in line for line in said) == 2
    assert sum("health check is well again" in line and name in line for line in said) == 2
    assert len(said) == 4
    assert "hunter2" not in at.log


def test_a_check_may_fail_a_few_times(tmp_path: Path) -> None:
    with serving() as site:
        rest = f"health:\n  http: [{{uri: '{site.url}', interval: 100ms, threshold: 3}}]\n"
        at = debugged(tmp_path, rest=rest)
        with running(at.server):
            until(lambda: len(site.asked) > 4, "the site is asked")
            site.status, before = 500, len(site.asked)
            until(lambda: at.api().status == 503, "503 in the end")
            assert len(site.asked) - before >= 3
            until(lambda: at.statuses() == {503}, "503 of every worker")
            site.status = 200
            until(lambda: at.statuses() == {200}, "healthy again")
