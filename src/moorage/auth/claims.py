"""The claims of a token whose signature has been verified (Docker Registry, "Token authentication implementation";
RFC 7519, section 4.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from moorage.auth import packing, strictjson
from moorage.auth.base import CATALOG, LIST, Access
from moorage.auth.scopes import Scope

LATEST: Final = 253_402_300_800.0
"""The year 10000: a larger number is a time in milliseconds by mistake."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a registry token. `subject`: empty for anonymous clients. `start`: the later of `nbf` and `iat`, None without
    them. `end`: `exp`. Both are in seconds since 1970, as in the token."""

    subject: str
    access: tuple[Scope, ...]
    groups: frozenset[str]
    start: float | None
    end: float
    id: str

    def allows(self, access: Access) -> bool:
        """The name must be the same, and the action the same or `*`. A token for the catalog allows to see all of it."""
        asked = CATALOG if access.action == LIST else access
        return any(scope.holds(asked) for scope in self.access)


def read(payload: bytes, issuer: str, service: str, *, packed: bool = False) -> Claims:
    """Raises ValueError for claims of another issuer, for another audience, or in another form.

    `exp` is required. As in tokens of the reference, `sub`, `jti`, `groups` and `access` may be missing or null, which is how
    Go writes an empty list. `packed`: accept `access` also as this registry writes it for many repositories (`packing`)."""
    claims = strictjson.parse(payload)
    if packed:
        claims = packing.unpacked(claims)
    if claims.get("iss") != issuer:
        raise ValueError("it is from another issuer")
    if service not in _audience(claims.get("aud")):
        raise ValueError("it is for another audience")
    end = _moment(claims, "exp")
    if end is None:
        raise ValueError("it has no exp")
    moments = [_moment(claims, "nbf"), _moment(claims, "iat")]
    start = max((one for one in moments if one is not None), default=None)
    if start is not None and start > end:
        raise ValueError("it ends before it begins")
    return Claims(
        subject=_optional(claims, "sub"),
        access=tuple(_scope(entry) for entry in _list(claims, "access")),
        groups=frozenset(_text(group, "groups") for group in _list(claims, "groups")),
        start=start,
        end=end,
        id=_optional(claims, "jti"),
    )


def _audience(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [_text(one, "aud") for one in value]
    raise ValueError("aud is neither a text nor a list")


def _moment(claims: dict[str, object], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    # Also refuses NaN and the infinities.
    if not 0 <= value < LATEST:
        raise ValueError(f"{name} is no time")
    return float(value)


def _scope(entry: object) -> Scope:
    """A scope of an unknown type is kept, as it matches nothing and so grants nothing. The class is ignored, as in the
    reference."""
    if not isinstance(entry, dict):
        raise ValueError("access has an entry that is no object")
    _optional(entry, "class")
    return Scope(
        kind=_text(entry.get("type"), "type"),
        name=_text(entry.get("name"), "name"),
        actions=frozenset(_text(action, "actions") for action in _list(entry, "actions")),
    )


def _list(claims: dict[str, object], name: str) -> list[object]:
    value = claims.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return value


def _optional(claims: dict[str, object], name: str) -> str:
    value = claims.get(name)
    return "" if value is None else _text(value, name)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if _UNPRINTABLE.search(value):
        raise ValueError(f"{name} has control characters")
    return value
