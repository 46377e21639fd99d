"""Storage middleware of whole servers: where clients are sent, and that what they find there is the blob."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.client import Client
from tests.faults.images import digest_of
from tests.faults.processes import holder_of
from tests.faults.wire import Wire, request_bytes
from tests.stores.server import SECRET, store_server
from tests.support import forking
from tests.support.cloudfront import KEY_PAIR, pem, verified
from tests.support.exchange import exchange
from tests.support.objectstores import S3
from tests.support.server import Server, moorage_server, running
from tests.support.storeproxy import proxying
from tests.support.threaded import ThreadedServer

NAME = "team/app"
CDN = "http://cdn.example/pre"
LISTED, UNLISTED = "198.51.100.7", "203.0.113.9"
SECONDS = 30.0

Entry = Mapping[str, object]


class Ranges:
    """A server of an address list, which may change."""

    def __init__(self) -> None:
        self.networks = ["198.51.100.0/24"]

    @property
    def document(self) -> bytes:
        prefixes = [{"ip_prefix": one, "region": "eu-central-1", "service": "S3"} for one in self.networks]
        return json.dumps({"prefixes": prefixes, "ipv6_prefixes": []}).encode()

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        ranges = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document = ranges.document
                self.send_response(200)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadedServer(Handler).serving() as server:
            yield f"{server.endpoint}/ip-ranges.json"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(pem())
    return path


def cloudfront(key: Path, **options: object) -> Entry:
    given = {"baseurl": CDN, "privatekey": str(key), "keypairid": KEY_PAIR, **options}
    return {"name": "cloudfront", "options": given}


def sent_to(server: Server, digest: str, **headers: str) -> str:
    """Where a GET of the blob is sent. A HEAD is answered here all the same."""
    path = f"/v2/{NAME}/blobs/{digest}"
    with Client(server.port) as client:
        client.expect(200, "HEAD", path)
        return client.expect(307, "GET", path, headers=headers).headers["location"]


def pushed(server: Server, data: bytes) -> str:
    with Client(server.port) as client:
        return client.push_blob(NAME, data)


def loaded(url: str) -> bytes:
    parts = urlsplit(url)
    answer = exchange(parts.netloc, "GET", url.removeprefix(f"{parts.scheme}://{parts.netloc}"))
    assert answer.status == 200, url
    return answer.body


def test_a_redirect_before_files_leads_to_a_server_with_the_same_tree(tmp_path: Path) -> None:
    root, data = tmp_path / "data", os.urandom(100_000)
    with ThreadedServer(partial(Quiet, directory=str(root))).serving() as mirror:
        entries = [{"name": "redirect", "options": {"baseurl": f"{mirror.endpoint}/"}}]
        server = moorage_server(tmp_path, extra=f"middleware: {json.dumps({'storage': entries})}\n")
        with running(server):
            digest = pushed(server, data)
            sent = sent_to(server, digest)
            assert sent.startswith(f"{mirror.endpoint}/docker/registry/v2/blobs/sha256/")
            assert loaded(sent) == data
            with Client(server.port) as client:
                client.expect(404, "GET", f"/v2/{NAME}/blobs/{digest_of(b'not there')}")
                headers = {"If-None-Match": f'"{digest}"'}
                client.expect(304, "GET", f"/v2/{NAME}/blobs/{digest}", headers=headers)


def test_a_redirect_before_s3_leads_elsewhere_than_the_bucket(moto_store: S3, tmp_path: Path) -> None:
    entry = {"name": "redirect", "options": {"baseurl": "https://mirror.example/images"}}
    with running(
        store_server(tmp_path, moto_store, redirect=True, secret=SECRET, middleware=[entry])
    ) as server:
        digest = pushed(server, b"data")
        hexadecimal = digest.partition(":")[2]
        assert sent_to(server, digest) == (
            "https://mirror.example/images/docker/registry/v2/blobs/sha256/"
            f"{hexadecimal[:2]}/{hexadecimal}/data"
        )


def test_a_rewrite_changes_the_url_of_s3(moto_store: S3, tmp_path: Path) -> None:
    data, bucket = os.urandom(100_000), f"/{moto_store.bucket}"
    with proxying(moto_store.endpoint) as front:
        host = urlsplit(front.endpoint).netloc
        options = {"scheme": "https", "host": host, "trimpathprefix": bucket}
        entry = {"name": "rewrite", "options": options}
        with running(
            store_server(tmp_path, moto_store, redirect=True, secret=SECRET, middleware=[entry])
        ) as server:
            sent = urlsplit(sent_to(server, pushed(server, data)))
            assert (sent.scheme, sent.netloc) == ("https", host)
            assert sent.path.startswith("/servers/")
            assert "X-Amz-Signature=" in sent.query
            assert loaded(sent._replace(scheme="http", path=bucket + sent.path).geturl()) == data


def test_cloudfront_gets_signed_urls(moto_store: S3, tmp_path: Path, key: Path) -> None:
    entry = cloudfront(key, duration=5)
    with running(
        store_server(tmp_path, moto_store, root="tree", redirect=True, secret=SECRET, middleware=[entry])
    ) as server:
        digest = pushed(server, b"data")
        before = int(time.time())
        resource, expires = verified(sent_to(server, digest))
        assert resource.startswith(f"{CDN}/tree/docker/registry/v2/blobs/sha256/")
        assert before + 300 <= expires <= time.time() + 300
    assert "is taken as 5 minutes; write 5m" in server.log.read_text()


def test_clients_in_aws_go_to_s3_also_when_the_list_has_changed(
    moto_store: S3, tmp_path: Path, key: Path
) -> None:
    ranges, data = Ranges(), os.urandom(100_000)
    with ranges.running() as address:
        options = {"iprangesurl": address, "updatefrequency": "1s"}
        entry = cloudfront(key, ipfilteredby="awsregion", awsregion="EU-Central-1, us-east-1", **options)
        server = store_server(
            tmp_path, moto_store, redirect=True, workers=2, secret=SECRET, middleware=[entry]
        )
        with running(server):
            digest = pushed(server, data)
            until(lambda: places(server, digest, LISTED) == {"s3"})
            assert places(server, digest) == {"cloudfront"}
            assert places(server, digest, UNLISTED) == {"cloudfront"}
            # The first one sent by the client, the second by the proxy before us.
            assert places(server, digest, f"{LISTED}, {UNLISTED}") == {"cloudfront"}
            assert places(server, digest, f"{UNLISTED}, {LISTED}") == {"s3"}
            assert loaded(sent_to(server, digest, **{"X-Forwarded-For": LISTED})) == data
            ranges.networks = ["127.0.0.0/8"]
            until(lambda: places(server, digest) == {"s3"})
            until(lambda: places(server, digest, LISTED) == {"cloudfront"})


def places(server: Server, digest: str, forwarded_for: str = "") -> set[str]:
    """Where the two workers send clients with that address: each has a list of its own."""
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    request = request_bytes("GET", f"/v2/{NAME}/blobs/{digest}", None, headers)
    sent: dict[int, str] = {}

    def both_asked() -> bool:
        with Wire(server.port) as wire:
            wire.send(request)
            location = wire.receive().headers["location"]
            sent[holder_of(server, wire)] = "s3" if "X-Amz-Signature=" in location else "cloudfront"
        return len(sent) == 2

    until(both_asked)
    return set(sent.values())


def until(holds: Callable[[], bool]) -> None:
    """Raises AssertionError when it does not come true in time."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a server says that did not start."""
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_key_that_is_not_there_is_told_in_one_line(moto_store: S3, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    server = store_server(tmp_path, moto_store, redirect=True, middleware=[cloudfront(missing)])
    assert refused(forking.command(*server.command[1:])) == (
        "moorage: middleware.storage[0].options.privatekey: "
        f"cannot read {missing}: No such file or directory\n"
    )


def test_a_library_that_is_not_installed_is_told_in_one_line(
    moto_store: S3, tmp_path: Path, key: Path
) -> None:
    (tmp_path / "botocore.py").write_text("raise ModuleNotFoundError(name='botocore')\n")
    server = store_server(tmp_path, moto_store, redirect=True, middleware=[cloudfront(key)])
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        server.command, capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert refused(done) == (
        "moorage: middleware.storage[0]: botocore is not installed: pip install 'moorage[cloudfront]'\n"
    )
    # What does not serve sends nobody anywhere.
    program, _, config = server.command
    collecting = [program, "garbage-collect", "--dry-run", config]
    subprocess.run(collecting, capture_output=True, timeout=120, check=True, env=environment)
