"""Notices when the files of a certificate are replaced, and returns the identity to serve from then on."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from moorage.config.sections.tls import Tls
from moorage.server import certificates
from moorage.server.certificates import Identity
from moorage.server.files import CertificateError
from moorage.shared import Ending

log = logging.getLogger(__name__)

REMIND: Final = timedelta(days=1)

Print: TypeAlias = tuple[tuple[int, ...] | None, ...]
"""Detects replaced files: for each, device, inode, size and times of what its path leads to."""


class Files:
    """The files of `tls`.

    `served` is the identity that workers have; the launcher calls `take` when it gives them another. `ending` holds the
    end of the certificate that is served.
    """

    def __init__(self, tls: Tls, *, reminds: bool = True) -> None:
        """`reminds`: whether to warn in time that the certificate expires. Raises CertificateError."""
        assert tls.certificate is not None
        assert tls.key is not None
        self._tls = tls
        self._paths = (tls.certificate, tls.key, *tls.clientcas)
        self._seen = self._judged = _print_of(self._paths)
        self._change_seen: datetime | None = None
        """The change of `served` that was looked at already."""
        self._refused = ""
        self._reminds = reminds
        self._reminded = datetime.min.replace(tzinfo=UTC)
        self.served = self._load()
        self.ending = Ending()
        self.ending.tell(self.served.expires.timestamp())
        self._caution(self.served)
        self._remind()

    def look(self, *, hurry: bool = False) -> Identity | None:
        """An identity to serve instead of `served`, or None.

        Files that have just changed are left alone until the next look unless in a `hurry`: a certificate and its key
        are often written one after the other.
        """
        self._remind()
        found = _print_of(self._paths)
        settled, self._seen = found == self._seen, found
        if not (settled or hurry):
            return None
        if found == self._judged and not hurry and not self._due():
            self._refused = ""
            return None
        try:
            identity = self._load(lapsed=found == self._judged)
        except CertificateError as error:
            self._refuse(str(error))
            return None
        if _print_of(self._paths) != found:
            return None
        self._refused, self._judged, self._change_seen = "", found, self.served.changes
        if identity.same_as(self.served):
            self.served = identity
            return None
        return identity

    def context(self, chain: str | None, key: str | None, authorities: str | None) -> tuple[Any, ...]:
        """Granian's TLS settings for workers, given the paths of the parts of an identity."""
        required = self._tls.clientauth == "require-and-verify-client-cert"
        return True, chain, key, None, self._tls.minimumtls, authorities, [], bool(authorities) and required

    def take(self, identity: Identity) -> None:
        self.served = identity
        self.ending.tell(identity.expires.timestamp())
        self._caution(identity)

    def again(self) -> None:
        """Have `look` return its last result once more, because it could not be served."""
        self._judged, self._change_seen = (), None

    def _load(self, *, lapsed: bool = False) -> Identity:
        return certificates.load(self._tls, datetime.now(UTC), lapsed=lapsed)

    def _due(self) -> bool:
        """Whether the same files give a different identity by now; true until the change has been looked at."""
        changes = self.served.changes
        return changes is not None and changes != self._change_seen and changes <= datetime.now(UTC)

    def _refuse(self, reason: str) -> None:
        """Log a reason once. The files are read again at every look, as passing time alone may solve the problem."""
        if reason != self._refused:
            self._refused = reason
            log.warning("replaced certificate is not served, the one before is", extra={"reason": reason})

    def _caution(self, identity: Identity) -> None:
        for caution in identity.cautions:
            log.warning(caution)

    def _remind(self) -> None:
        """Warn once a day while the certificate that is served is about to expire or has expired."""
        now = datetime.now(UTC)
        if not self._reminds or now - self._reminded < REMIND:
            return
        assert self._tls.certificate is not None
        if line := certificates.soon_over(self.served, self._tls.certificate, now):
            self._reminded = now
            log.warning(line)


def _print_of(paths: tuple[str, ...]) -> Print:
    return tuple(_stat(path) for path in paths)


def _stat(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
