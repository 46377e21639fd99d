"""The built-in token service behind `/auth/token`, without HTTP.

Sources: Docker Registry, "Token authentication specification" (GET) and "OAuth2 token authentication" (POST); RFC 6749, sections
4.3, 5 and 6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moorage.auth import basic, compact, scopes
from moorage.auth.base import Access, AccessController, Credentials, Grant, TokenRequestInvalid
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.minting import Issued, Mint
from moorage.auth.refreshing import RefreshTokens
from moorage.auth.rules import Rules
from moorage.auth.ruling import Ruling
from moorage.auth.scopes import Scope
from moorage.auth.verification import TokenRefused


@dataclass(frozen=True, slots=True)
class _Proven:
    """Who the client has proved to be. `stamp`: that of the user at the time of the proof, or before."""

    grant: Grant
    stamp: str = ""


class Issuer:
    """`inner` identifies the client, and `mint` grants what it may do of what it requests. With rules, clients without
    credentials get a token too, for what everybody may do: Docker requests one before each pull, signed in or not."""

    def __init__(
        self,
        inner: AccessController,
        mint: Mint,
        refresh_tokens: RefreshTokens,
        *,
        service: str,
        rules: Rules | None = None,
        groups: GroupsOf = no_groups,
    ) -> None:
        self._inner = inner
        self._mint = mint
        self._refresh_tokens = refresh_tokens
        self._service = service
        self._anonymous = rules is not None
        self._ruling = Ruling(rules, groups)

    async def get(
        self,
        credentials: Credentials,
        *,
        service: str | None,
        scopes: Sequence[str],
        account: str | None,
        offline: bool,
    ) -> Mapping[str, Any]:
        """`account` is ignored: the token is for the user that the credentials prove, whose name may differ from the one used to
        sign in."""
        requested = self._requested(service, scopes)
        proven = await self._proven(credentials)
        issued = await self._issued(proven, requested)
        answer = {"token": issued.token, **_answer(issued)}
        return answer | self._refreshing(proven, offline)

    async def post(self, form: Mapping[str, str], credentials: Credentials) -> Mapping[str, Any]:
        """Only the address of `credentials` counts, as the form has its own credentials."""
        kind = form.get("grant_type")
        if kind not in ("password", "refresh_token"):
            raise TokenRequestInvalid(
                "unsupported_grant_type" if kind else "invalid_request",
                "grant_type must be password or refresh_token",
            )
        requested = self._requested(form.get("service"), [form.get("scope", "")])
        offline = form.get("access_type") == "offline"
        if kind == "refresh_token":
            proven = await self._refreshed(_field(form, "refresh_token"))
            refreshing = {"refresh_token": form["refresh_token"]} if offline else {}
        else:
            proven = await self._proven(_login(form, credentials.address))
            refreshing = self._refreshing(proven, offline)
        issued = await self._issued(proven, requested)
        told = [
            Access(scope.kind, scope.name, action)
            for scope in issued.access
            for action in sorted(scope.actions)
        ]
        return {**_answer(issued), "token_type": "Bearer", "scope": scopes.render(told)} | refreshing

    def _requested(self, service: str | None, texts: Sequence[str]) -> Sequence[Scope]:
        if service and service != self._service:
            raise TokenRequestInvalid("invalid_request", f"service must be {self._service}, or left out")
        try:
            return scopes.parse(texts)
        except ValueError as error:
            raise TokenRequestInvalid("invalid_scope", str(error)) from None

    async def _proven(self, credentials: Credentials) -> _Proven:
        """Raises AccessRefused."""
        if self._anonymous and not credentials.authorization:
            return _Proven(self._ruling.narrowed(Grant()))
        name = _name(credentials)
        stamp = self._mint.stamps.of(name)
        grant = self._ruling.narrowed(await self._inner.authorize(credentials, ()))
        return _Proven(grant, stamp if grant.user == name else "")

    async def _refreshed(self, token: str) -> _Proven:
        try:
            user, stamp = await self._refresh_tokens.user_of(token)
            return _Proven(self._ruling.narrowed(Grant(user)), stamp)
        except TokenRefused as refused:
            raise TokenRequestInvalid(
                "invalid_grant", f"the refresh token is not valid, sign in again: {refused}"
            ) from None

    async def _issued(self, proven: _Proven, requested: Sequence[Scope]) -> Issued:
        issued = await self._mint.issue(proven.grant, requested, proven.stamp)
        if len(issued.token) > compact.LONGEST:
            raise TokenRequestInvalid(
                "invalid_scope",
                f"a token for these {len(issued.access)} repositories would have more than {compact.LONGEST} bytes: "
                "ask for fewer repositories",
            )
        return issued

    def _refreshing(self, proven: _Proven, offline: bool) -> dict[str, str]:
        token = self._refresh_tokens.issue(proven.grant.user, proven.stamp) if offline else None
        return {} if token is None else {"refresh_token": token}


def _answer(issued: Issued) -> dict[str, Any]:
    return {
        "access_token": issued.token,
        "expires_in": issued.expires_in,
        "issued_at": datetime.fromtimestamp(issued.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _name(credentials: Credentials) -> str:
    """The user name that the credentials claim; empty if they have none."""
    try:
        login = basic.parse(credentials.authorization)
    except ValueError:
        return ""
    return "" if login is None else login.user


def _login(form: Mapping[str, str], address: str) -> Credentials:
    """The user and the password of a form as Basic credentials, which controllers understand."""
    user, password = _field(form, "username"), _field(form, "password")
    if ":" in user:
        # In Basic credentials, a part of the name would become a part of the password.
        raise TokenRequestInvalid("invalid_grant", "a user name has no colon")
    text = base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass")).decode()
    return Credentials(f"Basic {text}", address)


def _field(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise TokenRequestInvalid("invalid_request", f"{name} is missing")
    return form[name]
