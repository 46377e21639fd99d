"""`auth`: who may do what. At most one kind."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from moorage.config.sections.base import Section

SigningAlgorithm = Literal[
    "EdDSA",
    "HS256", "HS384", "HS512",
    "RS256", "RS384", "RS512",
    "ES256", "ES384", "ES512",
    "PS256", "PS384", "PS512",
]  # fmt: skip


class Anonymous(Section):
    """No keys."""


class Silly(Section):
    realm: str = Field(description="The realm of the challenge.")
    service: str = Field(description="The service of the challenge.")


class Token(Section):
    realm: str = Field(description="URL of the token service.")
    service: str = Field(description="Name of this registry; a token's audience must hold it.")
    issuer: str = Field(description="Name of the token service; a token's issuer must equal it.")
    rootcertbundle: str | None = Field(
        default=None, description="Path of the certificates (PEM) whose keys sign tokens; this or `jwks`."
    )
    jwks: str | None = Field(default=None, description="Path of a JSON Web Key Set with the signing keys.")
    signingalgorithms: list[SigningAlgorithm] = Field(
        default_factory=list, description="Algorithms a token may be signed with; empty: all of them."
    )
    autoredirect: bool = Field(
        default=False, description="Build the realm from the request's host and `autoredirectpath`."
    )
    autoredirectpath: str = Field(default="/auth/token", description="The path for `autoredirect`.")

    @model_validator(mode="after")
    def _some_key(self) -> Token:
        if self.rootcertbundle is None and self.jwks is None:
            raise ValueError("needs rootcertbundle or jwks, the keys that sign tokens")
        return self


class Htpasswd(Section):
    realm: str = Field(description="The realm shown to a person who is asked for a password.")
    path: str = Field(description="Path of the file; only bcrypt lines count (`moorage htpasswd`).")


class Auth(Section):
    one_of: ClassVar = frozenset({"none", "silly", "token", "htpasswd"})

    none: Anonymous | None = Field(default=None, description="Everybody may do everything.")
    silly: Silly | None = Field(
        default=None, description="For development: any Authorization header will do."
    )
    token: Token | None = Field(default=None, description="Signed tokens from a token service.")
    htpasswd: Htpasswd | None = Field(default=None, description="Basic authentication with a password file.")

    @property
    def kind(self) -> Literal["none", "silly", "token", "htpasswd"]:
        """The kind that is configured; none is `none`."""
        if self.silly is not None:
            return "silly"
        if self.token is not None:
            return "token"
        return "htpasswd" if self.htpasswd is not None else "none"

    @model_validator(mode="after")
    def _at_most_one(self) -> Auth:
        found = [name for name in sorted(self.one_of) if getattr(self, name) is not None]
        if len(found) > 1:
            raise PydanticCustomError("one_of", "at most one kind is possible, not {found}", {"found": found})
        return self
