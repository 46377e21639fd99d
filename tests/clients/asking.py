"""How the models of clients ask: one request at a time, kept with its answer, and what they read in a challenge."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.support.exchange import SECONDS, Answer
from tests.support.images import digest_of

_PARAMETER = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Refused(Exception):
    """The client gives up; the text is what it prints."""


@dataclass(frozen=True)
class Asked:
    method: str
    url: str
    status: int

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


@dataclass
class Asking:
    """`base` is where the registry is, such as `http://127.0.0.1:5000`; `asked` grows with every request."""

    base: str
    context: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """`url` may be a path at the registry. Nothing is followed."""
        url = urljoin(self.base, url)
        parts = urlsplit(url)
        connection = (
            http.client.HTTPSConnection(parts.netloc, timeout=SECONDS, context=self.context)
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
        )
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, told, response.read())
        finally:
            connection.close()
        self.asked.append(Asked(method, url, answer.status))
        return answer

    def form(self, url: str, fields: Mapping[str, str]) -> Answer:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self("POST", url, kind, urlencode(fields).encode())

    def count(self, method: str, ending: str) -> int:
        """Requests of that method to paths that end like this."""
        return sum(one.method == method and one.path.endswith(ending) for one in self.asked)


def challenge(answer: Answer) -> dict[str, str]:
    """The parameters of `WWW-Authenticate: Bearer`; empty without one, or for another scheme."""
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in _PARAMETER.findall(rest)}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def errors(answer: Answer) -> list[dict[str, Any]]:
    """What the registry says is wrong; nothing if the body is none of its own, as that of HEAD."""
    try:
        found: list[dict[str, Any]] = json.loads(answer.body)["errors"]
    except (ValueError, KeyError):
        return []
    return found


def reason(answer: Answer) -> str:
    """Such as `401 Unauthorized`."""
    return f"{answer.status} {http.client.responses[answer.status]}"


def verified(answer: Answer, digest: str) -> bytes:
    """The body, if its digest is that one."""
    if digest_of(answer.body) != digest:
        raise Refused(f"content does not match its digest {digest}")
    return answer.body
