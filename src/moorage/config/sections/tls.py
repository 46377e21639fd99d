"""`http.tls`: certificates."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from moorage.config.sections.base import Section
from moorage.config.values import URL, HostPort

SUITES: Final = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""All that are ever offered, which is what the reference implementation offers by default: each with forward secrecy and
authenticated encryption. Granian's TLS takes no choice among them."""


class LetsEncrypt(Section):
    cachefile: str | None = Field(
        default=None,
        description="Folder for the account's key and the certificate; that of the reference implementation's version 3 is "
        "taken over. Setting it switches TLS on.",
    )
    email: str | None = Field(default=None, description="Contact of the account.")
    hosts: list[str] = Field(
        default_factory=list, description="Names that the certificate is for, all in one. One at least."
    )
    directoryurl: URL = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        description="The directory of the ACME service.",
    )
    challengeaddr: HostPort = Field(
        default=":80",
        description="Where the service's questions are answered, HOST:PORT, while it asks. Port 80 of each of the hosts must "
        "lead to it.",
    )

    @model_validator(mode="after")
    def _names_hosts(self) -> LetsEncrypt:
        if self.cachefile is not None and not self.hosts:
            raise ValueError("has no hosts, the names that the certificate is for")
        return self


class Tls(Section):
    certificate: str | None = Field(
        default=None, description="Path of the certificate and its chain (PEM). Setting it switches TLS on."
    )
    key: str | None = Field(default=None, description="Path of the certificate's key (PEM).")
    clientcas: list[str] = Field(
        default_factory=list,
        description="Paths of CA certificates (PEM). If any is given, clients must show a certificate "
        "signed by one of them, unless `clientauth` says otherwise.",
    )
    clientauth: Literal[
        "request-client-cert",
        "require-any-client-cert",
        "verify-client-cert-if-given",
        "require-and-verify-client-cert",
    ] = Field(
        default="require-and-verify-client-cert",
        description="What is asked of clients when `clientcas` is set: `require-and-verify-client-cert` serves only "
        "those with a certificate that one of these authorities signed, `verify-client-cert-if-given` also those "
        "without any. With `request-client-cert` none is asked for, which serves the same clients.",
    )
    minimumtls: Literal["tls1.2", "tls1.3"] = Field(default="tls1.2", description="The oldest TLS allowed.")
    ciphersuites: list[str] = Field(
        default_factory=list,
        description="Cipher suites for TLS 1.2. The safe ones are offered, all of them, whatever is listed; a list "
        "that names any other is refused.",
    )
    letsencrypt: LetsEncrypt = Field(
        default_factory=LetsEncrypt, description="Certificates from Let's Encrypt."
    )

    @property
    def enabled(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.certificate is not None or self.letsencrypt.cachefile is not None

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("needs both certificate and key, or neither")
        if self.certificate is not None and self.letsencrypt.cachefile is not None:
            raise ValueError("has both certificate and letsencrypt.cachefile; remove one of them")
        if self.clientcas and not self.enabled:
            raise ValueError("has clientcas, but no certificate and key: client certificates need TLS")
        return self

    @model_validator(mode="after")
    def _suites_are_offered(self) -> Tls:
        # TLS 1.3 has suites of its own, all of them as safe; the reference implementation does not look at the list then.
        if not self.enabled or self.minimumtls == "tls1.3":
            return self
        if strange := [suite for suite in self.ciphersuites if suite not in SUITES]:
            raise ValueError(
                f"has ciphersuites that cannot be offered: {', '.join(strange)}; only those with forward secrecy and "
                "authenticated encryption are (docs/tls.md); remove these from the list"
            )
        return self
