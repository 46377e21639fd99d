"""What each page of the debug listener tells, and what none of them tells."""

from __future__ import annotations

import gzip
import re
import socket
import threading
from typing import Any

import pytest

from moorage import __version__
from moorage.config.sections.http import Prometheus
from tests.debug.asking import Debugged, until
from tests.debug.secret import CANARY
from tests.faults.client import Client

PAGES = (
    *("/", "/healthz", "/readyz", "/debug/health", "/debug/vars", "/debug/stacks"),
    *("/debug/profile?seconds=0.1", "/debug/pprof/profile?seconds=0.1", "/metrics"),
)


def test_the_first_page_leads_to_all_others(listener: Debugged) -> None:
    found = listener.page("/")
    assert (found.status, found.headers["content-type"]) == (200, "text/html; charset=utf-8")
    linked = re.findall(r"href='([^']+)'", found.body.decode())
    assert sorted(linked) == sorted(page.partition("?")[0] for page in PAGES)
    assert b"POST /debug/health/down" in found.body


def test_metrics_may_not_take_the_place_of_any_page() -> None:
    others = {page.partition("?")[0] for page in PAGES} - {"/metrics"}
    for path in others:
        with pytest.raises(ValueError, match="another page"):
            Prometheus(path=path)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_and_tells_no_secret(listener: Debugged, path: str) -> None:
    with Client(listener.server.port) as client:
        client.push_blob("secret/app", b"a blob")
    for _ in range(6):
        found = listener.page(path, headers={"Authorization": f"Bearer {CANARY}", "Cookie": CANARY})
        assert found.status == 200
        assert CANARY.encode() not in found.body
        assert CANARY not in str(found.headers)
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["server"] == "moorage"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_health_is_for_get_alone(listener: Debugged, method: str) -> None:
    assert listener.page("/debug/health").body == b"{}"
    assert listener.page("/debug/health", method).status == 404


@pytest.mark.parametrize("path", ["/debug/health/down", "/debug/health/up"])
def test_only_post_turns_the_switch(listener: Debugged, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert listener.page(path, method).status == 404
    assert listener.statuses() == {200}


def test_other_pages_say_which_methods_they_take(listener: Debugged) -> None:
    found = listener.page("/debug/vars", "POST")
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")
    assert listener.page("/debug/profile", "HEAD").status == 405
    head = listener.page("/debug/vars", "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/debug", "/debug/", "/debug/pprof/", "/v2/", "/v2/secret/app/tags/list", "//", "/%2e"]
)
def test_there_is_nothing_else(listener: Debugged, path: str) -> None:
    assert listener.page(path).status == 404


def test_who_takes_it_down_takes_all_workers_down(listener: Debugged) -> None:
    down = listener.page("/debug/health/down", "POST")
    assert (down.status, down.body) == (200, b"")
    try:
        assert listener.statuses() == {503}
        for _ in range(10):
            found = listener.page("/debug/health")
            assert (found.status, list(found.json)) == (503, ["manual_http_status"])
        assert listener.page("/readyz").status == listener.api("/readyz").status == 503
        assert listener.page("/healthz").status == listener.api("/healthz").status == 200
    finally:
        listener.page("/debug/health/up", "POST")
    assert listener.statuses() == {200}
    assert listener.page("/debug/health").status == listener.page("/readyz").status == 200
    assert listener.log.count("taken out of service by hand") == listener.log.count("back in service") == 1


def test_no_page_of_somebody_else_takes_it_down(listener: Debugged) -> None:
    """A browser of the operator would send such a request for anybody, with its origin."""
    assert listener.page("/debug/health/down", "POST", {"Origin": "https://evil.example"}).status == 403
    assert listener.statuses() == {200}


def told(listener: Debugged) -> Any:
    found = listener.page("/debug/vars")
    assert found.headers["content-type"] == "application/json; charset=utf-8"
    return found.json


def test_facts_about_the_process(listener: Debugged) -> None:
    seen = {}

    def both() -> bool:
        found = told(listener)
        seen[found["process"]["pid"]] = found
        return len(seen) == 2

    until(both, "both workers answer")
    workers = set(listener.server.pids()) - {listener.server.pid}
    assert set(seen) == workers
    for found in seen.values():
        process, memory = found["process"], found["memstats"]
        assert set(process["workers"]) == workers
        assert process["version"] == __version__
        assert process["uptime_seconds"] > 0
        assert process["cpu_seconds"] > 0
        assert process["threads"] >= process["python_threads"] >= 1
        assert 3 < process["open_files"] < process["most_open_files"]
        assert 1 << 20 < memory["Sys"] <= memory["MaxSys"] < 1 << 30
        assert memory["NumGC"] > 0
        assert 0 <= found["eventloop"]["latest_lag_seconds"] <= found["eventloop"]["longest_lag_seconds"]
        assert found["eventloop"]["tasks"] > 1
        assert found["cmdline"][1] == "serve"
    assert len({found["process"]["instance"] for found in seen.values()}) == 1


