"""The servers under measurement: their configurations, and how one is started."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.server import moorage_command

from benchmarks import secure
from benchmarks.restartable import RestartableServer

SERVER_CPU, LOADER_CPU = 0, 1
SECRET = "a-secret-for-benchmarks"

# The same keys for all registries, and what the peers have by default or is off in the measurements anyway.
REGISTRY_CONFIG = """\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
{storage}http:
  addr: 127.0.0.1:{port}
  secret: {secret}
{http}"""

PEER_STORAGE = """\
  cache:
    blobdescriptor: inmemory
  maintenance:
    uploadpurging:
      enabled: false
"""

NGINX_CONFIG = """\
{user}daemon off;
worker_processes 1;
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache off;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location = /v2/ {{ return 200 "{{}}"; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to measure, or a client. `binary` is empty for what is run from this environment: Moorage and boto3."""

    key: str
    title: str
    binary: str = ""

    @property
    def is_moorage(self) -> bool:
        return self.key in ("moorage", "plain")

    @property
    def is_registry(self) -> bool:
        return self.key != "nginx"

    def version(self) -> str:
        if self.key == "boto3":
            return importlib.metadata.version("boto3")
        command = [self.binary, "-v" if self.key == "nginx" else "--version"]
        if self.is_moorage:
            command = moorage_command("version")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        words = (done.stdout + done.stderr).split()
        return words[-1] if words else "unknown"  # Before it stand the names of command and package.

    def missing(self) -> str:
        """Why it cannot be started, or nothing."""
        binary = self.binary or moorage_command()[0]
        return "" if shutil.which(binary) else f"{binary} is not installed"


def prefix(pin: bool, cpu: int) -> list[str]:
    return ["taskset", "--cpu-list", str(cpu)] if pin else []


def server(
    peer: Peer,
    folder: Path,
    root: Path,
    *,
    pin: bool,
    tls: bool = False,
    variables: Mapping[str, str] | None = None,
) -> RestartableServer:
    """A server of this kind over the storage `root`, not yet started; its files are below `folder`. `tls` is for
    registries, `variables` of the configuration for Moorage."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "config"
    config.write_text(_config(peer, folder, root, port, pin) + (secure.configured(folder) if tls else ""))
    kind = secure.SecureServer if tls else RestartableServer
    return kind(
        command=[*prefix(pin, SERVER_CPU), *command(peer, config)],
        port=port,
        root=root,
        log=folder / "log",
        environment={**({"GOMAXPROCS": "1"} if pin else {}), **(variables or {})},
    )


@contextlib.contextmanager
def started(server: RestartableServer) -> Iterator[RestartableServer]:
    """Killed at the end: what it answered is in the files, and nobody waits for it to drain."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _config(peer: Peer, folder: Path, root: Path, port: int, pin: bool) -> str:
    if peer.key == "nginx":
        user = "user root;\n" if os.geteuid() == 0 else ""  # The files may be for root's eyes only.
        return NGINX_CONFIG.format(user=user, folder=folder, root=root, port=port)
    ours = peer.is_moorage
    return REGISTRY_CONFIG.format(
        root=root,
        port=port,
        secret=SECRET,
        storage="" if ours else PEER_STORAGE,
        http="  workers: 1\n" if ours and pin else "",
    )


def command(peer: Peer, config: Path) -> list[str]:
    """What starts a server of this kind with that configuration."""
    if peer.key == "nginx":
        return [peer.binary, "-c", str(config), "-p", str(config.parent), "-e", "stderr"]
    if peer.is_moorage:
        return moorage_command("serve", str(config))
    return [peer.binary, "serve", str(config)]
