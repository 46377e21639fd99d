"""`python -m tests.letsencrypt.asking <settings>`: a server at its start. Prints the file of its certificate, or why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moorage.letsencrypt import CertificateError, Certificates
from moorage.letsencrypt.responder import Responder
from tests.letsencrypt.pebble import HOSTS, Pebble


def asking(authority: Pebble, cache: Path, *, dies: bool = False) -> subprocess.Popen[str]:
    """`dies`: by SIGKILL, when the authority has the order and no answer yet to its challenges."""
    settings = {
        "dies": dies,
        "cache": str(cache),
        "hosts": HOSTS,
        "directory_url": authority.url,
        "challenge_address": authority.challenge,
        "ca_bundle": str(authority.ca),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.letsencrypt.asking", json.dumps(settings)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    given: dict[str, Any] = json.loads(sys.argv[1])
    if given.pop("dies"):
        Responder.publish = _die  # type: ignore[assignment, method-assign]
    given |= {"cache": Path(given["cache"]), "ca_bundle": Path(given["ca_bundle"])}
    try:
        print(Certificates(**given).ensure())
    except CertificateError as error:
        raise SystemExit(str(error)) from error


def _die(_: Responder, answers: Mapping[str, str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