def test_facts_about_endpoints_have_the_names_of_the_reference(listener: Debugged) -> None:
    (endpoint,) = told(listener)["registry"]["notifications"]["endpoints"]
    counted = endpoint.pop("Metrics")
    assert endpoint == {
        "name": "listener",
        "url": "http://127.0.0.1:1/events",
        "Headers": {"Authorization": ["***"]},
        "Timeout": 1_500_000_000,
        "Threshold": 5,
        "Backoff": 2_000_000_000,
        "IgnoredMediaTypes": ["application/octet-stream"],
        "Ignore": {"MediaTypes": ["application/octet-stream"], "Actions": ["pull"]},
    }
    assert set(counted) >= {"Pending", "Events", "Successes", "Failures", "Errors", "Statuses"}
    assert counted["Statuses"] == {}
    assert counted["Successes"] == 0


def test_stacks_show_requests_under_way(listener: Debugged) -> None:
    pages: list[str] = []

    def shown() -> bool:
        pages.append(listener.page("/debug/stacks").body.decode())
        return re.search(r"^    put \(.*manifests\.py:\d+\)$", pages[-1], re.MULTILINE) is not None

    with socket.create_connection(("127.0.0.1", listener.server.port)) as slow:
        slow.sendall(
            b"PUT /v2/slow/app/manifests/latest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n{"
        )
        # The other worker may answer many times in a row.
        until(shown, "the request is seen")
    assert all("thread\n    in MainThread\n" in page for page in pages)


def test_a_profile_shows_what_serves(listener: Debugged) -> None:
    over = threading.Event()
    found = ""

    def pull() -> None:
        with Client(listener.server.port) as client:
            while not over.is_set():
                client.request("GET", "/v2/busy/app/tags/list")

    def seen() -> bool:
        nonlocal found
        found = folded(listener)
        return "moorage.api.endpoint:Endpoint.__call__" in found

    pulling = [threading.Thread(target=pull) for _ in range(8)]
    for thread in pulling:
        thread.start()
    try:
        # One worker answers, and chance may have given it few of the clients.
        until(seen, "requests are seen")
        until(lambda: b"moorage.api.endpoint.Endpoint.__call__" in packed(listener), "requests are seen")
    finally:
        over.set()
        for thread in pulling:
            thread.join()
    lines = found.splitlines()
    assert all(re.fullmatch(r"[^;]+(;[^;]+)* \d+", line) for line in lines)
    assert any(line.startswith("MainThread;") for line in lines), found


def folded(listener: Debugged) -> str:
    return listener.page("/debug/profile?seconds=0.5").body.decode()


def packed(listener: Debugged) -> bytes:
    found = listener.page("/debug/pprof/profile?seconds=0.5")
    assert found.headers["content-type"] == "application/octet-stream"
    return gzip.decompress(found.body)


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "nan", "inf", "x", ""])
def test_a_profile_does_not_take_for_ever(listener: Debugged, seconds: str) -> None:
    for path in ("/debug/profile", "/debug/pprof/profile"):
        assert listener.page(f"{path}?seconds={seconds}").status == 400


def complaints(listener: Debugged) -> list[str]:
    """What is in the log, but for requests: theirs are written a moment after they were answered."""
    return [line for line in listener.log.splitlines() if not line.startswith("127.0.0.1 - ")]


@pytest.mark.parametrize(
    "sent",
    [b"garbage\r\n\r\n", b"\x16\x03\x01\x00\x00", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n"],
    ids=["words", "tls", "path", "headers"],
)  # fmt: skip
def test_what_is_no_request_is_no_matter_for_the_log(listener: Debugged, sent: bytes) -> None:
    before = complaints(listener)
    with socket.create_connection(("127.0.0.1", listener.debug), timeout=30) as connection:
        connection.sendall(sent)
        assert b" 400 " in connection.recv(1000)
    assert complaints(listener) == before
    assert listener.page("/healthz").status == 200
