"""A certificate authority that speaks ACME (RFC 8555), through the library `acme`. Imported when there is something to ask.

The library signs, holds nonces and knows the messages. It is not trusted to wait: it takes a date in Retry-After for local
time, asks on without pause where that lies in the past, and tries a rejected nonce again only once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from acme import challenges, client, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.errors import Error as JoseError
from josepy.jwa import ES256, ES384, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA
from requests import Response

from moorage import __version__, retryafter
from moorage.letsencrypt.account import AccountKey
from moorage.letsencrypt.errors import CertificateError
from moorage.letsencrypt.problems import describe, refused

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 300.0
"""How long one step at the authority may take."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
LONGEST_ASKED = 30.0
"""The longest Retry-After that is waited for between two looks."""

NONCES = 10

Publish = Callable[[Mapping[str, str]], None]
_Body = TypeVar("_Body", messages.Authorization, messages.Order)


class Authority:
    """`key` is that of the account, `trust` what the authority's own TLS certificate is checked against (`trusted`)."""

    def __init__(self, url: str, key: AccountKey, email: str | None, trust: str | bool) -> None:
        self._url = url
        self._email = email
        self._key, algorithm = _signing(key)
        self._net = _Network(self._key, algorithm, trust)

    def issue(self, request: bytes, publish: Publish) -> bytes:
        """The chain (PEM) for a signing request. `publish` gets key authorizations by token, and has them answered when
        it returns. Raises CertificateError."""
        with contextlib.closing(self._net.session), self._translated():
            acme = client.ClientV2(client.ClientV2.get_directory(self._url, self._net), self._net)
            self._join(acme)
            order = acme.new_order(request)
            self._prove(acme, order, publish)
            return self._finish(acme, order)

    def _join(self, acme: client.ClientV2) -> None:
        """Open the account, or find it by its key."""
        if acme.external_account_required():
            raise messages.Error.with_code(
                "externalAccountRequired", detail="it wants accounts opened elsewhere"
            )
        contact = messages.NewRegistration.from_data(email=self._email or None, terms_of_service_agreed=True)
        try:
            acme.new_account(contact)
            terms = acme.directory["meta"].terms_of_service
            log.info(
                "opened an account, agreeing to the terms", extra={"authority": self._url, "terms": terms}
            )
        except errors.ConflictError as there:
            self._net.account = messages.RegistrationResource(
                uri=there.location, body=messages.Registration()
            )

    def _prove(self, acme: client.ClientV2, order: messages.OrderResource, publish: Publish) -> None:
        """Answer the challenges of all names that were not proven lately."""
        pending = [one for one in order.authorizations if one.body.status == messages.STATUS_PENDING]
        chosen = [_http_01(one) for one in pending]
        publish({one.chall.encode("token"): one.chall.key_authorization(self._key) for one in chosen})
        for one in chosen:
            acme.answer_challenge(one, one.chall.response(self._key))
        for one in order.authorizations:
            read = messages.Authorization.from_json
            ended = self._ended(acme, one.uri, read, messages.STATUS_PENDING, messages.STATUS_PROCESSING)
            if ended.status != messages.STATUS_VALID:
                raise self._unproven(ended)

    def _unproven(self, authorization: messages.Authorization) -> CertificateError:
        host = authorization.identifier.value
        problems = [refused(one.error, host) for one in authorization.challenges if one.error]
        said = "; ".join(problems) or f"{host}: {authorization.status.name}"
        return CertificateError(f"{self._url} refuses: {said}", asked=True, wait=self._net.wait)

    def _finish(self, acme: client.ClientV2, order: messages.OrderResource) -> bytes:
        read, waiting = messages.Order.from_json, (messages.STATUS_PENDING, messages.STATUS_PROCESSING)
        body = self._ended(acme, order.uri, read, *waiting)
        if body.status == messages.STATUS_READY:
            acme.begin_finalization(order)
            body = self._ended(acme, order.uri, read, messages.STATUS_READY, *waiting)
        if body.status != messages.STATUS_VALID or not body.certificate:
            raise body.error or errors.Error(f"the order is {body.status.name}")
        response: Response = self._post_as_get(acme, body.certificate)
        return bytes(response.content)

    def _ended(
        self, acme: client.ClientV2, url: str, read: Callable[[Any], _Body], *waiting: messages.Status
    ) -> _Body:
        """The resource when its status is none of `waiting`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = FIRST_PAUSE
        while True:
            body = read(self._post_as_get(acme, url).json())
            if body.status not in waiting:
                return body
            if time.monotonic() > deadline:
                raise CertificateError(
                    f"{self._url} does not decide: {url} stays {body.status.name}", asked=True
                )
            time.sleep(min(max(pause, self._net.wait), LONGEST_ASKED))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _post_as_get(self, acme: client.ClientV2, url: str) -> Response:
        return self._net.post(url, None, new_nonce_url=acme.directory["newNonce"])

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except CertificateError:
            raise
        # What answers there may send anything, and the library then raises anything.
        except (
            errors.Error,
            JoseError,
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
        ) as error:
            raise describe(error, self._url, self._net.wait) from error


class _Network(client.ClientNetwork):
    """`wait`: seconds that the last response asked to wait (Retry-After); 0 if it did not."""

    def __init__(self, key: JWK, algorithm: JWASignature, trust: str | bool) -> None:
        # requests takes the path of CA certificates there too.
        super().__init__(key, alg=algorithm, verify_ssl=trust, user_agent=f"moorage/{__version__}")  # type: ignore[arg-type]
        self.wait = 0.0
        self.session.hooks["response"].append(self._remember)

    def _remember(self, response: Response, *_: Any, **__: Any) -> None:
        self.wait = retryafter.seconds(response.headers.get("Retry-After", ""), time.time())

    def post(self, *arguments: Any, **named: Any) -> Response:
        """A nonce may be rejected at any time, also several in a row."""
        for _ in range(NONCES):
            try:
                return super().post(*arguments, **named)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*arguments, **named)


def trusted(ca_bundle: Path | None) -> str | bool:
    """The path of CA certificates for requests: what is named (here, or in the variables of requests and OpenSSL), else
    those of the system, else (True) those that requests brings."""
    if ca_bundle:
        return str(ca_bundle)
    if os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        return True
    system = ssl.get_default_verify_paths()
    if system.cafile:
        return system.cafile
    return system.capath if system.capath and any(Path(system.capath).glob("*.0")) else True


def _http_01(authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for one in authorization.body.challenges:
        if isinstance(one.chall, challenges.HTTP01):
            return one
    raise errors.Error(f"no http-01 challenge for {authorization.body.identifier.value}")


def _signing(key: AccountKey) -> tuple[JWK, JWASignature]:
    if isinstance(key, rsa.RSAPrivateKey):
        return JWKRSA(key=key), RS256
    return JWKEC(key=key), ES256 if isinstance(key.curve, ec.SECP256R1) else ES384
