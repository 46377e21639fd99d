"""A sequence of raw requests to one registry, and its answers in a form that can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.compat.upload import target_of
from tests.support.exchange import Answer, exchange

# What a client may act on. Left out are Date, Server, Connection and request ids, which say nothing about content.
HEADERS = (
    "accept-ranges",
    "allow",
    "cache-control",
    "content-range",
    "content-type",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-uuid",
    "etag",
    "link",
    "location",
    "oci-chunk-min-length",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "retry-after",
    "warning",
    "www-authenticate",
    "x-content-type-options",
)
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STATE = re.compile(r"_state=[A-Za-z0-9_=%.-]+")


@dataclass(frozen=True)
class Step:
    """One request. `{name}` in the target is the Location an earlier step saved as `name`, with its query."""

    name: str
    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    save: str = ""


def play(address: str, steps: Iterable[Step]) -> dict[str, dict[str, str]]:
    """Sends the steps one after the other; what each was answered, by step and field."""
    saved: dict[str, str] = {}
    seen: dict[str, dict[str, str]] = {}
    for step in steps:
        assert step.name not in seen, f"two steps are called {step.name}"
        # A step can build on another that the registry refused; that shows as a difference of its own.
        target = re.sub(r"\{(\w+)\}", lambda match: saved.get(match[1], "/v2/?none="), step.target)
        answer = exchange(address, step.method, target, body=step.body, headers=step.headers)
        if step.save and "location" in answer.headers:
            saved[step.save] = target_of(answer)
        seen[step.name] = fields(answer, step.method, address)
    return seen


def fields(answer: Answer, method: str, address: str) -> dict[str, str]:
    """Status, error codes, the significant headers and, for success, length and body, made comparable."""
    found = {"status": str(answer.status)}
    if not answer.whole:
        found["cut"] = "shorter than its Content-Length"
    for header in HEADERS:
        if header in answer.headers:
            found[header] = plain(answer.headers[header], address)
    if "allow" in found:
        found["allow"] = ", ".join(sorted(found["allow"].split(", ")))
    if answer.status < 300 or answer.status == 304:
        # The reference ends its JSON with a newline; the text itself is compared below.
        if "content-length" in answer.headers and not found.get("content-type", "").startswith(
            "application/json"
        ):
            found["content-length"] = answer.headers["content-length"]
        found["body"] = plain(answer.body.decode("latin-1"), address).strip()
    elif method != "HEAD":
        found["codes"] = codes(answer.body)
    return found


def plain(text: str, address: str) -> str:
    """Without what differs in every run: the port, upload ids and signed states."""
    return STATE.sub("_state=<state>", IDENTIFIER.sub("<id>", text.replace(address, "<host>")))


def codes(body: bytes) -> str:
    """The error codes in a body, `none` when it is not the body that the specification asks for."""
    try:
        return ",".join(str(error["code"]) for error in json.loads(body)["errors"])
    except (ValueError, KeyError, TypeError):
        return "none"
