"""Builds access control from the configuration: a controller that identifies the client, the rules around it, and the token
service in front of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from moorage.api.routes import TOKEN_PATH
from moorage.auth.base import AccessController, TokenService
from moorage.auth.extensions import Context, load
from moorage.auth.groups import Groups, GroupsOf, no_groups
from moorage.auth.htpasswd import Htpasswd
from moorage.auth.issued import IssuedTokens
from moorage.auth.issuer import Issuer
from moorage.auth.kept import Kept
from moorage.auth.keysources import key_source
from moorage.auth.minting import Mint
from moorage.auth.passwords import PasswordFile
from moorage.auth.refreshing import RefreshTokens
from moorage.auth.remembered import Remembered
from moorage.auth.ruled import Ruled
from moorage.auth.rules import Rule, Rules
from moorage.auth.signing import SigningKeys
from moorage.auth.silly import Silly
from moorage.auth.stamps import Stamps
from moorage.auth.throttle import Throttle
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from moorage.config import Configuration
from moorage.config.sections.auth import Htpasswd as HtpasswdSection
from moorage.config.sections.auth import Token
from moorage.drivers.base import Driver

ISSUER: Final = "moorage"
"""`iss` in the tokens of the built-in service. Tokens of different registries differ in the keys that sign them."""

SIGN_IN_HERE: Final = frozenset({"htpasswd", "oidc", "extension"})
"""Kinds of `auth` with which the registry itself signs users in. With `token` and `silly`, tokens come from elsewhere."""


@dataclass(frozen=True)
class AccessControl:
    """`controller` None: every client may do everything. `tokens` None: this registry is not a token service."""

    controller: AccessController | None = None
    tokens: TokenService | None = None

    async def close(self) -> None:
        if self.controller is not None:
            await self.controller.close()


class AccessSetup:
    """The part of access control that needs neither storage nor network: reads the files that the configuration names. `open`
    builds the rest."""

    def __init__(
        self, configuration: Configuration, remembered: Remembered, kept: Kept | None = None
    ) -> None:
        """`remembered` and `kept` are shared by the workers of a server. Raises AuthError."""
        self._section = configuration.auth
        self._kept = kept
        self._stamps = Stamps()
        self._rules = build_rules(configuration)
        self._groups = build_groups(configuration, kept)
        self._inner = self._controller(remembered)

    @property
    def issues_tokens(self) -> bool:
        wanted = self._section.issuer.enabled
        possible = self._section.kind in SIGN_IN_HERE
        return possible and (self._rules is not None if wanted is None else wanted)

    async def open(self, driver: Driver) -> AccessControl:
        """`driver`: the storage that holds the keys for signing tokens. Raises AuthError."""
        if self._inner is None:
            return AccessControl()
        ruled = self._inner if self._rules is None else Ruled(self._inner, self._rules, self._groups)
        return await self._issuing(ruled, self._inner, driver) if self.issues_tokens else AccessControl(ruled)

    async def prepare(self, driver: Driver) -> None:
        """Make the first signing key before there are workers. Raises AuthError if the storage has no key and takes none."""
        if self.issues_tokens:
            await (await self._keys(driver)).close()

    async def _issuing(
        self, ruled: AccessController, inner: AccessController, driver: Driver
    ) -> AccessControl:
        section = self._section.issuer
        keys = await self._keys(driver)
        service, stamps, rules, groups = section.service, self._stamps, self._rules, self._groups
        controller = IssuedTokens(
            ruled,
            keys,
            issuer=ISSUER,
            service=service,
            realm=str(section.realm or TOKEN_PATH),
            stamps=stamps,
            rules=rules,
            groups=groups,
            others=self._section.htpasswd is None,
        )
        short, long = (int(one.total_seconds()) for one in (section.lifetime, section.refreshlifetime))
        mint = Mint(keys, issuer=ISSUER, service=service, stamps=stamps, seconds=short)
        refreshing = RefreshTokens(keys, issuer=ISSUER, service=service, stamps=stamps, seconds=long)
        tokens = Issuer(inner, mint, refreshing, service=service, rules=rules, groups=groups)
        return AccessControl(controller, tokens)

    async def _keys(self, driver: Driver) -> SigningKeys:
        section = self._section.issuer
        longest = max(section.lifetime, section.refreshlifetime)
        return await SigningKeys.open(
            driver,
            token_seconds=longest.total_seconds(),
            rotation_seconds=section.rotation.total_seconds(),
        )

    def _controller(self, remembered: Remembered) -> AccessController | None:
        section = self._section
        if section.silly is not None:
            return Silly(section.silly.realm, section.silly.service)
        if section.htpasswd is not None:
            return self._htpasswd(section.htpasswd, remembered)
        if section.token is not None:
            return _token(section.token, self._kept)
        if section.oidc is not None:
            return self._extension("oidc", section.oidc.model_dump(), "auth.oidc")
        if section.extension is not None:
            return self._extension(section.extension.name, section.extension.options)
        return None

    def _extension(
        self, name: str, options: Mapping[str, Any], place: str = "auth.extension.options"
    ) -> AccessController:
        return load(name)(options, Context(place, self._groups, self._kept))

    def _htpasswd(self, section: HtpasswdSection, remembered: Remembered) -> Htpasswd:
        file = PasswordFile(section.path, kept=self._kept)
        self._stamps = Stamps(_stamp(file))
        return Htpasswd(file, section.realm, remembered, Throttle())


def build_rules(configuration: Configuration) -> Rules | None:
    """The rules of the configuration, or None if it has none. Raises AuthError naming the rule."""
    rules = [
        Rule(
            repositories=tuple(section.repositories),
            users=frozenset(section.users),
            groups=frozenset(section.groups),
            anonymous=section.anonymous,
            allow=frozenset(section.allow),
            place=f"access[{index}]",
        )
        for index, section in enumerate(configuration.access)
    ]
    return Rules(rules) if rules else None


def build_groups(configuration: Configuration, kept: Kept | None = None) -> GroupsOf:
    """The groups of a user by the group file; without a file, a user has no groups. Raises AuthError."""
    path = configuration.auth.groupfile
    return Groups(path, kept=kept).groups_of if path else no_groups


def _token(section: Token, kept: Kept | None) -> TokenAccess:
    keys = key_source(section.rootcertbundle, section.jwks, kept=kept)
    verifier = Verifier(section.issuer, section.service, section.signingalgorithms, keys)
    realm = section.autoredirectpath if section.autoredirect else section.realm
    return TokenAccess(verifier, realm, section.service)


def _stamp(file: PasswordFile) -> Callable[[str], str | None]:
    """Stamps that are the hashes in the password file: they change with the password and its salt."""

    def stamp(user: str) -> str | None:
        hashed = file.current().hashed(user)
        return hashed.decode("latin-1") if hashed else None

    return stamp
