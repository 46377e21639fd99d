"""Whole servers: what their workers counted is exactly what was asked of them, whatever befell the workers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from tests.faults.processes import eventually, holder_of, worker_pids
from tests.faults.wire import Wire
from tests.metrics.scraped import Page, counted_server, scrape
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.images import OCI_MANIFEST, canonical, digest_of
from tests.support.server import Server, moorage_command, running

SECONDS = 30.0
CONNECTIONS, REQUESTS = 12, 25
REQUEST_COUNT = "registry_http_requests_total"
RUNNING = "registry_uploads_running"
BLOB = b"a blob of some size" * 1000
MANIFEST = canonical(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/octet-stream",
            "digest": digest_of(BLOB),
            "size": len(BLOB),
        },
        "layers": [],
    }
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    server, port = counted_server(tmp_path)
    with running(server):
        yield server, port


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    """For tests that count what they add."""
    server, port = counted_server(tmp_path_factory.mktemp("steady"))
    with running(server):
        yield server, port


def soft_limit(pid: int) -> int:
    """How many files a process may open."""
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]


def target_of(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def push(server: Server, name: str) -> None:
    """In pieces of unknown length, as Docker does."""
    begun = exchange(server.address, "POST", f"/v2/{name}/blobs/uploads/", body=b"")
    assert begun.status == 202
    sent = exchange(
        server.address,
        "PATCH",
        target_of(begun.headers["location"]),
        body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(BLOB), BLOB),
        headers={"transfer-encoding": "chunked", "content-length": ""},
    )
    assert sent.status == 202, sent
    done = exchange(
        server.address,
        "PUT",
        f"{target_of(sent.headers['location'])}&digest={digest_of(BLOB)}",
        body=b"",
    )
    assert done.status == 201, done
    put = exchange(
        server.address,
        "PUT",
        f"/v2/{name}/manifests/latest",
        body=MANIFEST,
        headers={"content-type": OCI_MANIFEST},
    )
    assert put.status == 201, put


def pull(server: Server, name: str) -> None:
    """Over many connections, so that every worker gets some; a connection stays with its worker."""

    def ask(_: int) -> None:
        with Wire(server.port) as wire:
            for _ in range(REQUESTS):
                wire.send(f"GET /v2/{name}/manifests/latest HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert wire.receive().status == 200

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(ask, range(CONNECTIONS)))


def comes(port: int, what: str, condition: Callable[[Page], bool]) -> Page:
    """An answer is counted when it was sent, so a client may be a moment ahead."""
    eventually(lambda: condition(scrape(port)), SECONDS, what)
    return scrape(port)


def reaches(port: int, name: str, value: float) -> Page:
    return comes(port, f"{name} is {value}", lambda page: page.total(name) == value)


def kill_workers(server: Server) -> None:
    for pid in worker_pids(server):
        os.kill(pid, signal.SIGKILL)


def opened(pid: int) -> list[str]:
    """What a process has open; what it closes meanwhile may be missing."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


def folder_of(server: Server) -> Path:
    """Where the workers count."""
    (pid, *_) = worker_pids(server)
    for target in opened(pid):
        # A third slot is taken by whoever starts while somebody looks whether the second one is.
        if re.fullmatch(r"counter_\d+\.db", Path(target).name):
            return Path(target).parent
    raise LookupError("the worker counts nowhere")


def answers_in(page: Page) -> dict[tuple[str, str, str], float]:
    """By handler, method and status, without those of the base, which is asked at the start."""
    return {
        (sample.labels["handler"], sample.labels["method"], sample.labels["code"]): sample.value
        for sample in page.samples
        if sample.name == REQUEST_COUNT and sample.labels["handler"] != "base"
    }


def flying(page: Page) -> float:
    return page.total("registry_http_in_flight_requests")


