"""A server that is asked as Prometheus asks it, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.exchange import exchange
from tests.support.ports import free_port
from tests.support.server import Server, moorage_server


@dataclass(frozen=True)
class Page:
    text: str

    @property
    def samples(self) -> Iterator[Sample]:
        for family in text_string_to_metric_families(self.text):
            yield from family.samples

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with those labels; 0 without any."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, name: str, label: str) -> dict[str, float]:
        return {sample.labels[label]: sample.value for sample in self.samples if sample.name == name}


def scrape(port: int) -> Page:
    answer = exchange(f"127.0.0.1:{port}", "GET", "/metrics")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Page(answer.body.decode())


def counting(port: int, workers: int = 2) -> str:
    """YAML below `http:`."""
    return (
        f"  workers: {workers}\n  debug:\n    addr: 127.0.0.1:{port}\n    prometheus:\n      enabled: true\n"
    )


def counted_server(folder: Path, extra: str = "") -> tuple[Server, int]:
    """Not yet started, with two workers, and the port of its debug listener. `extra` is YAML below `http:`."""
    port = free_port()
    return moorage_server(folder, extra=counting(port) + extra), port
