"""A1 to A3: what access control leaves of the speed."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import bcrypt

from benchmarks.load.connection import serialise
from benchmarks.load.mix import request
from benchmarks.load.specs import Outcome, Paced, Request, outcome
from benchmarks.seed import Seed
from benchmarks.workloads.base import Case, Feature, Goal, Load, Stage, Workload
from benchmarks.workloads.manifests import ACCEPT, tag_requests, tag_targets

PASSWORD: Final = "a password of the benchmarks"
COST: Final = 12
USERS: Final = 8
REQUESTS: Final = 20
GUESSES, PULLS, PULLERS = 500.0, 200.0, 64
# Twice as many as passwords may wait for their turn: if all guesses waited, they would come as slowly as they are hashed.
GUESSERS = 128
LEAD_SECONDS, TAIL_SECONDS = 1.0, 1.0

_turns: Iterator[int] = itertools.count()


def _rules(folder: Path) -> Mapping[str, str]:
    """Whoever signs in may pull everything."""
    file = folder / "htpasswd"
    if not file.exists():
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
        file.write_text("".join(f"user{number}:{hashed}\n" for number in range(USERS)))
    return {
        "REGISTRY_AUTH_HTPASSWD_REALM": "benchmarks",
        "REGISTRY_AUTH_HTPASSWD_PATH": str(file),
        "REGISTRY_ACCESS_0_REPOSITORIES_0": "**",
        "REGISTRY_ACCESS_0_USERS_0": "*",
        "REGISTRY_ACCESS_0_ALLOW_0": "pull",
    }


RULES = Feature(_rules)
RULES_FOR_BOTH = Feature(_rules, both=True)


def _basic(number: int) -> str:
    return "Basic " + base64.b64encode(f"user{number}:{PASSWORD}".encode()).decode()


def _tokens(stage: Stage, seed: Seed) -> dict[str, str]:
    """Authorization by repository; none where everybody may do everything."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=60)
    connection.request("GET", "/v2/")
    answer = connection.getresponse()
    answer.read()
    found: dict[str, str] = {}
    for repository in seed.repositories if answer.status == 401 else ():
        target = f"/auth/token?service=moorage&scope=repository:{repository.name}:pull"
        connection.request("GET", target, headers={"Authorization": _basic(0)})
        found[repository.name] = f"Bearer {json.load(connection.getresponse())['token']}"
    connection.close()
    return found


def _requests(stage: Stage) -> list[Request]:
    tokens = _tokens(stage, stage.seed)
    if not tokens:
        return tag_requests(stage)
    return [
        request(serialise("GET", target, stage.server.port, {**ACCEPT, "Authorization": tokens[name]}))
        for target in tag_targets(stage.seed)
        for name in [target.removeprefix("/v2/").partition("/manifests/")[0]]
    ]


def _by_token(stage: Stage, seconds: float) -> Outcome:
    return stage.run_gets(_requests(stage), stage.target(16, seconds))


def _by_password(stage: Stage, _: float) -> Outcome:
    """Each time another user, as the server remembers for a while that a password was right; a connection for each request."""
    headers = {"Authorization": _basic(next(_turns) % USERS)}
    latencies, begun = [], time.perf_counter()
    for _ in range(REQUESTS):
        asked = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=60)
        connection.request("GET", "/v2/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200, answer.status
        latencies.append(time.perf_counter() - asked)
    took = time.perf_counter() - begun
    return outcome(latencies, 0, took, [], all_s=took)


def _guesses(stage: Stage, addresses: int) -> list[Request]:
    """Always another password, from so many addresses as a trusted proxy tells them."""
    return [
        Request(serialise("GET", "/v2/", stage.server.port, headers), status=0)
        for number in range(2000)
        for headers in [
            {
                "Authorization": "Basic " + base64.b64encode(f"user1:wrong {number}".encode()).decode(),
                "X-Forwarded-For": f"198.51.{number % addresses // 250}.{number % addresses % 250 + 1}",
            }
        ]
    ]


def _beside_guesses(addresses: int) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        probe = Paced(stage.target(PULLERS, seconds), _requests(stage), PULLS)
        if stage.peer == "plain":
            return stage.run(probe)
        around = stage.target(GUESSERS, seconds + LEAD_SECONDS + TAIL_SECONDS)
        with stage.launcher.child(Paced(around, _guesses(stage, addresses), GUESSES)) as guessing:
            time.sleep(LEAD_SECONDS)
            probed = stage.run(probe)
            guessed = guessing.result()
        probed.errors += guessed.errors
        probed.note = probed.note or guessed.note
        return probed

    return load


def _guessed(addresses: int, title: str) -> Case:
    return Case(
        f"A3-{addresses}",
        title,
        "req/s",
        _beside_guesses(addresses),
        (Goal("p99_ms", 2.0, "plain", at_most=True, main=True),),
        seconds=8.0,
        images=True,
        feature=RULES_FOR_BOTH,
    )


WORKLOADS = (
    Workload(
        "A1",
        "manifest by tag with a token",
        "As W1, with a token of the registry itself for each repository, against the same without access control.",
        (
            Case(
                "A1",
                "GET manifest with a token",
                "req/s",
                _by_token,
                (Goal("rate", 0.7, "plain", main=True),),
                images=True,
                feature=RULES,
            ),
        ),
    ),
    Workload(
        "A2",
        "one password, many requests",
        f"{REQUESTS} requests one after the other with the same password, whose hash costs bcrypt 2^{COST}, each on a connection "
        "of its own. What one hash takes on this machine is in the slowest.",
        (
            Case(
                "A2",
                f"{REQUESTS} requests with a password",
                "req/s",
                _by_password,
                (Goal("all_s", 0.6, at_most=True, main=True),),
                feature=RULES,
                shows=("all_s",),
            ),
        ),
    ),
    Workload(
        "A3",
        "pulls while others guess passwords",
        f"{PULLS:.0f} GETs of manifests with a token per second at a fixed pace, timed from when each was due, while {GUESSES:.0f} wrong "
        "passwords arrive per second, from one address and from 1,000; against the same without the guesses.",
        (_guessed(1, "guesses from one address"), _guessed(1000, "guesses from 1,000 addresses")),
    ),
)
