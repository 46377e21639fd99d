"""Facts as metric families. Imported when a page is requested, so that other workers do not load prometheus_client."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from moorage import __version__
from moorage.metrics.processes import Usage
from moorage.store.garbage.history import Collected

EVENT_TYPES: Final = {
    "Events": "events",
    "Successes": "successes",
    "Failures": "failures",
    "Errors": "errors",
}


def queues(facts: Sequence[Mapping[str, Any]]) -> list[Metric]:
    """The facts of `moorage.notifications.Notifications.facts`, under the names of the reference implementation."""
    events = CounterMetricFamily(
        "registry_notifications_events", "The number of total events.", labels=["type", "endpoint"]
    )
    pending = GaugeMetricFamily(
        "registry_notifications_pending_total", "The gauge of pending events in queue.", labels=["endpoint"]
    )
    statuses = CounterMetricFamily(
        "registry_notifications_status", "The number of status code.", labels=["code", "endpoint"]
    )
    oldest = GaugeMetricFamily(
        "registry_notifications_oldest_seconds",
        "How long the oldest event has been waiting, 0 if none waits.",
        labels=["endpoint"],
    )
    dropped = CounterMetricFamily(
        "registry_notifications_dropped",
        "Events that were not kept, or removed undelivered.",
        labels=["endpoint"],
    )
    for fact in facts:
        name = fact["name"]
        for kind, field in EVENT_TYPES.items():
            events.add_metric([kind, name], fact[field])
        for status, count in fact["statuses"].items():
            statuses.add_metric([status, name], count)
        pending.add_metric([name], fact["waiting"])
        oldest.add_metric([name], fact["oldest"])
        dropped.add_metric([name], fact["dropped"])
    return [events, pending, statuses, oldest, dropped]


def collections(found: Collected) -> list[Metric]:
    return [
        _counter("registry_garbage_collection_runs", "Collections that ran to their end.", found.runs),
        _counter(
            "registry_garbage_collection_freed_bytes", "Bytes of the blobs they removed.", found.freed_bytes
        ),
        _counter("registry_garbage_collection_removed_blobs", "Blobs they removed.", found.blobs),
        _counter("registry_garbage_collection_removed_manifests", "Manifests they removed.", found.manifests),
        _gauge(
            "registry_garbage_collection_last_timestamp_seconds",
            "When the last one ended, in seconds since 1970; 0 if there was none.",
            found.finished,
        ),
        _gauge("registry_garbage_collection_last_seconds", "How long the last one took.", found.seconds),
    ]


def certificate(expires: float) -> list[Metric]:
    return [
        _gauge(
            "registry_certificate_expiry_timestamp_seconds",
            "When the certificate that is served ends, in seconds since 1970.",
            expires,
        )
    ]


def lost(lines: int, mails: int, reports: Mapping[str, int]) -> list[Metric]:
    """Lost log lines, failed mail, and lost `reports` by reason."""
    unreported = CounterMetricFamily(
        "registry_error_reports_lost",
        "Reports of unexpected errors that do not arrive.",
        labels=["reason"],
    )
    for reason, count in reports.items():
        unreported.add_metric([reason], count)
    return [
        _counter("registry_log_lost_lines", "Lines of logs that could not be written.", lines),
        _counter("registry_log_mail_failures", "Tries to send mail about the log that failed.", mails),
        unreported,
    ]


def processes(found: Usage, workers: int) -> list[Metric]:
    return [
        _gauge("registry_workers", "Workers that are alive.", workers),
        _counter(
            "process_cpu_seconds", "Processor time of launcher and workers, also of those gone.", found.cpu
        ),
        _gauge("process_resident_memory_bytes", "Resident memory of launcher and workers.", found.resident),
        _gauge("process_open_fds", "Open files of launcher and workers.", found.files),
        _gauge("process_max_fds", "Files that launcher and workers may open.", found.file_limit),
        _gauge(
            "registry_open_files_ratio",
            "Open files of the process that is nearest to its limit, as a share of that limit.",
            found.fullest,
        ),
        _gauge("process_threads", "Threads of launcher and workers.", found.threads),
        _gauge(
            "process_start_time_seconds",
            "When the launcher was started, in seconds since 1970.",
            found.started,
        ),
    ]


def build() -> Metric:
    family = GaugeMetricFamily("registry_build_info", "What this is: always 1.", labels=["version", "python"])
    family.add_metric([__version__, platform.python_version()], 1)
    return family


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_text, value=value)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)
