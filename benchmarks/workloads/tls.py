"""T1 and T2: what encryption leaves of the speed of large pulls, and HTTP/2 of large pushes."""

from __future__ import annotations

from typing import Final

from benchmarks.build import CRANE, Program
from benchmarks.content import GIB
from benchmarks.load.specs import Commands, Outcome
from benchmarks.workloads.base import Case, Feature, Goal, Load, Stage, Workload, payload
from benchmarks.workloads.blobs import whole

HTTP2: Final = Feature(lambda _: {})
"""Spoken by default; that the other one does not is its client's choice."""


def _push(stage: Stage, seconds: float, arguments: list[str], environment: dict[str, str]) -> Outcome:
    return stage.run(Commands(stage.target(1, seconds), arguments, environment, GIB, stage.byte_limit))


def _by_crane(stage: Stage, seconds: float) -> Outcome:
    layout = str(stage.seed.content.layout(GIB))
    image = "127.0.0.1:{port}/bench/image-{number}:latest"
    asked = "0" if stage.peer == "plain" else "1"
    return _push(
        stage,
        seconds,
        [stage.client, "push", "--insecure", layout, image],
        {"GODEBUG": f"http2client={asked}"},
    )


def _by_curl(stage: Stage, seconds: float) -> Outcome:
    file = payload(stage, GIB)
    digest = stage.seed.content.digest(file)
    version = "--http1.1" if stage.peer == "plain" else "--http2"
    url = "https://127.0.0.1:{port}/v2/bench/blob-{number}/blobs/uploads?digest=" + digest
    curl = ["curl", "--silent", "--show-error", "--fail", "--insecure", version]
    return _push(stage, seconds, [*curl, "--request", "POST", "--upload-file", str(file), url], {})


def _uploaded(key: str, title: str, load: Load, client: Program | None = None) -> Case:
    goal = Goal("rate", 0.8, "plain", main=True)
    return Case(key, title, "MB/s", load, (goal,), storage="empty", tls=True, feature=HTTP2, client=client)


WORKLOADS = (
    Workload(
        "T1",
        "large blobs over TLS",
        "GET of blobs of 1 GiB over TLS 1.3 and HTTP/1.1, on one connection and on 4 (wrk). Server and client share the "
        "processors, and each byte is encrypted on one side and decrypted on the other.",
        tuple(
            Case(
                f"T1-{clients}",
                f"GET 1 GiB, {clients} stream{'s' if clients > 1 else ''}",
                "MB/s",
                whole(clients, GIB),
                (Goal("rate", 1.0, "v3", main=True),),
                sizes=(GIB,),
                tls=True,
            )
            for clients in (1, 4)
        ),
    ),
    Workload(
        "T2",
        "large uploads over HTTP/2",
        "The same push over HTTP/2 and over HTTP/1.1 (*Moorage without it*), both over TLS: an image with one layer of 1 GiB by "
        f"crane {CRANE.version}, whose HTTP is that of Go as in most clients of registries, and a blob of 1 GiB in one request by curl. "
        "Each into a new repository; the client's own work is a part of the time.",
        (
            _uploaded("T2-go", "push 1 GiB, crane", _by_crane, CRANE),
            _uploaded("T2-curl", "POST 1 GiB, curl", _by_curl),
        ),
    ),
)
