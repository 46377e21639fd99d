"""Servers that speak TLS, all with the same certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.server.secure import AUTHORITY, CERTIFICATE, KEY
from tests.server.secure import SecureServer as Started

from benchmarks.restartable import RestartableServer

ISSUED = AUTHORITY.issue()


@dataclass
class SecureServer(Started, RestartableServer):
    """Waits for its start with TLS."""


def configured(folder: Path) -> str:
    """Write certificate and key into `folder`; what a registry reads of them below `http`."""
    ISSUED.write(folder / CERTIFICATE, folder / KEY)
    return f"  tls:\n    certificate: {folder / CERTIFICATE}\n    key: {folder / KEY}\n"
