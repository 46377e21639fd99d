"""`auth`: who it is. At most one kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from moorage.config.sections.base import Section
from moorage.config.values import URL, Duration, NameOrURL, Options, Place

SigningAlgorithm = Literal[
    "EdDSA",
    "HS256", "HS384", "HS512",
    "RS256", "RS384", "RS512",
    "ES256", "ES384", "ES512",
    "PS256", "PS384", "PS512",
]  # fmt: skip


def _a_minute_or_none(lifetime: timedelta) -> timedelta:
    if timedelta() < lifetime < timedelta(minutes=1):
        raise PydanticCustomError("lifetime", "must be 1m at least, or 0 for no refresh tokens")
    return lifetime


def _from_the_root(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


class Anonymous(Section):
    """No keys."""


class Silly(Section):
    realm: str = Field(description="The realm of the challenge.")
    service: str = Field(description="The service of the challenge.")


class Token(Section):
    realm: Place = Field(description="URL of the token service.")
    service: str = Field(description="Name of this registry; a token's audience must hold it.")
    issuer: NameOrURL = Field(description="Name of the token service; a token's issuer must equal it.")
    rootcertbundle: Place | None = Field(
        default=None,
        description="The certificates (PEM) whose keys sign tokens; this or `jwks`, or both.",
    )
    jwks: Place | None = Field(default=None, description="A JSON Web Key Set with the signing keys.")
    signingalgorithms: list[SigningAlgorithm] = Field(
        default_factory=list, description="Algorithms a token may be signed with; empty: all of them."
    )
    autoredirect: bool = Field(
        default=False, description="Build the realm from the request's host and `autoredirectpath`."
    )
    autoredirectpath: Annotated[str, AfterValidator(_from_the_root)] = Field(
        default="/auth/token", description="The path for `autoredirect`."
    )

    @model_validator(mode="after")
    def _some_key(self) -> Token:
        if self.rootcertbundle is None and self.jwks is None:
            raise ValueError("needs rootcertbundle or jwks, the keys that sign tokens")
        return self


class Htpasswd(Section):
    realm: str = Field(description="The realm shown to a person who is asked for a password.")
    path: str = Field(description="Path of the file; only bcrypt lines count (`moorage htpasswd`).")


class Oidc(Section):
    issuer: URL = Field(
        description="URL of the provider, as in its tokens; its keys are found below it "
        "(`/.well-known/openid-configuration`)."
    )
    audience: str = Field(description="What a token's audience must hold: the name that jobs ask tokens for.")
    userclaim: str = Field(default="sub", description="The claim that is the user's name.")
    userprefix: str = Field(
        default="", description="Put before the user's name, so that it is nobody's in another source."
    )
    groupclaims: list[str] = Field(
        default_factory=list,
        description="Claims that make groups: `repository_owner` with the value `acme` is the group "
        "`repository_owner:acme`; a list makes a group of each value.",
    )
    required: dict[str, list[str]] = Field(
        default_factory=dict, description="Claims that a token must have, each with one of these values."
    )
    signingalgorithms: list[SigningAlgorithm] = Field(
        default_factory=list, description="Algorithms a token may be signed with; empty: all but HS*."
    )


class Extension(Section):
    name: str = Field(description="The name of the entry point, in the group `moorage.auth`.")
    options: Options = Field(
        default_factory=dict, repr=False, description="What the controller is given. Never printed."
    )


class Issuer(Section):
    enabled: bool | None = Field(
        default=None,
        description="Whether this registry is its own token service, at `/auth/token`. Unset: if there are "
        "rules (`access`) and people sign in here (not with `auth.token`).",
    )
    realm: URL | None = Field(
        default=None, description="URL of `/auth/token` as clients see it. Unset: made from the request."
    )
    service: str = Field(default="moorage", description="The name of this registry in tokens.")
    lifetime: Annotated[Duration, Field(ge=timedelta(minutes=1))] = Field(
        default=timedelta(minutes=5), description="How long a token is valid. One minute at least."
    )
    refreshlifetime: Annotated[Duration, AfterValidator(_a_minute_or_none)] = Field(
        default=timedelta(days=30),
        description="How long a client may ask for new tokens without a password, one minute at least; 0: not at all, "
        "so clients keep the password.",
    )
    rotation: Annotated[Duration, Field(ge=timedelta(hours=1))] = Field(
        default=timedelta(days=30), description="How often tokens get a new signing key."
    )


class Auth(Section):
    one_of: ClassVar = frozenset({"none", "silly", "token", "htpasswd", "oidc", "extension"})

    none: Anonymous | None = Field(default=None, description="Everybody may do everything.")
    silly: Silly | None = Field(
        default=None, description="For development: any Authorization header will do."
    )
    token: Token | None = Field(default=None, description="Signed tokens from a token service.")
    htpasswd: Htpasswd | None = Field(default=None, description="Basic authentication with a password file.")
    oidc: Oidc | None = Field(
        default=None, description="Tokens of an OpenID provider, such as a CI system gives its jobs."
    )
    extension: Extension | None = Field(default=None, description="A controller of another package.")
    groupfile: str | None = Field(
        default=None, description="Path of a file with lines `group: user user …`, for the rules of `access`."
    )
    issuer: Issuer = Field(default_factory=Issuer, description="The built-in token service.")

    @property
    def kind(self) -> str:
        """The kind that is configured; none is `none`."""
        chosen = (name for name in sorted(self.one_of - {"none"}) if getattr(self, name) is not None)
        return next(chosen, "none")

    @model_validator(mode="after")
    def _at_most_one(self) -> Auth:
        found = [name for name in sorted(self.one_of) if getattr(self, name) is not None]
        if len(found) > 1:
            raise PydanticCustomError("one_of", "at most one kind is possible, not {found}", {"found": found})
        return self
