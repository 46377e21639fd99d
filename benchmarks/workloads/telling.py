"""N1 and N2: what it costs to tell what happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.ports import free_port

from benchmarks.load.specs import Images, Outcome
from benchmarks.workloads.base import Case, Feature, Goal, Load, Stage, Workload
from benchmarks.workloads.manifests import manifest_by_tag
from benchmarks.workloads.pushes import IMAGE_BLOB_BYTES

NOBODY = "http://127.0.0.1:9/"


def _endpoint(folder: Path) -> Mapping[str, str]:
    """One that is down the whole time: its events are kept, and it is tried now and then."""
    queue = folder / "events.db"
    for file in folder.glob("events.db*"):
        file.unlink()
    return {
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME": "nobody",
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL": NOBODY,
        "REGISTRY_NOTIFICATIONS_QUEUE_PATH": str(queue),
    }


def _of_manifests(folder: Path) -> Mapping[str, str]:
    """The same, for whom blobs are of no interest."""
    return {
        **_endpoint(folder),
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_IGNORE_MEDIATYPES_0": "application/octet-stream",
    }


def _watched(_: Path) -> Mapping[str, str]:
    return {
        "REGISTRY_LOG_ACCESSLOG_DISABLED": "false",
        "REGISTRY_HTTP_DEBUG_ADDR": f"127.0.0.1:{free_port()}",
        "REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED": "true",
    }


def _images(clients: int) -> Load:
    def load(stage: Stage, seconds: float) -> Outcome:
        return stage.run(Images(stage.target(clients, seconds), IMAGE_BLOB_BYTES))

    return load


WORKLOADS = (
    Workload(
        "N1",
        "pushes that are told",
        "As W10, with an endpoint of notifications that is down: four events for each image are on the disk before their requests are "
        "answered, against the same without. With 8 connections, then with 1. In a third pass the endpoint ignores blobs, as many do: "
        "then there is one event for each image.",
        (
            Case(
                "N1-c8",
                "push of a small image, 8 clients",
                "images/s",
                _images(8),
                (Goal("rate", 0.85, "plain", main=True), Goal("p99_ms", 1.1, "plain", at_most=True)),
                seconds=8.0,
                storage="empty",
                shows=("manifest_p50_ms",),
                feature=Feature(_endpoint),
            ),
            Case(
                "N1-c1",
                "push of a small image, 1 client",
                "images/s",
                _images(1),
                (Goal("manifest_p50_ms", 1.0, "plain", at_most=True, more=True, main=True),),
                seconds=8.0,
                storage="empty",
                shows=("manifest_p50_ms",),
                feature=Feature(_endpoint),
            ),
            Case(
                "N1-one",
                "push of a small image, manifests told",
                "images/s",
                _images(8),
                (Goal("rate", 0.85, "plain", main=True),),
                seconds=8.0,
                storage="empty",
                shows=("manifest_p50_ms",),
                feature=Feature(_of_manifests),
            ),
        ),
    ),
    Workload(
        "N2",
        "manifests that are counted and logged",
        "As W1, with metrics, the access log and request ids, against the same with neither metrics nor log. Single runs differ "
        "by more than what is measured, so both servers stay up for the five times of a round, and take turns.",
        (
            Case(
                "N2",
                "GET manifest by tag, watched",
                "req/s",
                manifest_by_tag,
                (Goal("rate", 0.85, "plain", main=True),),
                images=True,
                feature=Feature(_watched),
                repeats=5,
            ),
        ),
    ),
)
