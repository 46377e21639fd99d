"""W4 to W7: blobs of all sizes, whole and in ranges."""

from __future__ import annotations

import random

from benchmarks.content import GIB, KIB, MIB, SIZES_REPOSITORY
from benchmarks.load.connection import serialise
from benchmarks.load.mix import request
from benchmarks.load.specs import Outcome, Request
from benchmarks.workloads.base import Case, Goal, Load, Stage, Workload, rate_goals

RANGES = 4096
PAGE_BYTES = 4 * KIB


def _gets(stage: Stage, *sizes: int) -> list[Request]:
    return [
        request(serialise("GET", f"/v2/{SIZES_REPOSITORY}/blobs/{blob.digest}", stage.server.port))
        for size in sizes
        for blob in stage.seed.sized[size]
    ]


def whole(clients: int, *sizes: int) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        return stage.run_gets(_gets(stage, *sizes), stage.target(clients, seconds))

    return load


def _ranges(length: int) -> Load:
    """Ranges of `length` bytes at random places, aligned to a page, in blobs of 128 MiB."""

    def load(stage: Stage, seconds: float) -> Outcome:
        rng, requests = random.Random(7), []
        for _ in range(RANGES):
            blob = rng.choice(stage.seed.sized[128 * MIB])
            start = rng.randrange(0, blob.size - length, PAGE_BYTES)
            target = f"/v2/{SIZES_REPOSITORY}/blobs/{blob.digest}"
            headers = {"Range": f"bytes={start}-{start + length - 1}"}
            requests.append(request(serialise("GET", target, stage.server.port, headers), 206))
        found = stage.run_gets(requests, stage.target(8, seconds))
        _expect_only_ranges(found, length)
        return found

    return load


def _expect_only_ranges(found: Outcome, length: int) -> None:
    """wrk takes 200 with the whole blob for a success; the bytes tell."""
    if found.bytes > 1.2 * (found.operations + 100) * (length + KIB):
        found.errors += 1
        found.note = "more bytes came than were asked for: ranges are ignored"


WORKLOADS = (
    Workload(
        "W4",
        "small blobs",
        "Half of the blobs that real clients fetch are smaller than 12 KB: configs, and layers of a few "
        "files. GET of blobs of 4 KiB and 64 KiB, half and half; 16 connections (wrk).",
        (
            Case(
                "W4",
                "GET 4 KiB and 64 KiB",
                "req/s",
                whole(16, 4 * KIB, 64 * KIB),
                (*rate_goals(15, 20, 0.15), Goal("rss_mb", 0.5, "v3", at_most=True)),
                sizes=(4 * KIB, 64 * KIB),
                with_nginx=True,
            ),
        ),
    ),
    Workload(
        "W5",
        "blobs of 1 MiB",
        "GET of blobs of 1 MiB; 16 connections (wrk).",
        (
            Case(
                "W5",
                "GET 1 MiB",
                "MB/s",
                whole(16, MIB),
                rate_goals(2.3, 3, 0.95, cost="cpu_s_per_gb"),
                sizes=(MIB,),
                with_nginx=True,
            ),
        ),
    ),
    Workload(
        "W6",
        "large blobs",
        "GET of blobs of 128 MiB on 2 connections, and of one of 1 GiB on a single one (wrk). The kernel does "
        "nearly all of the work here, whoever serves: the goal is to be as fast, not faster.",
        (
            Case(
                "W6-128m",
                "GET 128 MiB, 2 streams",
                "MB/s",
                whole(2, 128 * MIB),
                (
                    *rate_goals(1.0, 1.0, 0.95, cost=""),
                    Goal("cpu_s_per_gb", 1.2, "v3", at_most=True),
                ),
                sizes=(128 * MIB,),
                with_nginx=True,
            ),
            Case(
                "W6-1g",
                "GET 1 GiB, 1 stream",
                "MB/s",
                whole(1, GIB),
                seconds=4.0,
                sizes=(GIB,),
                with_nginx=True,
            ),
        ),
    ),
    Workload(
        "W7",
        "ranges",
        "What lazy-pulling clients (stargz, SOCI, nydus) do: ranges of 64 KiB at random places in blobs of "
        "128 MiB, and in a second pass ranges of 1 MiB; 8 connections (wrk).",
        (
            Case(
                "W7-64k",
                "ranges of 64 KiB",
                "req/s",
                _ranges(64 * KIB),
                rate_goals(10, 14, 0.25),
                sizes=(128 * MIB,),
                with_nginx=True,
                shows=("read_per_sent",),
            ),
            Case(
                "W7-1m",
                "ranges of 1 MiB",
                "req/s",
                _ranges(MIB),
                seconds=4.0,
                sizes=(128 * MIB,),
                with_nginx=True,
                shows=("read_per_sent",),
            ),
        ),
    ),
)
