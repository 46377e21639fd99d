"""O1: large layers pushed through to the store; O2: pulls by tag from a store that is far; O3: what a call costs."""

from __future__ import annotations

import random

from benchmarks.content import GIB, MIB, Repository
from benchmarks.load.connection import serialise
from benchmarks.load.mix import request
from benchmarks.load.specs import Blobs, Calls, Mix, Outcome, Request
from benchmarks.objectstore.cases import StoreCase
from benchmarks.objectstore.content import TAGS_PER_REPOSITORY
from benchmarks.workloads.base import Goal, Load, Stage, Workload, payload, rate_goals
from benchmarks.workloads.manifests import ACCEPT

LAYER_BYTES = GIB
WARM_UP_BYTES = 64 * MIB
MOST_SECONDS = 120.0
"""That an upload may take; there is one."""

COLD_TAGS = {8: 768, 16: 1536, 32: 2048}
"""By clients: how many tags are pulled, each of them once."""

TRACE_CLIENTS, TRACE_PULLS = 16, 4000
TRACE_REPOSITORIES, TRACE_TAGS = 200, TAGS_PER_REPOSITORY
SKEW, NEWEST = 0.8, 0.7
"""The popularity of repositories falls with this power of their rank; so much of a repository's pulls are of its newest tag."""

WARM_TAGS = 64
WARM_UP_TAGS = 130
WARM_UP_SECONDS = 1.5
TAGS = max(COLD_TAGS.values()) + WARM_UP_TAGS
DELAY_MS = 10.0
P99_MS = 22.0
"""Less than two round trips, as a client of the store without a registry sees them (11.4 to 11.7 ms)."""

CLIENTS_OF_STORE = ("moorage", "boto3")


def _layer(size: int, *, streamed: bool) -> Load:
    """One upload."""

    def load(stage: Stage, seconds: float) -> Outcome:
        path = payload(stage, LAYER_BYTES)
        return stage.run(Blobs(stage.target(1, MOST_SECONDS), str(path), size, limit=size, streamed=streamed))

    return load


def _pulls(stage: Stage, first: int, count: int) -> list[Request]:
    """Tags by number, all of one repository before those of the next."""
    targets = [target for repository in stage.seed.repositories for target in _targets(repository)]
    port = stage.server.port
    return [request(serialise("GET", target, port, ACCEPT)) for target in targets[first : first + count]]


def _targets(repository: Repository) -> list[str]:
    return [f"/v2/{repository.name}/manifests/{image.tag}" for image in repository.images]


def _cold(clients: int) -> tuple[Load, Load]:
    """The tags before it are those that no cold run asks for."""

    def load(stage: Stage, seconds: float) -> Outcome:
        requests = _pulls(stage, WARM_UP_TAGS, COLD_TAGS[clients])
        return stage.run(Mix(stage.target(clients, 60.0), requests, once=True))

    def before(stage: Stage, seconds: float) -> Outcome:
        return stage.run(Mix(stage.target(clients, 60.0), _pulls(stage, 0, WARM_UP_TAGS), once=True))

    return load, before


def _warm(clients: int) -> tuple[Load, Load]:
    def load(stage: Stage, seconds: float) -> Outcome:
        return stage.run(Mix(stage.target(clients, seconds), _pulls(stage, 0, WARM_TAGS)))

    return load, lambda stage, seconds: load(stage, WARM_UP_SECONDS)


def _trace() -> tuple[Load, Load]:
    """One pull in five asks for its tag for the first time."""
    of_tags = [NEWEST, *[(1 - NEWEST) / (TRACE_TAGS - 1)] * (TRACE_TAGS - 1)]
    weights = [tag / rank**SKEW for rank in range(1, TRACE_REPOSITORIES + 1) for tag in of_tags]

    def load(stage: Stage, seconds: float) -> Outcome:
        pulls = _pulls(stage, WARM_UP_TAGS, len(weights))
        chosen = random.Random(TRACE_PULLS).choices(pulls, weights, k=TRACE_PULLS)
        return stage.run(Mix(stage.target(TRACE_CLIENTS, 60.0), chosen, once=True))

    return load, _cold(TRACE_CLIENTS)[1]


def _calls(operation: str) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        assert stage.bucket is not None
        return stage.run(Calls(stage.target(1, seconds), stage.bucket, stage.peer, operation))

    return load


