"""A span for each request (OpenTelemetry, "Semantic conventions for HTTP spans"). It contains no query, because the upload state
in a query authorises the next request, and no header that authenticates."""

from __future__ import annotations

import re
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import Final

from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context

from moorage.api.exchange import Exchange
from moorage.api.observing import Outcome
from moorage.observe import context as observe
from moorage.observe import shown
from moorage.tracing.words import cut

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")

_open: ContextVar[tuple[Span, Token[Context]]] = ContextVar("moorage.tracing.open")


class Headers(Getter[Exchange]):
    """Gives a propagator access to the headers of a request."""

    def get(self, carrier: Exchange, key: str) -> list[str] | None:
        name = key.lower().encode("latin-1", "replace")
        values = [str(value, "latin-1") for header, value in carrier.scope["headers"] if header == name]
        return values or None

    def keys(self, carrier: Exchange) -> list[str]:
        return [str(header, "latin-1") for header, _ in carrier.scope["headers"]]


class Requests:
    """Observes requests, with a span for each; all other spans of the request are below it."""

    def __init__(self, tracer: Tracer, propagator: TextMapPropagator) -> None:
        self._tracer = tracer
        self._propagator = propagator
        self._headers = Headers()

    def begun(self, exchange: Exchange) -> None:
        context = self._propagator.extract(exchange, Context(), getter=self._headers)
        scope = exchange.scope
        span = self._tracer.start_span(
            _method(exchange.method),
            context,
            SpanKind.SERVER,
            # Attributes that samplers may use; the others are only set on spans that are recorded.
            {
                "http.request.method": exchange.method if exchange.method in METHODS else "_OTHER",
                "url.path": _path(exchange),
                "url.scheme": scope["scheme"],
            },
        )
        _open.set((span, attach(set_span_in_context(span, context))))
        observe.trace.set(format_trace_id(span.get_span_context().trace_id))

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        span, token = _open.get()
        if span.is_recording():
            self._describe(span, exchange, outcome)
        span.end()
        detach(token)

    def _describe(self, span: Span, exchange: Exchange, outcome: Outcome) -> None:
        scope, status = exchange.scope, outcome.status
        attributes: dict[str, str | int] = {
            "http.response.status_code": status,
            "network.protocol.version": "1.0" if scope["http_version"] == "1" else scope["http_version"],
            "http.response.body.size": outcome.sent,
            "moorage.request.id": exchange.id,
            **_server(exchange.header(b"host") or ""),
        }
        if address := exchange.client:
            attributes["client.address"] = address
        if agent := shown.header(exchange.header(b"user-agent")):
            attributes["user_agent.original"] = cut(agent)
        if exchange.name:
            attributes["moorage.repository"] = cut(exchange.name)
        if exchange.reference:
            attributes["moorage.reference"] = cut(exchange.reference)
        if exchange.route is not None:
            attributes["http.route"] = exchange.route.template
            span.update_name(f"{_method(exchange.method)} {exchange.route.template}")
        if status >= 500:
            attributes["error.type"] = str(status)
            span.set_status(StatusCode.ERROR)
        span.set_attributes(attributes)


def _method(method: str) -> str:
    """The method in the name of a span; unknown methods share one name, because there must not be many names."""
    return method if method in METHODS else "HTTP"


def _path(exchange: Exchange) -> str:
    """The path as the client wrote it, without the query."""
    raw: bytes = exchange.scope.get("raw_path") or exchange.scope["path"].encode("utf-8", "replace")
    return cut(shown.text(raw.partition(b"?")[0]))


@lru_cache(maxsize=256)
def _server(host: str) -> dict[str, str | int]:
    """The address and port by which the client addressed the registry."""
    found = _HOST.fullmatch(host)
    if found is None:
        return {}
    port = found[2]
    return {"server.address": found[1].strip("[]"), **({"server.port": int(port)} if port else {})}
