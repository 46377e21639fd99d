"""Whether an ID token is right, and who it is for (OpenID Connect Core 1.0, section 3.1.3.7).

Signature, issuer, audience and time are judged as for tokens of a registry; what else it says is read by a `ClaimMapping`.
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
"""Without secrets: whoever shares one with the provider could make its tokens."""

_JUDGED: Final = ("iss", "aud", "exp", "nbf", "iat")
_ELSE: Final = {
    "access": "a token of a registry",
    "cnf": "bound to a key that does not come with it (RFC 7800)",
    "events": "a message of the provider (RFC 8417)",
}
"""Claims that no ID token has: what is signed by the same key, for the same audience, but means something else."""


def verifier(
    issuer: str,
    audience: str,
    mapping: ClaimMapping,
    keys: KeySource,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    clock: Callable[[], float] = time.time,
) -> Verifier:
    """Its claims have the user as the subject, and no access. `audience` must be in the audience. `x5c` is left alone: the provider's set
    of keys says which are its own."""
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
    """Raises ValueError."""
    said = strictjson.parse(payload)
    for name, what in _ELSE.items():
        if name in said:
            raise ValueError(f"it is no ID token but {what}")
    # The others may have any form here, and must not be taken for those of a registry's token.
    judged = json.dumps({name: said[name] for name in _JUDGED if name in said}).encode()
    found = claims.read(judged, issuer, audience)
    mapping.check(said)
    return replace(found, subject=mapping.user(said), groups=mapping.groups(said))
