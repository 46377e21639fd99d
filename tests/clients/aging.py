"""Tokens of a registry as they would be if they had been given out a while ago."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.auth.tokens import compact

LEEWAY_SECONDS: Final = 60
"""So long a token counts after its end."""
LEFT_SECONDS: Final = 5
"""For the one request that has to come with it in time, on a machine that is busy too."""


def aged(token: str, root: Path) -> str:
    """The same token, with which there is little time left; signed again with the key that is in the storage."""
    (key_file,) = (root / "moorage/keys").iterdir()
    key = Ed25519PrivateKey.from_private_bytes(_decoded(json.loads(key_file.read_bytes())["d"]))
    header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
    changed: dict[str, Any] = {"exp": int(time.time()) + LEFT_SECONDS - LEEWAY_SECONDS}
    changed |= dict.fromkeys(("iat", "nbf"), changed["exp"] - 300)
    return compact(header, claims | changed, key, "EdDSA")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
