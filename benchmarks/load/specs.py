"""What a load is asked to do, and what it found: these cross the border between parent and child as JSON."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from benchmarks.measure import quantile


class Request(msgspec.Struct, frozen=True):
    """One serialised request and the status that is right for it, 0 for any below 500. `body` tells if the answer has one."""

    raw: bytes
    status: int = 200
    body: bool = True


class Bucket(msgspec.Struct, frozen=True):
    """A bucket of a service that speaks S3, with the bucket in the path. `endpoint` is a URL without it. `authority` is the path
    of the certificate that vouches for an endpoint of https."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str
    region: str
    authority: str = ""


class Target(msgspec.Struct, frozen=True):
    """`tls` is for GETs by wrk only."""

    port: int
    clients: int
    seconds: float
    tls: bool = False


class Mix(msgspec.Struct, frozen=True, tag=True):
    """Each client sends the next request of the list as soon as it has its answer. The list is a circle; with `once`
    the load ends with it, whatever the time."""

    target: Target
    requests: list[Request]
    once: bool = False


class Paced(msgspec.Struct, frozen=True, tag=True):
    """`rate` requests per second whatever the answers do; latency counts from when a request was due."""

    target: Target
    requests: list[Request]
    rate: float


class Restart(msgspec.Struct, frozen=True):
    """A restart of the server, once `after` bytes of an upload were taken; asked for on the inherited socket `channel`."""

    after: int
    channel: int


class Blobs(msgspec.Struct, frozen=True, tag=True):
    """Uploads of new content: POST and one PUT, or with `chunk` bytes POST, PATCH per chunk, and an empty PUT; or
    `streamed`, as Docker does it: POST, one PATCH whose length nobody was told before (in chunks of HTTP/1.1), PUT.

    The content is the first `size` bytes of `payload`, with the last 64 replaced. No upload starts
    once `limit` bytes were sent, so that the disk stays bounded. `restart` is for one client with chunks.
    """

    target: Target
    payload: str
    size: int
    limit: int
    chunk: int = 0
    restart: Restart | None = None
    streamed: bool = False


class Images(msgspec.Struct, frozen=True, tag=True):
    """Whole images into repositories of their own: per blob HEAD, POST, PATCH, PUT; then the manifest.

    `count` ends the load after so many images, whatever the time (0: no such end).
    """

    target: Target
    sizes: list[int]
    count: int = 0


class Calls(msgspec.Struct, frozen=True, tag=True):
    """Small calls to an object store, by `client`: Moorage's driver ("moorage") or "boto3". `operation` is "read",
    "stat" or "write". One after the other with one client of `target`; with more, so many at a time."""

    target: Target
    bucket: Bucket
    client: str
    operation: str


class Commands(msgspec.Struct, frozen=True, tag=True):
    """A program of somebody else's, run again and again by one client; each run uploads `size` bytes. In the arguments,
    `{port}` is the server's, and `{number}` another in each run. Nothing starts once `limit` bytes were sent."""

    target: Target
    arguments: list[str]
    environment: dict[str, str]
    size: int
    limit: int


Spec: TypeAlias = Mix | Paced | Blobs | Images | Calls | Commands


class Outcome(msgspec.Struct):
    """What the clients saw. `seconds` is the time over which operations and bytes were counted.

    Latencies are None when no operation came to its end.
    """

    operations: int
    bytes: int
    seconds: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    errors: int = 0
    note: str = ""
    extra: dict[str, float] = {}


def outcome(
    latencies: list[float], transferred: int, seconds: float, failures: list[str], **extra: float
) -> Outcome:
    """An Outcome of latencies in seconds; the first failure becomes the note."""
    ordered = sorted(latencies)
    return Outcome(
        operations=len(ordered),
        bytes=transferred,
        seconds=seconds,
        p50_ms=quantile(ordered, 0.50) * 1e3 if ordered else None,
        p99_ms=quantile(ordered, 0.99) * 1e3 if ordered else None,
        max_ms=ordered[-1] * 1e3 if ordered else None,
        errors=len(failures),
        note=failures[0] if failures else "",
        extra=extra,
    )


def milliseconds(prefix: str, latencies: list[float]) -> dict[str, float]:
    """Median and 99th percentile of latencies in seconds, under names that begin with `prefix`."""
    if not latencies:
        return {}
    ordered = sorted(latencies)
    return {
        f"{prefix}_p50_ms": quantile(ordered, 0.5) * 1e3,
        f"{prefix}_p99_ms": quantile(ordered, 0.99) * 1e3,
    }
