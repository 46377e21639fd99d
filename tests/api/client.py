"""A client that speaks ASGI to the application in the same process: no sockets, every byte and header seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from moorage.app import Application
from moorage.config import load

Body = bytes | Iterable[bytes | Message]


@dataclass(frozen=True)
class Answer:
    """`headers` has names in lower case, those that came more than once joined by a comma; `complete` tells whether
    the body was ended (what the server turns into a whole answer instead of a broken connection)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.json["errors"]]


@dataclass
class Client:
    app: ASGIApp
    peer: tuple[str, int] | None = ("192.0.2.1", 40_000)

    async def __call__(
        self,
        method: str,
        target: str,
        body: Body = b"",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        scheme: str = "http",
    ) -> Answer:
        """`target` may be a Location that was answered. A body of bytes has a Content-Length; an iterable is sent
        piece by piece, and may hold ASGI messages, such as a disconnect. A client that gets no answer at all sees
        status 0."""
        parts = urlsplit(target)
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.append(("host", "registry.example"))
        if (
            isinstance(body, bytes)
            and body
            and not any(name.lower() == "content-length" for name, _ in pairs)
        ):
            pairs.append(("content-length", str(len(body))))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode("latin-1"),
            "query_string": parts.query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
            "client": self.peer,
            "server": ("127.0.0.1", 5000),
        }
        sent: list[Message] = []
        waiting = _messages(body)

        async def receive() -> Message:
            for message in waiting:
                return message
            # An ordinary client waits for the end of the answer with its connection open.
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def send(message: Message) -> None:
            if "body" in message:
                # A piece may be a buffer that the next one is read into.
                message = {**message, "body": bytes(message["body"])}
            sent.append(message)

        await self.app(scope, receive, send)
        return _answer(sent)

    async def get(self, target: str, **headers: str) -> Answer:
        return await self("GET", target, headers=_named(headers))

    async def head(self, target: str, **headers: str) -> Answer:
        return await self("HEAD", target, headers=_named(headers))

    async def put(self, target: str, body: Body = b"", **headers: str) -> Answer:
        return await self("PUT", target, body, _named(headers))

    async def delete(self, target: str, **headers: str) -> Answer:
        return await self("DELETE", target, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _messages(body: Body) -> Iterable[Message]:
    if isinstance(body, bytes):
        yield {"type": "http.request", "body": body, "more_body": False}
        return
    for piece in body:
        if isinstance(piece, bytes):
            yield {"type": "http.request", "body": piece, "more_body": True}
        else:
            yield piece
            if piece["type"] == "http.disconnect":
                return
    yield {"type": "http.request", "body": b"", "more_body": False}


def _answer(sent: list[Message]) -> Answer:
    if not sent:
        return Answer(0, {}, b"", complete=False)
    start, *rest = sent
    assert start["type"] == "http.response.start"
    headers: dict[str, str] = {}
    for raw, value in start["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        assert name == name.lower(), f"ASGI wants header names in lower case: {name}"
        assert text.isprintable(), f"a control character in {name}: {text!r}"
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    body = b"".join(message["body"] for message in rest)
    complete = bool(rest) and not rest[-1].get("more_body", False)
    return Answer(start["status"], headers, body, complete)


DISCONNECT: Message = {"type": "http.disconnect"}


async def _lifespan(app: ASGIApp, stop: asyncio.Event, started: asyncio.Event) -> None:
    steps = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> Message:
        step = next(steps)
        if step == "lifespan.shutdown":
            await stop.wait()
        return {"type": step}

    async def send(message: Message) -> None:
        assert not message["type"].endswith("failed"), message
        started.set()

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[Client]:
    """The application between its startup and its shutdown."""
    stop, started = asyncio.Event(), asyncio.Event()
    life = asyncio.create_task(_lifespan(app, stop, started))
    ready = asyncio.create_task(started.wait())
    await asyncio.wait((life, ready), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        if life.done():
            life.result()
        yield Client(app)
    finally:
        stop.set()
        await life


def application(folder: Path, storage: str = "", more: str = "") -> Application:
    """An application from a configuration file, as the server makes it. `storage` and `more` are YAML: the section
    below `storage:` (by default the inmemory driver with deleting enabled) and further sections."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    storage = storage or "  inmemory: {}\n  delete:\n    enabled: true\n"
    log = "" if "log:" in more else "log:\n  accesslog:\n    disabled: true\n"
    config.write_text(f"version: 0.1\nstorage:\n{storage}{log}{more}")
    return Application(load(config, {}).configuration)
