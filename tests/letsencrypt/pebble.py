"""A certificate authority and its view of DNS on loopback: it finds every host name at 127.0.0.1, at one port."""

from __future__ import annotations

import contextlib
import json
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from moorage.letsencrypt import Certificates
from tests.letsencrypt.issuing import server_files
from tests.letsencrypt.programs import built
from tests.support.listening import listening
from tests.support.ports import free_port

HOSTS = ("registry.example.com", "images.example.com")


@dataclass(frozen=True)
class Pebble:
    """`challenge` is where it looks for every host, `ca` what signed its own TLS certificate."""

    url: str
    challenge: str
    ca: Path
    log: Path
    dns: str
    management: str

    def certificates(
        self, cache: Path, *hosts: str, challenge: str = "", email: str | None = None
    ) -> Certificates:
        return Certificates(
            cache,
            hosts or HOSTS,
            email=email,
            directory_url=self.url,
            challenge_address=challenge or self.challenge,
            ca_bundle=self.ca,
        )

    def requests(self) -> int:
        """How many it has answered."""
        return self._count("-> calling handler()")

    def orders(self) -> int:
        return self._count("Added order")

    def accounts(self) -> int:
        return self._count("accounts in memory")

    def issued(self) -> int:
        return self._count("Issued certificate serial")

    def root(self) -> str:
        """The certificate (PEM) that what it issues leads to."""
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(f"{self.management}/roots/0", context=context) as answer:
            text: str = answer.read().decode()
            return text

    def tell_dns(self, what: str, **record: object) -> None:
        """For example `set-servfail`, host=..."""
        urllib.request.urlopen(f"{self.dns}/{what}", json.dumps(record).encode()).close()

    def _count(self, words: str) -> int:
        return self.log.read_text(errors="replace").count(words)


@contextlib.contextmanager
def pebble(
    folder: Path,
    *,
    lifetime: int = 90 * 86400,
    environment: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[Pebble]:
    """Running; `lifetime` in seconds is that of its certificates, `settings` go into its configuration."""
    authority, resolver = built("pebble"), built("pebble-challtestsrv")
    folder.mkdir(parents=True, exist_ok=True)
    ca, certificate, key = server_files(folder)
    port, management, challenge, names, dns = (free_port() for _ in range(5))
    configuration = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": challenge,
        "tlsPort": free_port(),
        "keyAlgorithm": "ecdsa",
        "profiles": {"default": {"description": "the only one", "validityPeriod": lifetime}},
        **(settings or {}),
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": configuration}))
    running = Pebble(
        f"https://127.0.0.1:{port}/dir",
        f"127.0.0.1:{challenge}",
        ca,
        folder / "pebble.log",
        f"http://127.0.0.1:{dns}",
        f"https://127.0.0.1:{management}",
    )
    resolving = [
        resolver,
        *("-dnsserver", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{dns}", "-defaultIPv6", ""),
        *("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""),
    ]
    command = [authority, "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{names}"]
    quick = {"PEBBLE_VA_NOSLEEP": "1", **(environment or {})}
    with (
        listening(resolving, dns, folder / "dns.log"),
        listening(command, port, running.log, quick),
    ):
        yield running