def pulls_in(path: Path) -> float:
    families = MultiProcessCollector.merge([str(path)])  # type: ignore[no-untyped-call]
    return sum(
        float(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == REQUEST_COUNT and sample.labels["handler"] == "manifest"
    )


def test_the_counts_of_the_workers_add_up_to_what_was_asked(served: tuple[Server, int]) -> None:
    server, port = served
    push(server, "some/app")
    pull(server, "some/app")
    for target in ("/v2/some/app/manifests/missing", "/v2/some/app/nothing", "/v2/some/app/tags/list"):
        exchange(server.address, "GET", target)
    exchange(server.address, "HEAD", "/v2/some/app/manifests/latest")
    exchange(server.address, "BREW", "/v2/some/app/manifests/latest")
    count = CONNECTIONS * REQUESTS
    asked = {
        ("manifest", "get", "200"): count,
        ("manifest", "get", "404"): 1,
        ("manifest", "head", "200"): 1,
        ("manifest", "put", "201"): 1,
        ("manifest", "unknown", "405"): 1,
        ("tags", "get", "200"): 1,
        ("unknown", "get", "404"): 1,
        ("blob_upload", "post", "202"): 1,
        ("blob_upload_chunk", "patch", "202"): 1,
        ("blob_upload_chunk", "put", "201"): 1,
    }
    # One worker may be a moment behind the other.
    page = comes(port, "each answer is counted", lambda page: answers_in(page) == asked and not flying(page))
    assert answers_in(page) == asked
    durations = "registry_http_request_duration_seconds_count"
    assert page.total(durations, handler="manifest", method="get") == count + 1
    assert page.total("registry_http_request_size_bytes_sum", handler="blob_upload_chunk") == len(BLOB)
    assert page.total("registry_http_request_size_bytes_sum", handler="manifest") == len(MANIFEST)
    assert page.total("registry_http_response_size_bytes_count", handler="manifest") == count + 4
    assert page.total("registry_http_response_size_bytes_sum", handler="manifest") > count * len(MANIFEST)
    assert page.values("registry_repository_pulls_total", "repository") == {"some/app": count, "_other": 0}
    assert page.values("registry_repository_pushes_total", "repository") == {"some/app": 1, "_other": 0}
    assert page.values("registry_uploads_total", "event") == {
        "started": 1,
        "completed": 1,
        "canceled": 0,
        "mounted": 0,
    }
    assert flying(page) == 0
    shares = [pulls_in(folder_of(server) / f"counter_{number}.db") for number in (1, 2)]
    assert sum(shares) == count + 4
    assert min(shares) > 0, "one worker had nothing to do, so this shows nothing of two"


def test_mounts_and_uploads_in_one_request_are_told_from_others(steady: tuple[Server, int]) -> None:
    server, port = steady
    before = scrape(port).values("registry_uploads_total", "event")
    digest = digest_of(BLOB)
    one = exchange(server.address, "POST", f"/v2/a/blobs/uploads/?digest={digest}", body=BLOB)
    two = exchange(server.address, "POST", f"/v2/b/blobs/uploads/?mount={digest}&from=a", body=b"")
    three = exchange(server.address, "POST", "/v2/b/blobs/uploads/", body=b"")
    four = exchange(server.address, "DELETE", target_of(three.headers["location"]))
    asked = f"/v2/b/blobs/uploads/?mount={digest_of(b'not here')}&digest={digest}"
    five = exchange(server.address, "POST", asked, body=BLOB)
    assert [answer.status for answer in (one, two, three, four, five)] == [201, 201, 202, 204, 201]
    happened = {"started": 1, "completed": 2, "canceled": 1, "mounted": 1}
    wanted = {event: before[event] + count for event, count in happened.items()}
    comes(port, "each is counted", lambda page: page.values("registry_uploads_total", "event") == wanted)


def test_nothing_is_lost_or_left_with_workers_that_are_killed(served: tuple[Server, int]) -> None:
    server, port = served
    push(server, "some/app")
    for round_ in (1, 2):
        pull(server, "some/app")
        count = round_ * CONNECTIONS * REQUESTS
        reaches(port, "registry_repository_pulls_total", count)
        begun = exchange(server.address, "POST", "/v2/some/app/blobs/uploads/", body=b"")
        with Wire(server.port) as wire:
            target = target_of(begun.headers["location"])
            wire.send(f"PATCH {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf".encode())
            page = reaches(port, RUNNING, 1)
            assert page.total("registry_http_in_flight_requests", handler="blob_upload_chunk") == 1
            assert holder_of(server, wire) in worker_pids(server)
            kill_workers(server)
        reaches(port, "registry_worker_starts_total", 2 * (round_ + 1))
        page = reaches(port, "registry_workers", 2)
        assert page.total(RUNNING) == 0
        assert flying(page) == 0
        assert page.total("registry_repository_pulls_total") == count
    assert len(list(folder_of(server).glob("*.lock"))) < 4, "the dead leave files behind"


def test_processes_are_summed_and_their_time_never_shrinks(steady: tuple[Server, int]) -> None:
    server, port = steady
    pull_nothing = [exchange(server.address, "GET", "/v2/").status for _ in range(200)]
    assert set(pull_nothing) == {200}
    before = scrape(port)
    assert before.total("registry_workers") == 2
    resident = server.rss_bytes()
    assert abs(before.total("process_resident_memory_bytes") - resident) < resident / 4
    files = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.pids())
    assert abs(before.total("process_open_fds") - files) <= 8
    assert before.total("process_max_fds") > before.total("process_open_fds")
    fullest = max(len(os.listdir(f"/proc/{pid}/fd")) / soft_limit(pid) for pid in server.pids())
    assert 0 < before.total("registry_open_files_ratio") < 2 * fullest
    kill_workers(server)
    after = reaches(port, "registry_worker_starts_total", before.total("registry_worker_starts_total") + 2)
    assert after.total("process_cpu_seconds_total") >= before.total("process_cpu_seconds_total")
    assert after.total("process_start_time_seconds") == before.total("process_start_time_seconds")


def test_a_collection_of_garbage_is_told_and_is_no_damage(steady: tuple[Server, int]) -> None:
    server, port = steady
    digest = digest_of(BLOB)
    answer = exchange(server.address, "POST", f"/v2/waste/blobs/uploads/?digest={digest}", body=BLOB)
    assert answer.status == 201
    config = server.command[-1]
    for arguments in (["--dry-run"], []):
        done = forking.command("garbage-collect", "--json", *arguments, config)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["freed_bytes"] == len(BLOB)
    known = folder_of(server) / "collected"
    known.unlink(missing_ok=True)
    page = scrape(port)
    assert page.total("registry_garbage_collection_runs_total") == 1
    assert page.total("registry_garbage_collection_freed_bytes_total") == len(BLOB)
    check = forking.command("storage", "check", config)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "collected" not in check.stdout


def test_without_metrics_nobody_counts(server: Server) -> None:
    """And no worker has loaded what makes pages of it."""
    workers = worker_pids(server)
    assert workers
    for pid in workers:
        assert not [path for path in opened(pid) if path.endswith(".db") and "counter" in path]
    probe = (
        "import sys, moorage.app, moorage.metrics\n"
        "assert moorage.metrics.build('') is None\n"
        "print([name for name in sys.modules if name.startswith('prometheus_client')])"
    )
    done = subprocess.run(
        [moorage_command()[0].replace("moorage", "python"), "-c", probe],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
