"""Responses to challenges (RFC 8555, section 8.3) and to other requests on port 80. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

PATH = "/.well-known/acme-challenge/"


def answer(head: bytes, answers: Mapping[str, str], hosts: Sequence[str]) -> bytes:
    """The whole response to one request. Challenges are answered; other paths are redirected to https on the same host."""
    method, _, rest = head.decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if (
        method not in ("GET", "HEAD")
        or not target.startswith("/")
        or not (target.isascii() and target.isprintable())
    ):
        return _response(HTTPStatus.NOT_FOUND)
    if not target.startswith(PATH):
        asked = _host(head)
        host = asked if asked in hosts else hosts[0]
        return _response(HTTPStatus.PERMANENT_REDIRECT, f"Location: https://{host}{target}\r\n")
    found = answers.get(target.removeprefix(PATH).partition("?")[0])
    if found is None:
        return _response(HTTPStatus.NOT_FOUND)
    return _response(HTTPStatus.OK, "Content-Type: text/plain\r\n", found, head_only=method == "HEAD")


def _response(status: HTTPStatus, headers: str = "", body: str = "", *, head_only: bool = False) -> bytes:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + ("" if head_only else body)).encode("latin-1")


def _host(head: bytes) -> str:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "host":
            return value.strip().partition(":")[0].lower()
    return ""
