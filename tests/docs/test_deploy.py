"""The files in deploy/ work: nginx in front of a real registry, and a unit that systemd understands."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command
from tests.support.tools import find, require

SITE = ROOT / "deploy/nginx.conf"
RECIPE = ROOT / "docs/recipes/nginx.md"
UNIT = ROOT / "deploy/moorage.service"
COLLECTING = ROOT / "deploy/moorage-collect.service"
TIMER = ROOT / "deploy/moorage-collect.timer"
START_SECONDS = 60.0
LAYER = bytes(range(256)) * (1 << 14)  # 4 MiB: more than nginx takes without being told to


@dataclass(frozen=True)
class Proxy:
    port: int
    certificate: Path

    def request(
        self, method: str, path: str, body: bytes = b"", user: str = ""
    ) -> tuple[http.client.HTTPResponse, bytes]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=context)
        headers = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


def make_certificate(folder: Path) -> None:
    """As docs/deploying.md makes one for trials, for localhost."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "1", "-nodes"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)


def password_line(user: str, password: str) -> str:
    return subprocess.run(
        moorage_command("htpasswd", "--cost", "5", user, password), check=True, capture_output=True, text=True
    ).stdout


def configuration(folder: Path, site: str) -> Path:
    """A whole configuration of nginx around a site, that writes into `folder` only."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root, nginx would give up the right to read the folder of the test.
    user = "user root;\n" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"{user}pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{site}\n}}\n"
    )
    return file


@contextmanager
def nginx(folder: Path, site: str, port: int) -> Iterator[Proxy]:
    program = find("nginx") or "nginx"
    process = subprocess.Popen([program, "-c", str(configuration(folder, site))], start_new_session=True)
    proxy = Proxy(port, folder / "certificate.pem")
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                proxy.request("GET", "/v2/")
                break
            except OSError:
                time.sleep(0.05)
        else:
            pytest.fail(f"nginx does not answer: {(folder / 'error.log').read_text()[-2000:]}")
        yield proxy
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def adapted(site: str, folder: Path, registry: int, port: int) -> str:
    """The site with the test's ports and folder in place of those of a machine."""
    assert "127.0.0.1:5000" in site
    assert "/etc/nginx/registry" in site
    site = re.sub(r".*\[::\]:443.*\n", "", site)
    return (
        site.replace("127.0.0.1:5000", f"127.0.0.1:{registry}")
        .replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        .replace("/etc/nginx/registry", str(folder))
    )


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, and password files as docs/recipes/nginx.md has them."""
    require("nginx", "openssl")
    folder = tmp_path_factory.mktemp("secrets")
    make_certificate(folder)
    lines = [password_line("reader", "secret-1"), password_line("writer", "secret-2")]
    (folder / "htpasswd").write_text("".join(lines))
    (folder / "htpasswd-push").write_text(lines[1])
    return folder


@pytest.fixture
def folder(tmp_path: Path, secrets: Path) -> Path:
    """What nginx may write to, with the secrets in it."""
    shutil.copytree(secrets, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def proxy(folder: Path, shared_server: Server) -> Iterator[Proxy]:
    port = free_port()
    with nginx(folder, adapted(SITE.read_text(), folder, shared_server.port, port), port) as running:
        yield running


def push(proxy: Proxy, name: str, blob: bytes, user: str) -> int:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    begun, _ = proxy.request("POST", f"/v2/{name}/blobs/uploads/", user=user)
    if begun.status != 202:
        return begun.status
    ended, _ = proxy.request("PUT", f"{begun.headers['Location']}&digest={digest}", blob, user=user)
    return ended.status


def test_nginx_asks_for_a_password_in_the_name_of_a_registry(proxy: Proxy) -> None:
    refused, _ = proxy.request("GET", "/v2/")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert refused.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    wrong, _ = proxy.request("GET", "/v2/", user="writer:wrong")
    assert wrong.status == 401


def test_a_layer_goes_through_nginx_and_comes_back(proxy: Proxy) -> None:
    assert push(proxy, "behind/nginx", LAYER, "writer:secret-2") == 201
    digest = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"
    answer, body = proxy.request("GET", f"/v2/behind/nginx/blobs/{digest}", user="writer:secret-2")
    assert (answer.status, body) == (200, LAYER)
    assert answer.headers.get_all("Docker-Distribution-Api-Version") == ["registry/2.0"]


def test_the_variant_for_groups_lets_only_writers_push(folder: Path, shared_server: Server) -> None:
    port = free_port()
    _, maps, line = (block.text for block in blocks(RECIPE, "nginx"))
    plain = "        auth_basic_user_file /etc/nginx/registry/htpasswd;\n"
    site = SITE.read_text()
    assert plain in site
    site = adapted(maps + site.replace(plain, line), folder, shared_server.port, port)
    with nginx(folder, site, port) as proxy:
        assert push(proxy, "behind/nginx", b"bytes", "reader:secret-1") == 401
        assert push(proxy, "behind/nginx", b"bytes", "writer:secret-2") == 201
        assert proxy.request("GET", "/v2/", user="reader:secret-1")[0].status == 200


def test_the_second_name_reads_without_a_password_and_writes_nothing(
    folder: Path, shared_server: Server
) -> None:
    first, second = free_port(), free_port()
    reading, *_ = (block.text for block in blocks(RECIPE, "nginx"))
    site = adapted(SITE.read_text(), folder, shared_server.port, first)
    site += reading.replace("listen 443 ssl", f"listen 127.0.0.1:{second} ssl").replace(
        "/etc/nginx/registry", str(folder)
    )
    with nginx(folder, site, second) as proxy:
        assert proxy.request("GET", "/v2/")[0].status == 200
        assert proxy.request("GET", "/v2/_catalog")[0].status == 200
        assert push(proxy, "behind/nginx", b"bytes", "") == 403


def test_systemd_understands_the_unit_and_finds_it_well_shut(tmp_path: Path) -> None:
    require("systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/moorage/bin/moorage", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    mine = [line for line in checked.stderr.splitlines() if UNIT.name in line]
    assert mine == [], "systemd does not understand these lines"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"more than 2.0 of exposure: {done.stdout[-300:]}"


def test_the_unit_gives_up_on_a_server_that_ends_at_each_start() -> None:
    """A mistake in the configuration. A start takes a second or two."""
    settings = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line)
    turn_seconds = int(settings["RestartSec"]) + 3
    assert int(settings["StartLimitBurst"]) * turn_seconds < int(settings["StartLimitIntervalSec"])


def test_systemd_understands_the_timer_and_the_unit_that_it_starts(tmp_path: Path) -> None:
    require("systemd-analyze")
    units = []
    for file in (UNIT, COLLECTING, TIMER):
        unit = tmp_path / file.name
        unit.write_text(file.read_text().replace("/opt/moorage/bin/moorage", "/bin/true"))
        units.append(str(unit))
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    mine = [line for line in checked.stderr.splitlines() if "moorage" in line]
    assert mine == [], "systemd does not understand these lines"


def test_a_collection_by_the_clock_stops_the_registry_and_starts_it_again_whatever_happens() -> None:
    settings = dict(line.split("=", 1) for line in COLLECTING.read_text().splitlines() if "=" in line)
    assert settings["ExecStartPre"].endswith(f" stop {UNIT.name}")
    assert settings["ExecStopPost"].endswith(f" start {UNIT.name}")
    for key in ("User", "Group", "EnvironmentFile", "UMask"):
        assert f"{key}={settings[key]}\n" in UNIT.read_text()
