"""What a collector gets of the requests of a whole server."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.exchange import Answer, exchange
from tests.support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, canonical, descriptor, digest_of
from tests.support.server import Server, moorage_server, running
from tests.tracing.collector import FAILED, INTERNAL, SERVER, Collector, Span, asking, collecting

MANIFEST = "/v2/{name}/manifests/{reference}"
UPLOADS = "/v2/{name}/blobs/uploads/"
BLOB = "/v2/{name}/blobs/{digest}"
CONFIG, LAYER = b"{}", b"layer" * 60_000
PICTURE = canonical(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, CONFIG),
        "layers": [descriptor(OCI_LAYER, LAYER)],
    }
)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def server(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = {
        **asking(collector),
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=harbour",
    }
    extra = "  workers: 2\n  trustedproxies: [127.0.0.0/8]\n"
    made = moorage_server(tmp_path_factory.mktemp("traced"), extra=extra, environment=variables)
    with running(made) as started:
        yield started


class Caller:
    """Somebody who traces too: `traceparent` of a span of theirs goes with each request."""

    def __init__(self, server: Server, flags: str = "01") -> None:
        self._server = server
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {"traceparent": f"00-{self.trace}-{self.span}-{flags}"}

    def asks(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return exchange(
            self._server.address, method, target, body=body, headers={**self.headers, **(headers or {})}
        )

    def spans(self, collector: Collector, *names: str, requests: int = 0) -> list[Span]:
        """All of this trace, once there is one of each name, and so many of requests: what is below one may be told before it."""

        def mine(spans: list[Span]) -> list[Span]:
            return [span for span in spans if span.trace == self.trace]

        def all_there(spans: list[Span]) -> bool:
            served = [span for span in mine(spans) if span.kind == SERVER]
            return {*names} <= {span.name for span in mine(spans)} and len(served) >= requests

        found = mine(collector.wait_for(all_there))
        assert {*names} <= {span.name for span in found}, sorted(span.name for span in found)
        return found


def push(caller: Caller, name: str) -> None:
    for blob in (CONFIG, LAYER):
        begun = caller.asks("POST", f"/v2/{name}/blobs/uploads/", b"")
        location = begun.headers["location"]
        separator = "&" if "?" in location else "?"
        done = caller.asks("PUT", f"{location}{separator}digest={digest_of(blob)}", blob)
        assert done.status == 201
    put = caller.asks("PUT", f"/v2/{name}/manifests/1.0", PICTURE, {"content-type": OCI_MANIFEST})
    assert put.status == 201


def below(spans: list[Span], parent: Span) -> list[Span]:
    return [span for span in spans if span.parent == parent.id]


def test_a_push_is_a_span_for_each_request_with_the_storage_below(
    server: Server, collector: Collector
) -> None:
    caller = Caller(server)
    push(caller, "team/pushed")
    upload = f"PUT {UPLOADS}{{id}}"
    spans = caller.spans(collector, f"POST {UPLOADS}", upload, f"PUT {MANIFEST}", requests=5)
    requests = [span for span in spans if span.kind == SERVER]
    assert sorted(span.name for span in requests) == sorted(
        [f"POST {UPLOADS}", upload, f"POST {UPLOADS}", upload, f"PUT {MANIFEST}"]
    )
    assert {span.parent for span in requests} == {caller.span}
    for request in requests:
        done = below(spans, request)
        assert done, request.name
        assert {span.kind for span in done} == {INTERNAL}
        assert all(request.began <= span.began <= span.ended <= request.ended for span in done)
    assert len(spans) == sum(1 + len(below(spans, request)) for request in requests)
    names = {request.name: {span.name for span in below(spans, request)} for request in requests}
    assert "storage.begin" in names[f"POST {UPLOADS}"]
    assert {"storage.append", "storage.move"} <= names[upload]
    assert "storage.write" in names[f"PUT {MANIFEST}"]


def test_a_pull_is_told_with_what_was_asked_and_answered(server: Server, collector: Collector) -> None:
    push(Caller(server, flags="00"), "team/pulled")
    caller = Caller(server)
    headers = {
        "user-agent": "docker/29.0",
        "x-forwarded-for": "192.0.2.7",
        "x-request-id": "tug-42",
        "host": "images.example:8080",
    }
    assert caller.asks("GET", "/v2/team/pulled/manifests/1.0?x=y", headers=headers).body == PICTURE
    assert caller.asks("GET", f"/v2/team/pulled/blobs/{digest_of(LAYER)}").body == LAYER
    spans = caller.spans(collector, f"GET {MANIFEST}", f"GET {BLOB}", "storage.stream")
    manifest = next(span for span in spans if span.name == f"GET {MANIFEST}")
    assert manifest.attributes == {
        "http.request.method": "GET",
        "http.route": MANIFEST,
        "http.response.status_code": 200,
        "http.response.body.size": len(PICTURE),
        "url.path": "/v2/team/pulled/manifests/1.0",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "images.example",
        "server.port": 8080,
        "client.address": "192.0.2.7",
        "user_agent.original": "docker/29.0",
        "moorage.request.id": "tug-42",
        "moorage.repository": "team/pulled",
        "moorage.reference": "1.0",
    }
    stream = next(span for span in spans if span.name == "storage.stream")
    blob = next(span for span in spans if span.name == f"GET {BLOB}")
    assert (stream.parent, stream.attributes["moorage.storage.bytes"]) == (blob.id, len(LAYER))


def test_a_trace_begins_here_where_the_caller_has_none(server: Server, collector: Collector) -> None:
    malformed = [
        "",
        "nonsense",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01-more",
        "00-" + "a" * 5000,
    ]
    for number, header in enumerate(malformed):
        headers = {"traceparent": header, "tracestate": "=,=", "baggage": "%%%;;=," + "k" * 9000}
        answer = exchange(server.address, "GET", f"/v2/team/begun{number}/manifests/none", headers=headers)
        assert answer.status == 404
    wanted = {f"team/begun{number}" for number in range(len(malformed))}

    def begun(spans: list[Span]) -> list[Span]:
        return [span for span in spans if span.attributes.get("moorage.repository") in wanted]

    found = begun(collector.wait_for(lambda spans: len(begun(spans)) == len(wanted)))
    assert len({span.trace for span in found}) == len(wanted)
    assert {span.parent for span in found} == {""}


def test_what_the_caller_does_not_trace_is_not_traced_here(server: Server, collector: Collector) -> None:
    silent, loud = Caller(server, flags="00"), Caller(server)
    assert silent.asks("GET", "/v2/team/silent/manifests/none").status == 404
    assert loud.asks("GET", "/v2/team/silent/tags/list").status == 404
    loud.spans(collector, "GET /v2/{name}/tags/list")
    assert [span for span in collector.spans if span.trace == silent.trace] == []


def test_requests_at_once_keep_their_spans_apart(server: Server, collector: Collector) -> None:
    callers = {f"crowd/n{number}": Caller(server) for number in range(24)}

    def work(name: str) -> None:
        push(callers[name], name)
        assert callers[name].asks("GET", f"/v2/{name}/manifests/1.0").status == 200

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, callers))
    for name, caller in callers.items():
        # Of two blobs and a manifest that were pushed, and the manifest that was pulled.
        spans = caller.spans(collector, f"GET {MANIFEST}", f"PUT {MANIFEST}", requests=6)
        requests = {span.id: span for span in spans if span.kind == SERVER}
        assert {span.attributes["moorage.repository"] for span in requests.values()} == {name}
        others = [span for span in spans if span.kind != SERVER]
        assert {span.parent for span in others} <= set(requests)
        paths = [str(span.attributes["moorage.storage.path"]) for span in others]
        named = {match[1] for path in paths if (match := re.search(r"/repositories/(.*?)/_", path))}
        assert named == {name}


def test_nothing_secret_is_told(server: Server, collector: Collector) -> None:
    caller = Caller(server)
    password, state = secrets.token_hex(12), secrets.token_hex(12)
    begun = caller.asks("POST", "/v2/team/secret/blobs/uploads/", b"")
    signed = begun.headers["location"].partition("_state=")[2]
    headers = {"authorization": f"Basic {password}", "cookie": password}
    caller.asks("PATCH", begun.headers["location"], LAYER, headers)
    caller.asks("GET", f"/v2/team/secret/manifests/none?_state={state}&token={password}", headers=headers)
    caller.spans(collector, f"PATCH {UPLOADS}{{id}}", f"GET {MANIFEST}")
    told = repr(collector.spans)
    assert signed
    assert [secret for secret in (password, state, signed) if secret in told] == []


def test_a_failing_storage_is_an_error_of_the_request_and_of_its_operation(
    server: Server, collector: Collector
) -> None:
    push(Caller(server, flags="00"), "team/broken")
    link = server.root / "docker/registry/v2/repositories/team/broken/_manifests/tags/1.0/current/link"
    link.unlink()
    # A socket cannot be opened as a file.
    os.mknod(link, stat.S_IFSOCK | 0o600)
    caller = Caller(server)
    status = caller.asks("GET", "/v2/team/broken/manifests/1.0").status
    assert status >= 500
    spans = caller.spans(collector, f"GET {MANIFEST}", "storage.read")
    request = next(span for span in spans if span.kind == SERVER)
    assert (request.status, request.attributes["error.type"]) == (FAILED, str(status))
    [failed] = [span for span in below(spans, request) if span.status == FAILED]
    [(name, event)] = failed.events
    assert (name, event["exception.type"]) == ("exception", failed.attributes["error.type"])
    assert str(link.relative_to(server.root)) in str(event["exception.message"])


def test_the_version_of_an_old_client_is_told_in_full(server: Server, collector: Collector) -> None:
    caller = Caller(server)
    [(name, value)] = caller.headers.items()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"GET /v2/_catalog HTTP/1.0\r\n{name}: {value}\r\n\r\n".encode())
        while connection.recv(4096):
            pass
    spans = caller.spans(collector, "GET /v2/_catalog")
    [version] = {span.attributes["network.protocol.version"] for span in spans if span.kind == SERVER}
    assert version == "1.0"


def test_what_clients_write_in_utf_8_is_told_as_they_wrote_it(server: Server, collector: Collector) -> None:
    caller = Caller(server)
    headers = b"".join(f"{name}: {value}\r\n".encode() for name, value in caller.headers.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(
            "GET /v2/düse/tags/list HTTP/1.1\r\nHost: x\r\nUser-Agent: Düse/1.0 €\r\nConnection: close\r\n".encode()
            + headers
            + b"\r\n"
        )
        while connection.recv(4096):
            pass
    [span] = caller.spans(collector, "GET /v2/{name}/tags/list")
    assert (span.attributes["user_agent.original"], span.attributes["url.path"]) == (
        "Düse/1.0 €",
        "/v2/düse/tags/list",
    )


def test_what_clients_write_is_bounded_and_spoils_no_batch(server: Server, collector: Collector) -> None:
    caller = Caller(server)
    caller.asks("BREW", "/v2/team/odd/manifests/1.0", headers={"user-agent": "x" * 20_000})
    caller.asks("GET", "/v2/team/%ED%A0%80%FF%00/manifests/" + "t" * 3000)
    spans = caller.spans(collector, f"HTTP {MANIFEST}", f"GET {MANIFEST}")
    longest = max(len(str(value)) for span in spans for value in span.attributes.values())
    assert longest <= 512
    brewed = next(span for span in spans if span.name.startswith("HTTP"))
    assert brewed.attributes["http.request.method"] == "_OTHER"


def test_the_service_is_named_as_the_variables_say(server: Server, collector: Collector) -> None:
    Caller(server).asks("GET", "/v2/")
    [span, *_] = collector.named("GET /v2/")
    assert span.service["service.name"] == "moorage"
    assert span.service["deployment.environment"] == "test"
    assert collector.requests[0]["x-tenant"] == "harbour"
    # Workers are told apart.
    assert span.service["service.instance.id"]


def test_lines_of_the_log_tell_the_trace(server: Server) -> None:
    caller = Caller(server)
    upload = caller.asks("POST", "/v2/team/lines/blobs/uploads/", b"").headers["location"]
    caller.asks("PATCH", upload, b"first", {"content-type": "application/octet-stream"})
    other = hashlib.sha512(b"first").hexdigest()
    separator = "&" if "?" in upload else "?"
    caller.asks("PUT", f"{upload}{separator}digest=sha512:{other}", b"")
    [line] = [line for line in server.log.read_text().splitlines() if "once more for its digest" in line]
    assert f"trace.id={caller.trace}" in line
