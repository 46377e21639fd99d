"""nginx with the site that is shipped, in front of several registries; without TLS and passwords, which clients of tests lack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.docs.pages import ROOT, blocks
from tests.docs.test_deploy import SITE, configuration
from tests.support.listening import listening, program
from tests.support.ports import free_port

OPERATIONS = ROOT / "docs/operations.md"
UPSTREAM = re.compile(r"upstream moorage \{.*?^\}\n", re.DOTALL | re.MULTILINE)
LAYERS = "        location ~ ^/v2/.+/blobs/uploads/[^/]+$ {\n"
SHUT = re.compile(r"^ *(?:listen \[::\]|ssl_|auth_basic).*\n", re.MULTILINE)


@contextmanager
def balancing(folder: Path, addresses: Sequence[str], *, keeping: bool = False) -> Iterator[int]:
    """The port of nginx, which spreads requests over three replicas as the page on operations tells; `keeping`: and keeps
    layers until one has taken them."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    site = _site(port, addresses)
    file = configuration(folder, _keeping(site) if keeping else site)
    with listening([program("nginx"), "-c", str(file)], port, folder / "nginx.log"):
        yield port


def _site(port: int, addresses: Sequence[str]) -> str:
    upstream = next(block.text for block in blocks(OPERATIONS, "nginx") if "upstream moorage" in block.text)
    for number, address in enumerate(addresses, 1):
        assert f"replica-{number}:5000" in upstream
        upstream = upstream.replace(f"replica-{number}:5000", address)
    site, replaced = UPSTREAM.subn(upstream, SHUT.sub("", SITE.read_text()))
    assert replaced == 1
    assert "listen 443 ssl" in site
    return site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")


def _keeping(site: str) -> str:
    assert site.count(LAYERS) == 1
    line = next(block.text for block in blocks(OPERATIONS, "nginx") if "buffering" in block.text)
    return site.replace(LAYERS, LAYERS + line)
