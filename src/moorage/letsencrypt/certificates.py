"""What the launcher uses: a certificate at the start, and a process that renews it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from moorage.letsencrypt import bundle as bundles
from moorage.letsencrypt.account import account_key
from moorage.letsencrypt.bundle import Bundle
from moorage.letsencrypt.cache import Cache
from moorage.letsencrypt.errors import CertificateError
from moorage.letsencrypt.hosts import host_names
from moorage.letsencrypt.process import RenewingProcess
from moorage.letsencrypt.refusal import Refusals
from moorage.letsencrypt.responder import Responder

if TYPE_CHECKING:
    from moorage.letsencrypt.authority import Authority

log = logging.getLogger(__name__)

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
RSA = "+rsa"
"""The suffix that autocert adds to the file name of a certificate with an RSA key."""


class Certificates:
    """One certificate for all `hosts`, stored with its key and chain in the folder `cache` under the first host's name.

    `challenge_address` is `[host]:port`, to which port 80 of every host must lead. `ca_bundle`: CA certificates to verify the
    authority's own certificate against. Raises CertificateError for hosts that cannot have a certificate.
    """

    def __init__(
        self,
        cache: Path,
        hosts: Iterable[str],
        email: str | None = None,
        directory_url: str = LETS_ENCRYPT,
        challenge_address: str = ":80",
        ca_bundle: Path | None = None,
    ) -> None:
        self.hosts = host_names(hosts)
        self._cache = Cache(cache)
        self._email = email
        self._directory_url = directory_url
        self._challenge_address = challenge_address
        self._ca_bundle = ca_bundle
        self._refusals = Refusals(self._cache, self.hosts, directory_url)
        self._process = RenewingProcess()

    @property
    def path(self) -> Path:
        """The file that is served: key and chain. It is replaced atomically by a new one."""
        return self._cache.path(self.hosts[0])

    @property
    def shown(self) -> str:
        """The hosts, for a log."""
        return ",".join(self.hosts)

    @staticmethod
    def require_library() -> None:
        """Raises CertificateError if the client of ACME is missing."""
        if find_spec("acme") is None:
            raise CertificateError(
                "http.tls.letsencrypt: acme is not installed: pip install 'moorage[letsencrypt]'"
            )

    def ensure(self) -> Path:
        """Make sure that there is a certificate that has not expired, and ask the authority for one if necessary.

        Returns `path`. All threads that this starts have ended on return. Raises CertificateError.
        """
        self.require_library()
        self._cache.prepare()
        kept = self._obtain_unless(lambda bundle: _now() < bundle.until)
        log.info(
            "certificate for TLS",
            extra={"file": str(self.path), "hosts": self.shown, "expires": kept.until.isoformat()},
        )
        return self.path

    def renew(self) -> Bundle:
        """The certificate, renewed if at most a third of its lifetime is left. Raises CertificateError; the stored certificate is
        then unchanged."""
        return self._obtain_unless(lambda bundle: _now() < bundle.due)

    def start(self, logging: Mapping[str, Any]) -> None:
        """Start a separate process that renews the certificate, and that ends with this one.

        `logging`: the arguments of `observe.logging.configure`. Further calls restart the process if it has ended by itself.
        """
        settings = {
            "cache": str(self._cache.folder),
            "hosts": self.hosts,
            "email": self._email,
            "directory_url": self._directory_url,
            "challenge_address": self._challenge_address,
            "ca_bundle": str(self._ca_bundle) if self._ca_bundle else None,
        }
        self._process.start({"logging": dict(logging), "certificates": settings})

    def stop(self) -> None:
        """Stop the process. The folder stays usable, whatever the process is doing."""
        self._process.stop()

    def _obtain_unless(self, good: Callable[[Bundle], bool]) -> Bundle:
        if (kept := self._kept(self.hosts[0])) and good(kept):
            return kept
        with self._cache.turn():
            # Another process may have had the turn before.
            if (kept := self._kept(self.hosts[0])) and good(kept):
                return kept
            if (kept := self._kept(self.hosts[0] + RSA)) and good(kept):
                self._save(kept)
                return kept
            return self._ask()

    def _kept(self, name: str) -> Bundle | None:
        """The certificate under this name, if it can be parsed and covers all hosts."""
        pem = self._cache.read(name)
        try:
            kept = bundles.parse(pem) if pem is not None else None
        except ValueError:
            return None
        return kept if kept and kept.covers(self.hosts) else None

    def _ask(self) -> Bundle:
        self._refusals.check()
        authority = self._authority()
        key = bundles.new_key()
        request = bundles.signing_request(key, self.hosts)
        log.info("asking for a certificate", extra={"hosts": self.shown, "authority": self._directory_url})
        try:
            with Responder(self._challenge_address, self.hosts) as responder:
                chain = authority.issue(request, responder.publish)
            got = self._checked(key, chain)
        except CertificateError as error:
            if not error.asked:
                raise
            raise CertificateError(str(error), asked=True, wait=self._refusals.add(error)) from error
        self._save(got)
        self._refusals.clear()
        log.info("got a certificate", extra={"hosts": self.shown, "expires": got.until.isoformat()})
        return got

    def _checked(self, key: EllipticCurvePrivateKey, chain: bytes) -> Bundle:
        try:
            got = bundles.join(key, chain)
        except ValueError as error:
            raise CertificateError(
                f"{self._directory_url} sent no certificate: {error}", asked=True
            ) from error
        if not got.covers(self.hosts):
            raise CertificateError(f"{self._directory_url} sent a certificate for {got.names}", asked=True)
        if got.until <= _now():
            raise CertificateError(
                f"{self._directory_url} sent a certificate that ended at {got.until}: is the clock right?",
                asked=True,
            )
        return got

    def _authority(self) -> Authority:
        from moorage.letsencrypt.authority import Authority, trusted

        return Authority(self._directory_url, account_key(self._cache), self._email, trusted(self._ca_bundle))

    def _save(self, got: Bundle) -> None:
        name = self.hosts[0]
        there = self._cache.read(name)
        if there is not None and not _readable(there):
            self._cache.set_aside(name)
        self._cache.write(name, got.pem)


def _readable(pem: bytes) -> bool:
    try:
        bundles.parse(pem)
    except ValueError:
        return False
    return True


def _now() -> datetime:
    return datetime.now(UTC)
