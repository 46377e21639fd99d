"""`python -m moorage.letsencrypt.renewing`: the process that renews. It reads its settings as JSON from stdin.

It ends when its parent has ended, and at once on SIGTERM: whatever it is doing, the folder stays usable.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moorage.letsencrypt.certificates import Certificates
from moorage.letsencrypt.errors import CertificateError
from moorage.letsencrypt.schedule import moment, until_next_look, until_retry
from moorage.observe import logging as operators_log

log = logging.getLogger(__name__)

_PARENT_SECONDS = 2.0


def main() -> None:
    # The launcher may have blocked or ignored these.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # SIGHUP makes a server read its files again, and is not for this process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    settings: dict[str, Any] = json.loads(sys.stdin.read() or "{}")
    if not settings:
        # The parent ended meanwhile.
        return
    operators_log.configure(**settings["logging"])
    given = settings["certificates"]
    bundle = given.pop("ca_bundle")
    parent: int = settings["parent"]
    certificates = Certificates(Path(given.pop("cache")), ca_bundle=Path(bundle) if bundle else None, **given)
    keep(certificates, lambda seconds: _wait(seconds, parent))


def keep(certificates: Certificates, wait: Callable[[float], None]) -> None:
    """Renew forever. `wait` gets the seconds to wait, and ends the loop by raising."""
    failures = 0
    while True:
        try:
            pause = until_next_look(certificates.renew().due, datetime.now(UTC))
            failures = 0
        except CertificateError as error:
            failures += 1
            pause = until_retry(failures, error.wait)
            _warn(certificates, str(error), pause)
        wait(pause)


def _warn(certificates: Certificates, said: str, pause: float) -> None:
    fields = {"hosts": certificates.shown, "error": said, "again": moment(time.time() + pause)}
    log.warning("certificate not renewed, the present one stays", extra=fields)


def _wait(seconds: float, parent: int) -> None:
    """Wait, and end the process if its parent has ended. This polls, because a parent-death signal would also be sent when the
    thread that started this process ends."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if os.getppid() != parent:
            raise SystemExit
        time.sleep(min(left, _PARENT_SECONDS))


if __name__ == "__main__":
    main()
