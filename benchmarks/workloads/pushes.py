"""W8 to W10: uploads, large and small."""

from __future__ import annotations

from benchmarks.content import KIB, MIB
from benchmarks.load.specs import Blobs, Images, Outcome
from benchmarks.workloads.base import Case, Goal, Load, Stage, Workload, payload, rate_goals

IMAGE_BLOB_BYTES = [2 * KIB, 20 * KIB, 64 * KIB]
# Memory must not grow with what is pushed.
MEMORY_GOAL = Goal("rss_mb", 150, at_most=True, main=True)


def upload_spec(stage: Stage, size: int, clients: int, seconds: float, chunk: int = 0) -> Blobs:
    path = payload(stage, size)
    return Blobs(stage.target(clients, seconds), str(path), size, stage.byte_limit, chunk)


def _upload(size: int, clients: int, chunk: int = 0) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        return stage.run(upload_spec(stage, size, clients, seconds, chunk))

    return load


def _restarted_upload(size: int, chunk: int) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        return stage.run_restarted(upload_spec(stage, size, 1, seconds, chunk), after=size // 2)

    return load


def _images(stage: Stage, seconds: float) -> Outcome:
    return stage.run(Images(stage.target(8, seconds), IMAGE_BLOB_BYTES))


def images_one_by_one(stage: Stage, count: int) -> Outcome:
    """A certain number of images on one connection, to count what each costs the file system."""
    return stage.run(Images(stage.target(1, 60.0), IMAGE_BLOB_BYTES, count))


def _push_goals(v3: float, v2: float) -> tuple[Goal, ...]:
    return (*rate_goals(v3, v2, cost="cpu_s_per_gb"), MEMORY_GOAL)


WORKLOADS = (
    Workload(
        "W8",
        "one large PUT",
        "POST, then one PUT of 256 MiB of content that is new each time; 1 connection, then 2 "
        "(our loader). What costs is SHA-256 and copying.",
        (
            Case(
                "W8-c1",
                "PUT 256 MiB, 1 client",
                "MB/s",
                _upload(256 * MIB, 1),
                (*_push_goals(1.3, 3.0), Goal("cpu_s_per_gb", 0.45, "v2", at_most=True)),
                seconds=8.0,
                storage="empty",
                shows=("kernel_s_per_gb",),
            ),
            Case(
                "W8-c2",
                "PUT 256 MiB, 2 clients",
                "MB/s",
                _upload(256 * MIB, 2),
                _push_goals(1.3, 3.0),
                seconds=8.0,
                storage="empty",
                shows=("kernel_s_per_gb",),
            ),
        ),
    ),
    Workload(
        "W9",
        "upload in chunks",
        "POST, 64 PATCHes of 8 MiB with Content-Range, and an empty PUT that ends the upload of 512 MiB; "
        "1 connection (our loader). The last PUT is reported apart: it must not grow with the blob. "
        "In a second pass the server is stopped with SIGTERM after 32 chunks and started again; the client asks how "
        "much has arrived and goes on from there. Speed and processor time have the restart in them, and the last "
        "PUT tells whether what came before it is read once more.",
        (
            Case(
                "W9",
                "64 PATCHes of 8 MiB",
                "MB/s",
                _upload(512 * MIB, 1, chunk=8 * MIB),
                _push_goals(1.3, 2.5),
                seconds=8.0,
                storage="empty",
                shows=("kernel_s_per_gb", "chunk_p50_ms", "final_p50_ms", "final_p99_ms"),
            ),
            Case(
                "W9-restart",
                "64 PATCHes, server restarted in the middle",
                "MB/s",
                _restarted_upload(512 * MIB, chunk=8 * MIB),
                (MEMORY_GOAL,),
                seconds=12.0,
                storage="empty",
                shows=("kernel_s_per_gb", "chunk_p50_ms", "final_p50_ms", "final_p99_ms"),
            ),
        ),
    ),
    Workload(
        "W10",
        "many small images",
        "A busy build farm: per image three blobs of 2, 20 and 64 KB, each by HEAD, POST, PATCH and PUT, then "
        "the manifest by tag; every image into a repository of its own; 8 connections (our loader). "
        "All three registries sync what they answer 201 for. The calls on the storage are counted "
        "with strace in a short run of its own, one image after the other.",
        (
            Case(
                "W10",
                "push of a small image",
                "images/s",
                _images,
                (
                    *rate_goals(2.0, 3.5),
                    Goal("fsyncs", 8, at_most=True),
                    Goal("storage_calls", 75, at_most=True),
                ),
                seconds=8.0,
                storage="empty",
                counts_calls=True,
                shows=("fsyncs", "storage_calls"),
            ),
        ),
    ),
)
