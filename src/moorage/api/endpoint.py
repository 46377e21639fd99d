"""Every request under `/v2`, and to `/auth/token`: route, gates, handler, answer.

The endpoint is a plain ASGI callable. It is also the single error boundary: a handler raises an error, which becomes an answer
here. Observers are notified when a request begins and ends.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from moorage.api import framing, leftover, preflight, routes
from moorage.api.admission import admit
from moorage.api.answer import (
    API_VERSION,
    HELD_BYTES,
    HELD_PIECES,
    NOSNIFF,
    Answer,
    ClientGone,
    send_bytes,
    send_file,
)
from moorage.api.exchange import Exchange
from moorage.api.observing import Observer, Outcome
from moorage.api.rendering import error_answer, known_error
from moorage.api.service import Service
from moorage.drivers.base import DriverError
from moorage.drivers.small import WholeFile
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
SCARCE_SECONDS = 5.0
"""How long a client may take nothing of a large answer while more than half of the memory for these is taken."""
CLIENT_GONE = 499
FAILED = 500
NEVER_SET = (b"access-control-", b"strict-transport-security", b"x-")
"""How configured headers begin that no handler sets."""


class Endpoint:
    """`headers` are added to every answer; `observers` are notified of every request."""

    def __init__(
        self,
        service: Service,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        self._service = service
        self._headers = [API_VERSION, NOSNIFF, *headers]
        self._may_collide = any(not name.startswith(NEVER_SET) for name, _ in headers)
        self._preflight = preflight.allowed(headers)
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`scope["path"]` begins with `/v2`, or is `/auth/token`."""
        started = time.perf_counter()
        found = routes.match(scope["path"])
        route, name, reference = found or (None, "", "")
        exchange = Exchange(scope, receive, self._service, name, reference)
        exchange.route, exchange.uploading = route, route is routes.UPLOAD
        status = CLIENT_GONE
        answer: Answer | None = None
        for observer in self._observers:
            observer.begun(exchange)
        try:
            with self._service.reads:
                answer = await self._answer(exchange)
                status = answer.logged or answer.status
                await self._send(exchange, answer, send)
        except RegistryError as error:
            answer = self._finish(exchange, error_answer(error))
            status = answer.status
            await send_bytes(answer, send, head=exchange.method == "HEAD")
        except ClientGone:
            status = CLIENT_GONE
        except DriverError as error:
            # The answer has begun. Ending it early breaks the connection, so the client does not take a part for the whole.
            status = FAILED
            log.error("storage failed during an answer", extra={"reason": str(error)})
        finally:
            sent = 0 if answer is None else answer.sent
            outcome = Outcome(status, sent, time.perf_counter() - started, answer)
            for observer in self._observers:
                observer.ended(exchange, outcome)

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            if exchange.method == "OPTIONS" and exchange.route is not None and self._preflight:
                answer = preflight.answer(self._allow(exchange), self._headers)
            else:
                operation = self._operation(exchange)
                if self._service.access is not None and operation.needs != "nothing":
                    exchange.grant = await admit(exchange, self._service.access, operation.needs)
                answer = await operation.handler(exchange)
        except ClientGone:
            raise
        except Exception as error:
            # In a frame of its own: an exception that is referenced from its own frame lives until the cycle collector
            # runs, and with it all bytes that were read.
            answer = await self._failed(exchange, error)
        return self._finish(exchange, answer)

    async def _failed(self, exchange: Exchange, error: Exception) -> Answer:
        known = known_error(error)
        if known is None:
            log.exception("unexpected error")
            self._service.report(error, exchange)
            known = RegistryError(detail={"request": exchange.id})
        if isinstance(known, Unsupported) and exchange.route is not None:
            known.headers["Allow"] = self._allow(exchange)
        # Who gave up the place of a form must not take that of the next one: one after the other, all would give way.
        displaced = isinstance(known, Unavailable) and exchange.route is routes.TOKEN
        if not (displaced or isinstance(known, (BodyEnded, RequestTimeout))):
            await leftover.drop(exchange)
        answer = error_answer(known)
        if isinstance(known, BodyEnded):
            answer.logged = CLIENT_GONE
        return answer

    def _operation(self, exchange: Exchange) -> routes.Operation:
        """The operation of the request, if it passes the gates before access control."""
        if not self._service.healthy():
            raise Unavailable("the registry is not healthy")
        route = exchange.route
        if route is None or (route is routes.TOKEN and self._service.tokens is None):
            raise NotFound
        if len(exchange.scope["path"]) > PATH_LIMIT or exchange.header_bytes > HEADER_LIMIT:
            raise HeaderTooLarge
        operation = route.operations.get(exchange.method)
        if operation is None:
            raise Unsupported
        if refusal := self._refusal(operation):
            raise Unsupported(refusal)
        framing.check(exchange)
        return operation

    def _refusal(self, operation: routes.Operation) -> str:
        """Why the configuration does not permit an operation; empty if it does."""
        if operation.writes and self._service.read_only:
            return "the registry is read-only"
        if operation.needs == "delete" and not self._service.delete_enabled:
            return "deleting is not enabled: set storage.delete.enabled"
        return ""

    def _allow(self, exchange: Exchange) -> str:
        """The Allow header: the methods that the configuration permits, without the one that the storage may have refused."""
        assert exchange.route is not None
        names = [name for name, one in exchange.route.operations.items() if not self._refusal(one)]
        return ", ".join([name for name in names if name != exchange.method])

    def _finish(self, exchange: Exchange, answer: Answer) -> Answer:
        headers = self._headers
        if self._may_collide:
            # As in the reference, a configured header is a default: the handler's own replaces it.
            names = {name for name, _ in answer.headers}
            headers = [header for header in headers if header[0] not in names]
        answer.headers += headers
        if exchange.unread and not exchange.multiplexed:
            # Otherwise the server would wait forever for the rest of the body. HTTP/2 ends the stream instead.
            answer.headers.append((b"connection", b"close"))
        answer.headers.append((b"x-request-id", exchange.id.encode()))
        return answer

    async def _send(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        head = exchange.method == "HEAD"
        seconds = self._service.limits.send_seconds
        if answer.reader is not None:
            return await self._send_file(exchange, answer, send, seconds)
        if head or len(answer.body) <= HELD_BYTES:
            return await send_bytes(answer, send, head=head)
        held = self._service.held
        with held.hold(answer.body):
            if held.scarce:
                seconds = min(seconds, SCARCE_SECONDS)
            answer.reader, answer.stop = WholeFile(answer.body), len(answer.body)
            most = min(HELD_BYTES, answer.stop // HELD_PIECES)
            await self._send_file(exchange, answer, send, seconds, most)

    async def _send_file(
        self, exchange: Exchange, answer: Answer, send: Send, seconds: float, most: int = sys.maxsize
    ) -> None:
        body = answer.stop - answer.start
        piece = self._service.pieces.reserve(body)
        try:
            with self._service.downloads:
                await send_file(answer, exchange.receive, send, piece=min(piece, most), seconds=seconds)
        finally:
            self._service.pieces.release(piece, body)
            answer.close()
