"""A registry with its own token service, of the parts that a server has: a password file, rules, keys in a storage."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from moorage.auth.base import Access, AccessRefused, Credentials, Grant, TokenRequestInvalid
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.htpasswd import Htpasswd
from moorage.auth.issued import IssuedTokens
from moorage.auth.issuer import Issuer
from moorage.auth.minting import Mint
from moorage.auth.passwords import PasswordFile
from moorage.auth.refreshing import RefreshTokens
from moorage.auth.remembered import Remembered
from moorage.auth.ruled import Ruled
from moorage.auth.rules import Rule, Rules
from moorage.auth.signing import SigningKeys
from moorage.auth.stamps import Stamps
from moorage.auth.throttle import Throttle
from moorage.drivers.base import Driver
from moorage.drivers.inmemory import InMemoryDriver
from tests.auth.hashing import Clock, header, quick, quick_line

NAME: Final = "registry.example.org"
NOW: Final = 1_800_000_000.0
LOOK: Final = 1.1
"""Seconds after which a changed file has been noticed for sure."""
REALM: Final = "/auth/token"
DAY: Final = 86_400


def of(action: str, name: str = "team/app") -> Access:
    return Access("repository", name, action)


PULL, PUSH, DELETE = [of("pull")], [of("pull"), of("push")], [of("delete")]


def rule(repositories: str, who: str, allow: str, place: str = "access[0]") -> Rule:
    """`who`: words such as `alice`, `@developers` or `anonymous`."""
    words = who.split()
    return Rule(
        repositories=tuple(repositories.split()),
        users=frozenset(word for word in words if word != "anonymous" and not word.startswith("@")),
        groups=frozenset(word[1:] for word in words if word.startswith("@")),
        anonymous="anonymous" in words,
        allow=frozenset(allow.split()),
        place=place,
    )


def rules(*texts: tuple[str, str, str]) -> Rules:
    return Rules([rule(*text, f"access[{index}]") for index, text in enumerate(texts)])


class Deployment:
    """alice has the password `a`, bob `b`. Two with one driver are replicas."""

    def __init__(
        self,
        keys: SigningKeys,
        folder: Path,
        clock: Clock,
        ruling: Rules | None = None,
        *,
        service: str = NAME,
        issuer: str = NAME,
        groups: GroupsOf = no_groups,
        seconds: int = 300,
    ) -> None:
        self.clock = clock
        self.keys = keys
        self.file = folder / "htpasswd"
        if not self.file.exists():
            self.write(alice="a", bob="b")
        passwords = PasswordFile(str(self.file), hashing=quick)
        stamps = Stamps(lambda user: passwords.current().hashed(user).decode() or None)
        self.inner = Htpasswd(passwords, "Example", Remembered(), Throttle(now=Clock()))
        ruled = self.inner if ruling is None else Ruled(self.inner, ruling, groups)
        self.mint = Mint(keys, issuer=issuer, service=service, stamps=stamps, seconds=seconds, clock=clock)
        self.refresh_tokens = RefreshTokens(keys, issuer=issuer, service=service, stamps=stamps, clock=clock)
        self.issuer = Issuer(
            ruled, self.mint, self.refresh_tokens, service=service, rules=ruling, groups=groups
        )
        self.registry = IssuedTokens(
            ruled,
            keys,
            issuer=issuer,
            service=service,
            realm=REALM,
            stamps=stamps,
            rules=ruling,
            groups=groups,
            clock=clock,
        )

    def write(self, **passwords: str) -> None:
        self.file.write_text("".join(quick_line(user, secret) for user, secret in passwords.items()))

    async def get(
        self, user: str = "", *scopes: str, offline: bool = False, **changes: Any
    ) -> dict[str, Any]:
        """The answer to somebody whose password is the first letter of his name."""
        credentials = Credentials(header(user, user[0])) if user else Credentials()
        asked: dict[str, Any] = {"service": NAME, "account": user or None, **changes}
        return dict(await self.issuer.get(credentials, scopes=scopes, offline=offline, **asked))

    async def post(self, **form: str) -> dict[str, Any]:
        return dict(await self.issuer.post(form, Credentials()))

    async def token(self, user: str, *scopes: str) -> str:
        answer = await self.get(user, *scopes)
        assert answer["token"] == answer["access_token"]
        return str(answer["token"])

    async def authorize(self, token: str, wanted: list[Access]) -> Grant:
        return await self.registry.authorize(Credentials(f"Bearer {token}"), wanted)

    async def answers(self, token: str, wanted: list[Access]) -> str:
        """`granted`, or the name of the refusal and the error that the client is told."""
        try:
            await self.authorize(token, wanted)
        except AccessRefused as refused:
            return told(refused)
        return "granted"

    async def refresh(self, token: str, scope: str = "repository:team/app:pull") -> str:
        """`granted`, or the error."""
        try:
            await self.post(grant_type="refresh_token", refresh_token=token, service=NAME, scope=scope)
        except TokenRequestInvalid as error:
            return error.error
        return "granted"


async def deployment(
    folder: Path, ruling: Rules | None = None, *, driver: Driver | None = None, **changes: Any
) -> Deployment:
    clock = changes.pop("clock", None) or Clock(NOW)
    keys = await opened(driver or InMemoryDriver(), clock)
    return Deployment(keys, folder, clock, ruling, **changes)


async def opened(driver: Driver, clock: Clock) -> SigningKeys:
    return await SigningKeys.open(driver, token_seconds=30 * DAY, clock=clock)


def told(refused: AccessRefused) -> str:
    errors = [offer.error for offer in getattr(refused, "offers", ())]
    return " ".join([type(refused).__name__, *filter(None, errors)])


def part(token: str, index: int) -> dict[str, Any]:
    """The header, or the claims."""
    text = token.split(".")[index]
    found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert isinstance(found, dict)
    return found
