"""One HTTP request and its whole answer, with nothing added, followed or decoded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """Status, headers with names in lower case (several of one name joined by a comma) and the body's bytes.

    `whole` is False when the body ended before its Content-Length.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def exchange(
    address: str,
    method: str,
    target: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """`target` goes onto the request line as it is, so malformed ones can be sent. A body of None sends none."""
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        given = {name.lower(): value for name, value in (headers or {}).items()}
        connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
        if body is not None:
            given.setdefault("content-length", str(len(body)))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        received: dict[str, str] = {}
        for name, value in response.getheaders():
            known = received.get(name.lower())
            received[name.lower()] = value if known is None else f"{known}, {value}"
        try:
            return Answer(response.status, received, response.read())
        except http.client.IncompleteRead as cut:
            return Answer(response.status, received, cut.partial, whole=False)
    finally:
        connection.close()
