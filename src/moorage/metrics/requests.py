"""Requests, counted by the names of the reference implementation, and what they did: pulls, pushes, uploads.

All that runs per request is a look-up of what was prepared for its route, method and status, and a handful of additions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from moorage.api import routes
from moorage.api.exchange import Exchange
from moorage.api.observing import Outcome
from moorage.metrics.repositories import Repositories
from moorage.metrics.series import DURATIONS, SIZES, Counter, Gauge, Histogram
from moorage.metrics.slots import Slot

UNKNOWN: Final = "unknown"
"""The route of a path that is none of the API."""
HANDLERS: Final = (
    *(route.name for route in (routes.BASE, routes.CATALOG, routes.TAGS, routes.MANIFESTS, routes.BLOBS)),
    *(route.name for route in (routes.UPLOADS, routes.UPLOAD, routes.REFERRERS, routes.TOKEN)),
    UNKNOWN,
)

METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BRINGING: Final = frozenset(("POST", "PUT", "PATCH"))
_UPLOADS: Final = frozenset((routes.UPLOADS.name, routes.UPLOAD.name))

_DID: Final = {
    (routes.UPLOADS.name, "POST", 202): "started",
    (routes.UPLOADS.name, "POST", 201): "completed",
    (routes.UPLOAD.name, "PUT", 201): "completed",
    (routes.UPLOAD.name, "DELETE", 204): "canceled",
}

Deed: TypeAlias = Callable[[Exchange], None]


class Prepared(NamedTuple):
    """Where the series of one route, method and status are."""

    total: int
    durations: list[int]
    duration: int
    incoming: list[int]
    came: int
    outgoing: list[int]
    went: int
    deed: Deed | None


class Requests:
    """An `Observer`. Each of its two methods is written in one piece: at 20,000 requests a second every call counts."""

    def __init__(self, slot: Slot) -> None:
        self._series = Series(slot)
        self._gauges = slot.gauges.view
        self._counters = slot.counters.view
        self._histograms = slot.histograms.view
        self._flying = self._series.flying
        self._running = self._series.running
        self._known: dict[tuple[str, str, int], Prepared] = {}

    def begun(self, exchange: Exchange) -> None:
        route = _name(exchange)
        self._gauges[self._flying[route]] += 1.0
        if route in _UPLOADS and exchange.method in BRINGING:
            self._gauges[self._running] += 1.0

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        status, sent, seconds, _ = outcome
        route, method, received = _name(exchange), exchange.method, exchange.received
        self._gauges[self._flying[route]] -= 1.0
        if route in _UPLOADS and method in BRINGING:
            self._gauges[self._running] -= 1.0
        prepared = self._known.get((route, method, status)) or self._met(route, method, status)
        total, durations, duration, incoming, came, outgoing, went, deed = prepared
        self._counters[total] += 1.0
        view = self._histograms
        view[durations[bisect_left(DURATIONS, seconds)]] += 1.0
        view[duration] += seconds
        view[outgoing[bisect_left(SIZES, sent)]] += 1.0
        view[went] += sent
        if received:
            view[incoming[bisect_left(SIZES, received)]] += 1.0
            view[came] += received
        else:
            view[incoming[0]] += 1.0
        if deed is not None:
            deed(exchange)

    def _met(self, route: str, method: str, status: int) -> Prepared:
        prepared = self._series.prepare(route, method, status)
        # Methods come from clients, and a name for each would have no end.
        if method in METHODS:
            self._known[route, method, status] = prepared
        return prepared


def _name(exchange: Exchange) -> str:
    return exchange.route.name if exchange.route is not None else UNKNOWN


class Series:
    """The series of requests."""

    def __init__(self, slot: Slot) -> None:
        counters, histograms, gauges = slot.counters, slot.histograms, slot.gauges
        flying = Gauge(gauges, "registry_http_in_flight_requests", "The in-flight HTTP requests.", "handler")
        running = Gauge(gauges, "registry_uploads_running", "Requests that bring bytes of a blob just now.")
        self.flying = {handler: flying.place(handler) for handler in HANDLERS}
        self.running = running.place()
        self._total = Counter(
            counters,
            "registry_http_requests_total",
            "Total number of HTTP requests made.",
            *("handler", "method", "code"),
        )
        self._durations = Histogram(
            histograms,
            "registry_http_request_duration_seconds",
            "The HTTP request latencies in seconds.",
            DURATIONS,
            *("handler", "method"),
        )
        incoming = Histogram(
            histograms,
            "registry_http_request_size_bytes",
            "The sizes of the bodies of HTTP requests in bytes.",
            SIZES,
            "handler",
        )
        outgoing = Histogram(
            histograms,
            "registry_http_response_size_bytes",
            "The sizes of the bodies of HTTP responses in bytes.",
            SIZES,
            "handler",
        )
        self._incoming = {handler: incoming.places(handler) for handler in HANDLERS}
        self._outgoing = {handler: outgoing.places(handler) for handler in HANDLERS}
        self._repositories = Repositories(counters)
        uploads = Counter(
            counters, "registry_uploads_total", "What became of uploads of blobs, and blobs mounted.", "event"
        )
        self._uploads = {
            event: uploads.one(event) for event in ("started", "completed", "canceled", "mounted")
        }

    def prepare(self, route: str, method: str, status: int) -> Prepared:
        lowered = method.lower() if method in METHODS else "unknown"
        return Prepared(
            self._total.place(route, lowered, str(status)),
            *self._durations.places(route, lowered),
            *self._incoming[route],
            *self._outgoing[route],
            self._deed(route, method, status),
        )

    def _deed(self, route: str, method: str, status: int) -> Deed | None:
        """What counts what was done, where a request with that status did something that is counted."""
        repositories, uploads = self._repositories, self._uploads
        if route == routes.MANIFESTS.name and (method, status) == ("GET", 200):
            return repositories.pulled
        if route == routes.MANIFESTS.name and (method, status) == ("PUT", 201):
            return repositories.pushed
        if (event := _DID.get((route, method, status))) is None:
            return None
        if method == "POST" and status == 201:
            return lambda exchange: uploads["mounted" if exchange.mounted else event]()
        return lambda _: uploads[event]()
