"""Where trusted keys come from. A source is asked for each token, and its keys may change in between."""

from __future__ import annotations

from typing import Protocol

from moorage.auth.base import AuthError, Unreachable
from moorage.auth.kept import Kept
from moorage.auth.keyfiles import KeyFile, Parse, parse_bundle, parse_jwks, parse_public_jwks
from moorage.auth.keys import TrustedKeys
from moorage.auth.remotekeys import RemoteKeys, is_url


class KeySource(Protocol):
    """A source of keys. While the keys are the same, it returns the same object."""

    async def current(self) -> TrustedKeys:
        """The keys that are in force. Raises Unreachable as long as there have never been any."""
        ...

    async def newer(self) -> TrustedKeys:
        """The latest keys, for a token that no current key fits; the current ones if the source was asked too recently. Raises
        Unreachable."""
        ...

    async def close(self) -> None: ...


class JoinedKeys:
    """The keys of all sources. While one source has no keys yet, the others suffice; but for a token that none of their keys
    fits, `newer` then raises Unreachable, so it is not refused as false."""

    def __init__(self, *sources: KeySource) -> None:
        self._sources = sources
        self._parts: list[TrustedKeys] = []
        self._joined = TrustedKeys(())

    async def current(self) -> TrustedKeys:
        parts: list[TrustedKeys] = []
        missing: Unreachable | None = None
        for source in self._sources:
            try:
                parts.append(await source.current())
            except Unreachable as error:
                missing = error
        if missing is not None and not parts:
            raise missing
        return self._join(parts)

    async def newer(self) -> TrustedKeys:
        return self._join([await source.newer() for source in self._sources])

    async def close(self) -> None:
        for source in self._sources:
            await source.close()

    def _join(self, parts: list[TrustedKeys]) -> TrustedKeys:
        if len(parts) != len(self._parts) or any(
            new is not old for new, old in zip(parts, self._parts, strict=True)
        ):
            self._parts = parts
            self._joined = TrustedKeys(
                (key for part in parts for key in part.keys), (root for part in parts for root in part.roots)
            )
        return self._joined


def key_source(rootcertbundle: str | None, jwks: str | None, kept: Kept | None = None) -> KeySource:
    """The source of the keys of `auth.token`. `rootcertbundle` and `jwks` are each a path, or a URL (http or https). `kept`: see
    Watched. Raises AuthError."""
    sources: list[KeySource] = []
    if rootcertbundle is not None:
        key = "auth.token.rootcertbundle"
        sources.append(_source(rootcertbundle, key, parse_bundle, kept))
    if jwks is not None:
        key = "auth.token.jwks"
        sources.append(_source(jwks, key, parse_public_jwks if is_url(jwks) else parse_jwks, kept))
    if not sources:
        raise AuthError("auth.token: needs rootcertbundle or jwks, the keys that sign tokens")
    return sources[0] if len(sources) == 1 else JoinedKeys(*sources)


def _source(place: str, key: str, parse: Parse, kept: Kept | None) -> KeySource:
    return RemoteKeys(place, key, parse) if is_url(place) else KeyFile(place, key, parse, kept)
