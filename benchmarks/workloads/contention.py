"""W12: small requests while others push and pull much."""

from __future__ import annotations

import time

from benchmarks.content import GIB, MIB, SIZES_REPOSITORY
from benchmarks.load.connection import serialise
from benchmarks.load.mix import request
from benchmarks.load.specs import Outcome, Paced
from benchmarks.workloads.base import Case, Goal, Stage, Workload
from benchmarks.workloads.manifests import tag_requests
from benchmarks.workloads.pushes import upload_spec

RATE = 200.0
PUSHERS, PULLERS, PROBES = 4, 2, 64
UPLOAD_BYTES = 256 * MIB
# Pushes and pulls begin before the probe, and go on until after its end.
LEAD_SECONDS, TAIL_SECONDS = 1.0, 1.0


def _head_of_line(stage: Stage, seconds: float) -> Outcome:
    around = seconds + LEAD_SECONDS + TAIL_SECONDS
    uploads = upload_spec(stage, UPLOAD_BYTES, PUSHERS, around)
    (huge,) = stage.seed.sized[GIB]
    pull = request(serialise("GET", f"/v2/{SIZES_REPOSITORY}/blobs/{huge.digest}", stage.server.port))
    probe = Paced(stage.target(PROBES, seconds), tag_requests(stage), RATE)
    with (
        stage.launcher.child(uploads) as pushing,
        stage.launcher.gets([pull], stage.target(PULLERS, around)) as pulling,
    ):
        time.sleep(LEAD_SECONDS)
        probed = stage.run(probe)
        return _together(probed, pushing.result(), pulling.result())


def _together(probed: Outcome, pushed: Outcome, pulled: Outcome) -> Outcome:
    """The probe's latencies, with the bytes of all."""
    for other in (pushed, pulled):
        probed.errors += other.errors
        probed.note = probed.note or other.note
        probed.bytes += other.bytes
    probed.extra = {
        "push_mb_s": pushed.bytes / pushed.seconds / 1e6,
        "pull_mb_s": pulled.bytes / pulled.seconds / 1e6,
    }
    return probed


WORKLOADS = (
    Workload(
        "W12",
        "manifests under load",
        "Does a pull have to wait for others' pushes? 200 GETs of manifests per second at a fixed pace, timed "
        "from when each was due, while 4 clients push blobs of 256 MiB and 2 pull 1 GiB (our loader; wrk pulls).",
        (
            Case(
                "W12",
                "GET manifest by tag, 200/s",
                "req/s",
                _head_of_line,
                (
                    Goal("p99_ms", 0.4, "v3", at_most=True, main=True),
                    Goal("p99_ms", 10, at_most=True),
                    Goal("max_ms", 50, at_most=True),
                ),
                seconds=10.0,
                storage="copy",
                images=True,
                sizes=(GIB,),
                costs_bytes=True,
                shows=("push_mb_s", "pull_mb_s"),
            ),
        ),
    ),
)
