"""Verification of ID tokens, and whom they identify (OpenID Connect Core 1.0, section 3.1.3.7).

Signature, issuer, audience and time are checked as in tokens of a registry; a `ClaimMapping` reads the other claims.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from moorage.auth import claims, strictjson
from moorage.auth.claims import Claims
from moorage.auth.keys import SUPPORTED
from moorage.auth.keysources import KeySource
from moorage.auth.mapping import ClaimMapping
from moorage.auth.verification import Verifier

ALGORITHMS: Final = tuple(one for one in SUPPORTED if not one.startswith("HS"))
"""No symmetric algorithms: everybody who shares a secret with the provider could make its tokens."""

_JUDGED: Final = ("iss", "aud", "exp", "nbf", "iat")
_ELSE: Final = {
    "access": "a token of a registry",
    "cnf": "bound to a key that does not come with it (RFC 7800)",
    "events": "a message of the provider (RFC 8417)",
}
"""Claims that no ID token has. They mark tokens of another meaning, signed by the same key for the same audience."""


def verifier(
    issuer: str,
    audience: str,
    mapping: ClaimMapping,
    keys: KeySource,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    clock: Callable[[], float] = time.time,
) -> Verifier:
    """A verifier whose claims have the user as the subject, and no access. `audience` must be in the audience. `x5c` is ignored:
    only the provider's key set says which keys are its own."""
    return Verifier(
        issuer,
        audience,
        algorithms,
        keys,
        read=lambda payload: read(payload, issuer, audience, mapping),
        chains=False,
        clock=clock,
    )


def read(payload: bytes, issuer: str, audience: str, mapping: ClaimMapping) -> Claims:
    """The user and the groups of an ID token. Raises ValueError for one that is not valid."""
    said = strictjson.parse(payload)
    for name, what in _ELSE.items():
        if name in said:
            raise ValueError(f"it is no ID token but {what}")
    # The other claims may have any form here, and must not be read as those of a registry token.
    judged = json.dumps({name: said[name] for name in _JUDGED if name in said}).encode()
    found = claims.read(judged, issuer, audience)
    mapping.check(said)
    return replace(found, subject=mapping.user(said), groups=mapping.groups(said))
