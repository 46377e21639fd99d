"""`http.tls`: certificates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from moorage.config.sections.base import Section
from moorage.config.values import URL


class LetsEncrypt(Section):
    cachefile: str | None = Field(default=None, description="Path where certificates are kept.")
    email: str | None = Field(default=None, description="Address for notices about certificates.")
    hosts: list[str] = Field(default_factory=list, description="Host names that may get a certificate.")
    directoryurl: URL | None = Field(default=None, description="Another ACME service.")


class Tls(Section):
    certificate: str | None = Field(
        default=None, description="Path of the certificate and its chain (PEM). Setting it switches TLS on."
    )
    key: str | None = Field(default=None, description="Path of the certificate's key (PEM).")
    clientcas: list[str] = Field(
        default_factory=list,
        description="Paths of CA certificates (PEM). If any is given, clients must show a certificate "
        "signed by one of them.",
    )
    clientauth: Literal[
        "request-client-cert",
        "require-any-client-cert",
        "verify-client-cert-if-given",
        "require-and-verify-client-cert",
    ] = Field(
        default="require-and-verify-client-cert",
        description="What is asked of clients when `clientcas` is set.",
    )
    minimumtls: Literal["tls1.2", "tls1.3"] = Field(default="tls1.2", description="The oldest TLS allowed.")
    ciphersuites: list[str] = Field(
        default_factory=list, description="Cipher suites for TLS 1.2; empty: a safe choice."
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
