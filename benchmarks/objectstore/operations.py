"""Small calls to an object store with Moorage's driver, and the same with boto3: what the client costs."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter

from benchmarks.load.specs import Bucket, Calls, Outcome, outcome
from benchmarks.measure import resident_bytes

OBJECTS = 100
WARM_UP_SECONDS = 0.5
CONTENT = os.urandom(50).hex().encode()
"""A hundred bytes: a link has 71."""

One = Callable[[str], Awaitable[object]]
"""One call to the object of that name."""


def key(number: int) -> str:
    return f"small/object-{number % OBJECTS}"


def _with_driver(bucket: Bucket, operation: str) -> One:
    # Each client carries its own libraries only.
    from moorage.drivers.objectstore.s3 import S3Options, s3_driver

    options = S3Options(
        bucket.name,
        region=bucket.region,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
        endpoint=bucket.endpoint,
        path_style=True,
        secure=False,
    )
    driver = s3_driver(options, links_for=timedelta(minutes=20))
    calls: dict[str, One] = {
        "read": driver.read,
        "stat": driver.stat,
        "write": lambda path: driver.write([(path, CONTENT)]),
    }
    call = calls[operation]
    return lambda name: call(f"/{name}")


def _with_boto3(bucket: Bucket, operation: str) -> Callable[[str], object]:
    from benchmarks.objectstore.s3server import boto_client

    client = boto_client(bucket)
    calls: dict[str, Callable[[str], object]] = {
        "read": lambda name: client.get_object(Bucket=bucket.name, Key=name)["Body"].read(),
        "stat": lambda name: client.head_object(Bucket=bucket.name, Key=name),
        "write": lambda name: client.put_object(Bucket=bucket.name, Key=name, Body=CONTENT),
    }
    return calls[operation]


Load = Callable[[float], Awaitable[list[float]]]
"""For so many seconds; the latencies of what was called, in seconds."""


def _driver_load(spec: Calls) -> Load:
    one = _with_driver(spec.bucket, spec.operation)

    async def load(seconds: float) -> list[float]:
        latencies: list[float] = []
        deadline = perf_counter() + seconds

        async def client() -> None:
            while (begun := perf_counter()) < deadline:
                await one(key(len(latencies)))
                latencies.append(perf_counter() - begun)

        await asyncio.gather(*(client() for _ in range(spec.target.clients)))
        return latencies

    return load


def _boto3_load(spec: Calls) -> Load:
    one = _with_boto3(spec.bucket, spec.operation)

    async def load(seconds: float) -> list[float]:
        latencies: list[float] = []
        deadline = perf_counter() + seconds

        def client() -> None:
            while (begun := perf_counter()) < deadline:
                one(key(len(latencies)))
                latencies.append(perf_counter() - begun)

        if spec.target.clients == 1:
            client()  # Nothing else waits for this loop, and no thread has to be handed anything.
        else:
            await asyncio.gather(*(asyncio.to_thread(client) for _ in range(spec.target.clients)))
        return latencies

    return load


async def _fill(spec: Calls) -> None:
    """With the client that is measured: another one would add to its memory."""
    if spec.client == "boto3":
        put = _with_boto3(spec.bucket, "write")
        for number in range(OBJECTS):
            put(key(number))
    else:
        write = _with_driver(spec.bucket, "write")
        for number in range(OBJECTS):
            await write(key(number))


def _cpu_seconds() -> float:
    """Of this process with all its threads."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


async def run(spec: Calls) -> Outcome:
    await _fill(spec)
    load = _boto3_load(spec) if spec.client == "boto3" else _driver_load(spec)
    await load(WARM_UP_SECONDS)
    begun, before = perf_counter(), _cpu_seconds()
    latencies = await load(spec.target.seconds)
    used, seconds = _cpu_seconds() - before, perf_counter() - begun
    rss = resident_bytes([os.getpid()]) / 1e6
    return outcome(latencies, 0, seconds, [], cpu_us=used / max(1, len(latencies)) * 1e6, rss_mb=rss)
