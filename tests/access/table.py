"""Who may do what, as docs/authentication.md and docs/http-api.md say it. Nothing here is taken from the code.

Two repositories: A, and B. `NEEDS`: what a request takes. `HAS`: what somebody may do in A, in B, and in the registry.
"""

from __future__ import annotations

from typing import Final

METHODS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "FETCH")
STATES: Final = ("in A", "only in B", "missing")
BODIES: Final = ("none", "empty", "huge", "chunked")

READ: Final = {"GET": "pull", "HEAD": "pull"}
NEEDS: Final[dict[str, dict[str, str]]] = {
    "base":               {"GET": "known", "HEAD": "known"},
    "catalog":            {"GET": "catalog", "HEAD": "catalog"},
    "tags":               READ,
    "manifest by tag":    {**READ, "PUT": "push", "DELETE": "delete"},
    "manifest by digest": {**READ, "PUT": "push", "DELETE": "delete"},
    "blob":               {**READ, "DELETE": "delete"},
    "referrers":          READ,
    "uploads":            {"POST": "push"},
    "mount":              {"POST": "push"},
    "mount of any":       {"POST": "push"},
    "blob in one":        {"POST": "push"},
    "upload":             dict.fromkeys(("GET", "HEAD", "PATCH", "PUT", "DELETE"), "push"),
    "token":              {"GET": "token", "POST": "token"},
    "unknown":            {},
}  # fmt: skip
"""By route and method. What is not here is 404 or 405 to everybody."""

HAS: Final[dict[str, dict[str, frozenset[str]]]] = {
    "anonymous":        {},
    "bad password":     {},
    "other audience":   {},
    "expired":          {},
    "pull A":           {"A": frozenset({"pull"})},
    "push A":           {"A": frozenset({"pull", "push"})},
    "pull A, push B":   {"A": frozenset({"pull"}), "B": frozenset({"pull", "push"})},
    "delete A":         {"A": frozenset({"delete"})},
    "catalog":          {"registry": frozenset({"catalog"})},
    "admin":            {"registry": frozenset({"catalog"}), **dict.fromkeys("AB", frozenset({"pull", "push", "delete"}))},
}  # fmt: skip
"""By identity. Whoever has something is known."""

SCOPES: Final = {"pull": "pull", "push": "pull,push", "delete": "delete"}
"""What the challenge asks for: "POST, PUT and PATCH take pull and push"."""


def known(identity: str) -> bool:
    return bool(HAS[identity])


def allowed(identity: str, need: str, repository: str) -> bool:
    if need == "known":
        return known(identity)
    place = "registry" if need == "catalog" else repository
    return need in HAS[identity].get(place, frozenset())
