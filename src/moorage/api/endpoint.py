"""Everything under `/v2`: route, gates, handler, answer, access log. A plain ASGI callable.

The single error boundary is here: a handler raises, and what it raises becomes an answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from moorage.api import preflight, routes
from moorage.api.admission import admit
from moorage.api.answer import API_VERSION, NOSNIFF, Answer, ClientGone, send_bytes, send_file
from moorage.api.body import DRAINED_BYTES
from moorage.api.exchange import Exchange
from moorage.api.observing import Observer, Outcome
from moorage.api.rendering import error_answer, known_error
from moorage.api.service import Service
from moorage.drivers.base import DriverError
from moorage.errors import (
    BodyEnded,
    HeaderTooLarge,
    NotFound,
    RegistryError,
    RequestTimeout,
    Unavailable,
    Unsupported,
)

log = logging.getLogger(__name__)

PATH_LIMIT = 8192
HEADER_LIMIT = 32 << 10
CLIENT_GONE = 499


class Endpoint:
    """`headers` go on every answer; `observers` are told of every request."""

    def __init__(
        self,
        service: Service,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        self._service = service
        self._headers = [API_VERSION, NOSNIFF, *headers]
        self._preflight = preflight.allowed(headers)
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`scope["path"]` begins with `/v2`, or is `/auth/token`."""
        started = time.perf_counter()
        found = routes.match(scope["path"])
        route, name, reference = found or (None, "", "")
        exchange = Exchange(scope, receive, self._service, name, reference)
        exchange.route = route
        status, sent = CLIENT_GONE, 0
        answer: Answer | None = None
        for observer in self._observers:
            observer.begun(exchange)
        try:
            with self._service.reads:
                answer = await self._answer(exchange, route)
                status = answer.logged or answer.status
                sent = await self._send(exchange, answer, send)
        except RegistryError as error:
            answer = self._finish(exchange, error_answer(error))
            status, sent = answer.status, await send_bytes(answer, send, head=exchange.method == "HEAD")
        except ClientGone:
            status = CLIENT_GONE
        except DriverError as error:
            # The answer has begun: ending it early breaks the connection, so nobody takes the part for the whole.
            log.error("storage failed during an answer", extra={"reason": str(error)})
        finally:
            outcome = Outcome(status, sent, time.perf_counter() - started, answer)
            for observer in self._observers:
                observer.ended(exchange, outcome)

    async def _answer(self, exchange: Exchange, route: routes.Route | None) -> Answer:
        try:
            if exchange.method == "OPTIONS" and route is not None and self._preflight:
                answer = preflight.answer(route.allow, self._headers)
            else:
                operation = self._operation(exchange, route)
                if self._service.access is not None and operation.needs != "nothing":
                    exchange.uploading = route is routes.UPLOAD
                    exchange.grant = await admit(exchange, self._service.access, operation.needs)
                answer = await operation.handler(exchange)
        except Exception as error:
            # In a frame of its own: an exception that its own frame holds on to lives until the cycle collector
            # comes, and with it all the bytes that were read.
            answer = await self._failed(exchange, error)
        return self._finish(exchange, answer)

    async def _failed(self, exchange: Exchange, error: Exception) -> Answer:
        known = known_error(error)
        if known is None:
            log.exception("unexpected error")
            self._service.report(error, exchange)
            known = RegistryError(detail={"request": exchange.id})
        # Who waits to be asked for the body has not sent it yet, and taking it would be asking for it.
        waits = exchange.header(b"expect") is not None and not exchange.received
        hopeless = waits or isinstance(known, (BodyEnded, RequestTimeout, Unavailable))
        if exchange.unread and not hopeless and (exchange.content_length or 0) <= DRAINED_BYTES:
            await exchange.body.drain()
        answer = error_answer(known)
        answer.logged = CLIENT_GONE if isinstance(known, BodyEnded) else answer.status
        return answer

    def _operation(self, exchange: Exchange, route: routes.Route | None) -> routes.Operation:
        """The gates that every request passes."""
        if not self._service.healthy():
            raise Unavailable("the registry is not healthy", headers={"Retry-After": "5"})
        if route is None:
            raise NotFound
        if len(exchange.scope["path"]) > PATH_LIMIT or exchange.header_bytes > HEADER_LIMIT:
            raise HeaderTooLarge
        operation = route.operations.get(exchange.method)
        if operation is None:
            raise Unsupported(headers={"Allow": route.allow})
        if operation.writes and self._service.read_only:
            raise Unsupported("the registry is read-only")
        if operation.needs == "delete" and not self._service.delete_enabled:
            raise Unsupported("deleting is not enabled: set storage.delete.enabled")
        return operation

    def _finish(self, exchange: Exchange, answer: Answer) -> Answer:
        answer.headers += self._headers
        if exchange.unread:
            # Else the server would wait for the rest of the body, for ever.
            answer.headers.append((b"connection", b"close"))
        answer.headers.append((b"x-request-id", exchange.id.encode()))
        return answer

    async def _send(self, exchange: Exchange, answer: Answer, send: Send) -> int:
        if answer.reader is None:
            return await send_bytes(answer, send, head=exchange.method == "HEAD")
        body = answer.stop - answer.start
        piece = self._service.pieces.reserve(body)
        try:
            with self._service.downloads:
                seconds = self._service.limits.send_seconds
                return await send_file(answer, exchange.receive, send, piece=piece, seconds=seconds)
        finally:
            self._service.pieces.release(piece, body)
            answer.close()
