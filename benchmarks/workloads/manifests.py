"""W1 and W2: manifests by tag, and what polls them; W3: what pushes ask first."""

from __future__ import annotations

import http.client
import random

from benchmarks.load.connection import serialise
from benchmarks.load.mix import request
from benchmarks.load.specs import Mix, Outcome, Request
from benchmarks.seed import Seed
from benchmarks.workloads.base import Case, Goal, Stage, Workload, rate_goals

ACCEPT = {
    "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
}
POLLS = 10_000


def tag_targets(seed: Seed) -> list[str]:
    return [
        f"/v2/{repository.name}/manifests/{image.tag}"
        for repository in seed.repositories
        for image in repository.images
    ]


def tag_requests(stage: Stage) -> list[Request]:
    port = stage.server.port
    return [request(serialise("GET", target, port, ACCEPT)) for target in tag_targets(stage.seed)]


def manifest_by_tag(stage: Stage, seconds: float) -> Outcome:
    return stage.run_gets(tag_requests(stage), stage.target(16, seconds))


def _etags(stage: Stage) -> dict[str, str]:
    """What each server calls the current version of each tag."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=30)
    found = {}
    for target in tag_targets(stage.seed):
        connection.request("HEAD", target, headers=ACCEPT)
        answer = connection.getresponse()
        answer.read()
        found[target] = answer.headers["ETag"]
    connection.close()
    return found


def _poll(stage: Stage, seconds: float) -> Outcome:
    port, rng, etags = stage.server.port, random.Random(2), _etags(stage)
    digests = [
        f"/v2/{r.name}/manifests/{image.digest}" for r in stage.seed.repositories for image in r.images
    ]

    def one() -> Request:
        target, kind = rng.choice(list(etags)), rng.random()
        if kind < 0.7:
            return request(serialise("HEAD", target, port, ACCEPT))
        if kind < 0.9:
            headers = {**ACCEPT, "If-None-Match": etags[target]}
            return request(serialise("GET", target, port, headers), 304)
        return request(serialise("GET", rng.choice(digests), port, ACCEPT))

    return stage.run(Mix(stage.target(32, seconds), [one() for _ in range(POLLS)]))


def _head_blobs(stage: Stage, seconds: float) -> Outcome:
    requests = [
        request(serialise("HEAD", f"/v2/{repository.name}/blobs/{digest}", stage.server.port), status)
        for repository in stage.seed.repositories
        for status, digests in (
            (200, [blob.digest for blob in repository.blobs]),
            (404, repository.absent),
        )
        for digest in digests
    ]
    random.Random(3).shuffle(requests)
    return stage.run(Mix(stage.target(16, seconds), requests))


WORKLOADS = (
    Workload(
        "W1",
        "manifest by tag",
        "Every pull starts with it. GET of a manifest of 0.5 to 2 KB by tag, with the four usual media types "
        "in Accept, uniformly over 500 tags of 50 repositories; 16 connections (wrk).",
        (
            Case(
                "W1",
                "GET manifest by tag",
                "req/s",
                manifest_by_tag,
                (*rate_goals(2.5, 12, 0.20), Goal("p99_ms", 3, at_most=True)),
                images=True,
                with_nginx=True,
            ),
        ),
    ),
    Workload(
        "W2",
        "manifest polling",
        "What clusters and update watchers do all day: 70 % HEAD by tag, 20 % GET with If-None-Match "
        "(answered 304), 10 % GET by digest; 32 connections (our loader, for wrk cannot do HEAD).",
        (Case("W2", "HEAD, 304 and GET", "req/s", _poll, rate_goals(2.5, 12), images=True),),
    ),
    Workload(
        "W3",
        "HEAD blob",
        "What a push asks before it uploads: HEAD of 5,000 blobs, of which 60 % exist and 40 % do not; "
        "16 connections (our loader).",
        (Case("W3", "HEAD blob", "req/s", _head_blobs, rate_goals(1.7, 10), images=True),),
    ),
)