def _push(key: str, title: str, *, streamed: bool, tls: bool = False) -> StoreCase:
    return StoreCase(
        key,
        title,
        "MB/s",
        _layer(LAYER_BYTES, streamed=streamed),
        rate_goals(1.3, 1.3, cost="cpu_s_per_gb"),
        storage="empty",
        before=_layer(WARM_UP_BYTES, streamed=streamed),
        shows=("store_cpu_s_per_gb",),
        tls=tls,
    )


def _pull(
    key: str, title: str, loads: tuple[Load, Load], *, rehearsed: bool = False, pusher: str = "moorage"
) -> StoreCase:
    return StoreCase(
        key,
        title,
        "req/s",
        loads[0],
        (*rate_goals(2.0, 2.0), Goal("p99_ms", P99_MS, at_most=True, main=True)),
        seconds=3.0,
        before=loads[1],
        shows=("store_calls", "store_cpu_us"),
        delay_ms=DELAY_MS,
        rehearsed=rehearsed,
        pusher=pusher,
    )


def _cost(operation: str) -> StoreCase:
    return StoreCase(
        f"O3-{operation}",
        f"{operation} 100 bytes",
        "req/s",
        _calls(operation),
        (Goal("cpu_us", 0.4, "boto3", at_most=True, main=True),),
        seconds=3.0,
        storage="empty",
        peers=CLIENTS_OF_STORE,
    )


ALL: tuple[Workload, ...] = (
    Workload(
        "O1",
        "a layer of 1 GiB through to S3",
        "New content each time, one upload by one client, until the 201 (our loader). As Docker pushes: POST, one PATCH that "
        "streams the layer in chunks whose sum nobody was told before, PUT. And as containerd, BuildKit and ORAS do: "
        "POST, one PUT. Once over plain HTTP, and once over HTTPS, as the stores of clouds are. MinIO runs on the "
        "same processors, so what it does for a registry counts as well.",
        (
            _push("O1-stream", "POST, PATCH, PUT", streamed=True),
            _push("O1-put", "POST, PUT", streamed=False),
            _push("O1-tls-stream", "POST, PATCH, PUT, over HTTPS", streamed=True, tls=True),
            _push("O1-tls-put", "POST, PUT, over HTTPS", streamed=False, tls=True),
        ),
    ),
    Workload(
        "O2",
        "manifest by tag from S3, 10 ms away",
        f"GET of a manifest of 1 KB by tag, where every request to the store arrives {DELAY_MS:.0f} ms later (our loader). "
        f"As in a trace: {TRACE_PULLS:,} pulls from {TRACE_REPOSITORIES} repositories of {TRACE_TAGS} tags each, the first of a "
        f"registry that has just started. Popularity is Zipf's (s = {SKEW}), and the newest tag has {NEWEST:.0%} of a "
        "repository's pulls. Cold: every tag is another one, and has not been asked for since the registry started. "
        f"Warm: {WARM_TAGS} tags, over and over. All registries read one and the same bucket; Moorage pushed what is in it, so small "
        "manifests lie beside their tags, but for one case. A store that far away takes no processor time from the registry: so what "
        "MinIO answered once, the way to it answers from memory, a millisecond after it would have passed the question on, which is "
        "what MinIO takes where nothing else is asked.",
        (
            _pull("O2-trace-16", "as in a trace, 16 clients", _trace(), rehearsed=True),
            *[
                _pull(f"O2-cold-{clients}", f"cold, {clients} clients", _cold(clients), rehearsed=True)
                for clients in COLD_TAGS
            ],
            _pull(
                f"O2-theirs-{TRACE_CLIENTS}",
                f"cold, {TRACE_CLIENTS} clients, pushed by distribution v3.1.1",
                _cold(TRACE_CLIENTS),
                rehearsed=True,
                pusher="v3",
            ),
            *[
                _pull(f"O2-warm-{clients}", f"warm, {clients} clients", _warm(clients))
                for clients in COLD_TAGS
            ],
        ),
    ),
    Workload(
        "O3",
        "what a call to S3 costs its client",
        "Reading, looking at and writing an object of 100 bytes, one after the other: Moorage's driver beside boto3, no "
        "registry. The processor time and memory are those of the client's process alone.",
        tuple(map(_cost, ("read", "stat", "write"))),
    ),
)
