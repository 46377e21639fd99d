"""The keys of an OpenID provider, found by its name (OpenID Connect Discovery 1.0, section 4)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from yarl import URL

from moorage.auth import strictjson
from moorage.auth.base import AuthError, Unreachable
from moorage.auth.keyfiles import Refusal, parse_public_jwks
from moorage.auth.keys import TrustedKeys
from moorage.auth.remotekeys import LOAD_SECONDS, RemoteKeys

PATH: Final = "/.well-known/openid-configuration"


class ProviderKeys:
    """A KeySource that learns from the provider's discovery document where its keys are.

    The document is treated like the keys themselves (`RemoteKeys`): loaded for the first token, so that the registry starts
    while the provider is down; loaded again while it is in use; and in force as last received while the provider does not
    answer."""

    def __init__(
        self,
        issuer: str,
        key: str,
        *,
        patience: float = LOAD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key`: the configuration's name for the issuer. `patience`: seconds for each of the two answers. Raises AuthError if
        `issuer` cannot be the name of a provider."""
        _check(issuer, key)
        self._issuer = issuer
        self._keys_at = partial(RemoteKeys, key=key, parse=parse_public_jwks, patience=patience, clock=clock)
        self._document = self._keys_at(issuer.removesuffix("/") + PATH, parse=self._read)
        self._said = self._followed = ""
        self._sources: list[RemoteKeys] = []

    async def current(self) -> TrustedKeys:
        return await self._ask(lambda source: source.current())

    async def newer(self) -> TrustedKeys:
        """Asks for the document too, as the keys may have moved."""
        return await self._ask(lambda source: source.newer())

    async def close(self) -> None:
        for source in (self._document, *self._sources):
            await source.close()

    async def _ask(self, ask: Callable[[RemoteKeys], Awaitable[TrustedKeys]]) -> TrustedKeys:
        await ask(self._document)
        if self._said != self._followed:
            # The keys of the old place stay in force until those of the new one have been loaded.
            self._sources = [self._keys_at(self._said), *self._sources[:1]]
            self._followed = self._said
        for source in self._sources[:-1]:
            try:
                return await ask(source)
            except Unreachable:
                continue
        return await ask(self._sources[-1])

    def _read(self, content: bytes, _: Refusal) -> TrustedKeys:
        """Remember where the keys are. The document itself has none."""
        self._said = jwks_uri(content, self._issuer)
        return TrustedKeys(())


def jwks_uri(content: bytes, issuer: str) -> str:
    """The address of the keys in a discovery document. Raises ValueError unless the document names the same issuer: otherwise the
    document of one issuer could speak for another."""
    document = strictjson.parse(content)
    said, place = document.get("issuer"), document.get("jwks_uri")
    if said != issuer:
        raise ValueError(f"it calls itself {said!r}, and not {issuer!r}; they must be the same to the letter")
    if not isinstance(place, str):
        raise ValueError("it names no jwks_uri")
    url = URL(place)
    if url.scheme != "https" and (url.scheme != "http" or URL(issuer).scheme != "http"):
        raise ValueError("its jwks_uri is not https")
    if not url.host or url.user is not None or url.password is not None:
        raise ValueError("its jwks_uri has no host, or a user in it")
    return place


def _check(issuer: str, key: str) -> None:
    """Raises AuthError for an issuer that cannot be the name of a provider."""
    try:
        url = URL(issuer)
    except ValueError:
        url = URL()
    plain = url.user is None and url.password is None and not set("?#") & set(issuer)
    if url.scheme not in ("http", "https") or not url.host or not plain:
        raise AuthError(
            f"{key}: is no name of a provider; write it as its tokens do, https://host or https://host/path"
        )
