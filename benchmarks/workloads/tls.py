"""T1: what encryption leaves of the speed of large pulls."""

from __future__ import annotations

from benchmarks.content import GIB
from benchmarks.workloads.base import Case, Goal, Workload
from benchmarks.workloads.blobs import whole

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
)
