"""Apache as Debian installs it, in a folder of its own, with sites that the commands of docs/recipes/apache.md put there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.test_deploy import Proxy, make_certificate
from tests.support.tools import absent, find, require, require_root

PAGE = ROOT / "docs/recipes/apache.md"
SITE = ROOT / "deploy/apache.conf"
INSTALLED = Path("/etc/apache2")
USER = "www-data"
START_SECONDS = 60.0


def commands() -> list[str]:
    """Those by which the page enables modules and the site."""
    text = "".join(block.text for block in blocks(PAGE, "console"))
    return re.findall(r"^# (a2en\w+ .*)$", text, re.MULTILINE)


@contextlib.contextmanager
def settings() -> Iterator[Path]:
    """A copy of Debian's folder without sites; in `registry` a certificate. Its workers, who are no root, may read it."""
    require("apache2", "a2enmod", "openssl")
    require_root()
    if not (INSTALLED / "mods-available").is_dir():
        absent("needs Apache as Debian packages it")
    with tempfile.TemporaryDirectory(prefix="moorage-apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(INSTALLED, folder, symlinks=True, dirs_exist_ok=True)
        for site in (folder / "sites-enabled").iterdir():
            site.unlink()
        (folder / "registry").mkdir()
        make_certificate(folder / "registry")
        yield folder


def adapted(site: str, folder: Path, registry: int, port: int) -> str:
    """The site with the test's ports and folder in place of those of a machine."""
    assert "127.0.0.1:5000" in site
    assert "/etc/apache2/registry" in site
    return (
        site.replace("127.0.0.1:5000", f"127.0.0.1:{registry}")
        .replace("*:443", f"127.0.0.1:{port}")
        .replace("/etc/apache2", str(folder))
    )


@contextlib.contextmanager
def apache(folder: Path, site: str, port: int) -> Iterator[Proxy]:
    """Runs with the site that `adapted` gave, enabled by the commands of the page."""
    (folder / "sites-available/registry.conf").write_text(site)
    (folder / "ports.conf").write_text(f"Listen 127.0.0.1:{port}\nServerName localhost\n")
    environment = {**os.environ, **variables(folder)}
    for command in commands():
        subprocess.run(command.split(), env=environment, check=True, capture_output=True)
    program = find("apache2") or "apache2"
    arguments = [program, "-d", str(folder), "-f", str(folder / "apache2.conf"), "-D", "FOREGROUND"]
    process = subprocess.Popen(arguments, env=environment, start_new_session=True)
    proxy = Proxy(port, folder / "registry/certificate.pem")
    try:
        await_answer(process, proxy, folder / "error.log")
        yield proxy
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def variables(folder: Path) -> dict[str, str]:
    """What Debian's scripts and its configuration look at."""
    return {
        "APACHE_CONFDIR": str(folder),
        "APACHE_STATEDIR": str(folder / "state"),
        "APACHE_RUN_USER": USER,
        "APACHE_RUN_GROUP": USER,
        "APACHE_PID_FILE": str(folder / "pid"),
        "APACHE_RUN_DIR": str(folder),
        "APACHE_LOCK_DIR": str(folder),
        "APACHE_LOG_DIR": str(folder),
    }


def await_answer(process: subprocess.Popen[bytes], proxy: Proxy, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            proxy.request("GET", "/v2/")
            return
        time.sleep(0.05)
    pytest.fail(f"Apache does not answer: {log.read_text()[-2000:] if log.exists() else 'it has no log'}")
