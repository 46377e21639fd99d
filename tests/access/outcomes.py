"""What each kind of registry has to answer to a case, made of the table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from tests.access.cases import REPOSITORIES, Case
from tests.access.registries import ELSEWHERE, REALM
from tests.access.table import HAS, NEEDS, SCOPES, allowed, known

ELSEWHERES: Final = ("tokens", "rules, generous tokens")
"""Where tokens come from elsewhere."""
ERRORS: Final = {"other audience": "invalid_token", "expired": "invalid_token"}
"""What a client is told of credentials that do not count (RFC 6750, section 3.1); of others nothing."""


@dataclass(frozen=True)
class Refusal:
    """`challenge` is empty for who would be told the same after signing in."""

    status: int
    challenge: str
    body: bytes


def refusal(kind: str, identity: str, case: Case) -> Refusal | None:
    """None for who is answered as where there is no access control."""
    need = NEEDS[case.route].get(case.method)
    if need is None:
        # Where there is no token service, there is no such route.
        return Refusal(405, "", b"") if case.route == "token" and _gives_tokens(kind) else None
    if need == "token":
        return _of_token_service(kind, identity, case)
    # Without rules, each user of the password file may do everything.
    if known(identity) if kind == "passwords" else allowed(identity, need, case.repository):
        return None
    if kind.startswith("rules") and known(identity):
        return _denied(need, identity, case.repository)
    scope = _scope(need, case.repository)
    if case.route == "mount":
        scope += f" repository:{REPOSITORIES[_source(case)]}:pull"
    if kind == "passwords":
        challenge = 'Basic realm="Registry"'
    elif kind in ELSEWHERES:
        error = ERRORS.get(identity, "insufficient_scope" if known(identity) else "")
        challenge = _bearer(ELSEWHERE, "registry.example.org", scope, error)
    else:
        challenge = _bearer(REALM, "moorage", scope, ERRORS.get(identity, ""))
    body = _body("UNAUTHORIZED", "authentication required", _wanted(need, case.repository))
    return Refusal(401, challenge, body)


def _of_token_service(kind: str, identity: str, case: Case) -> Refusal | None:
    """It gives tokens to anybody, and for a password that is right; not for a token, and not without a form to a POST."""
    if not _gives_tokens(kind):
        return None
    if case.method == "POST":
        return Refusal(400, "", b"")
    if identity == "anonymous" or (known(identity) and kind == "rules, by password"):
        return Refusal(200, "", b"")
    # What `docker login` shows.
    message = "wrong user name or password" if identity == "bad password" else "authentication required"
    return Refusal(401, 'Basic realm="Registry"', _body("UNAUTHORIZED", message, []))


def _gives_tokens(kind: str) -> bool:
    return kind.startswith("rules") and kind not in ELSEWHERES


def mounts(kind: str, identity: str, case: Case) -> bool:
    """Mounting takes pull in the other repository, which the client has to name, unless it may do everything."""
    if kind == "passwords":
        return True
    return case.route == "mount" and allowed(identity, "pull", _source(case))


def _source(case: Case) -> str:
    """Where a mount is from."""
    return "B" if case.repository == "A" else "A"


def _denied(need: str, identity: str, repository: str) -> Refusal:
    """It names what is missing."""
    has = HAS[identity].get(repository, frozenset())
    missing = [one for one in _wanted(need, repository) if one[2] not in has]
    told = ", ".join(f"{action} on {kind} {name}" for kind, name, action in missing)
    return Refusal(403, "", _body("DENIED", f"requested access to the resource is denied: {told}", missing))


def _wanted(need: str, repository: str) -> list[tuple[str, str, str]]:
    if need == "catalog":
        return [("registry", "catalog", "*")]
    actions = SCOPES[need].split(",") if need in SCOPES else []
    return [("repository", REPOSITORIES[repository], action) for action in actions]


def _scope(need: str, repository: str) -> str:
    if need == "catalog":
        return "registry:catalog:*"
    return f"repository:{REPOSITORIES[repository]}:{SCOPES[need]}" if need in SCOPES else ""


def _bearer(realm: str, service: str, scope: str, error: str) -> str:
    parts = {"realm": realm, "service": service, "scope": scope, "error": error}
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in parts.items() if value)


def _body(code: str, message: str, wanted: list[tuple[str, str, str]]) -> bytes:
    detail = [
        {"Type": kind, "Class": "", "Name": name, "Action": action} for kind, name, action in wanted
    ] or None
    error = {"code": code, "message": message, "detail": detail}
    return json.dumps({"errors": [error]}, separators=(",", ":")).encode()
