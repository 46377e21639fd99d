"""The two parts of a run: the workloads on files, and those over an object store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import build, machine, peers, warm
from benchmarks.content import GIB, ContentFolder
from benchmarks.objectstore import content as many_tags
from benchmarks.objectstore import workloads as stores
from benchmarks.objectstore.cases import StoreCase
from benchmarks.objectstore.runner import StoreBench
from benchmarks.page import Page
from benchmarks.results import Results, Sample
from benchmarks.runner import Bench
from benchmarks.seed import Seed
from benchmarks.workloads.base import Case

QUICK_WARM_BYTES = GIB

console = Console(stderr=True)


class Measuring(Protocol):
    def runs(self) -> int: ...
    def samples(self) -> Iterator[Sample]: ...


@dataclass(frozen=True)
class Settings:
    """What the command line says. `seconds` 0 leaves to each workload how long a run takes."""

    servers: Sequence[str]
    rounds: int
    seconds: float
    quick: bool
    pin: bool
    workdir: Path
    cache: Path
    reference3: str


def run(settings: Settings, on_files: Sequence[Case], over_stores: Sequence[StoreCase], page: Page) -> None:
    """Raises RuntimeError when a server does not start."""
    console.print(f"warming memory, making content in {settings.workdir}")
    warm.warm_memory(QUICK_WARM_BYTES if settings.quick else warm.MOST_BYTES)
    if on_files:
        _on_files(settings, on_files, page)
    if over_stores:
        _over_stores(settings, over_stores, page)


def _on_files(settings: Settings, cases: Sequence[Case], page: Page) -> None:
    keys = [key for key in settings.servers if key in peers.TITLES]
    if not keys:
        return
    found, facts = peers.found(keys, peers.TITLES, settings.reference3, settings.cache, console.print)
    clients = _clients(settings, cases)
    cases = [case for case in cases if case.client is None or case.key in clients]
    content = Seed.make(
        settings.workdir / "content",
        images=any(case.images for case in cases),
        sizes={size for case in cases for size in case.sizes},
        quick=settings.quick,
    )
    this_run = Results(machine.facts(settings.workdir), facts, settings.rounds, settings.pin)
    results = page.of_files(this_run, [case.key for case in cases])
    bench = Bench(
        workdir=settings.workdir,
        peers=tuple(found),
        cases=tuple(cases),
        seed=content,
        rounds=settings.rounds,
        seconds=settings.seconds,
        pin=settings.pin,
        say=console.print,
        clients=clients,
    )
    bench.prepare()
    _measure(bench, results, page.save)


def _clients(settings: Settings, cases: Sequence[Case]) -> dict[str, str]:
    """The programs that load servers, by the key of their case; those that cannot be built are missing."""
    found = {}
    for case in cases:
        if case.client is not None:
            try:
                found[case.key] = peers.binary(case.client, settings.cache, console.print)
            except build.NotBuilt as error:
                console.print(f"{case.key} is left out: {error}", markup=False)
    return found


def _over_stores(settings: Settings, cases: Sequence[StoreCase], page: Page) -> None:
    try:
        minio = peers.binary(build.MINIO, settings.cache, console.print)
    except build.NotBuilt as error:
        return console.print(f"{', '.join(case.key for case in cases)} are left out: {error}", markup=False)
    keys = [key for key in peers.STORE_TITLES if key in settings.servers or key == "boto3"]
    found, facts = peers.found(keys, peers.STORE_TITLES, settings.reference3, settings.cache, console.print)
    seed = Seed(ContentFolder(settings.workdir / "content"))
    if any(case.storage == "seed" for case in cases):
        seed.repositories = many_tags.tags(seed.content, stores.TAGS)
    known = machine.facts(settings.workdir) | {"S3 server": f"MinIO {build.MINIO.version}"}
    this_run = Results(known, facts, settings.rounds, pinned=False)
    results = page.of_stores(this_run, [case.key for case in cases])
    bench = StoreBench(
        workdir=settings.workdir,
        minio=minio,
        peers=tuple(found),
        cases=tuple(cases),
        seed=seed,
        rounds=settings.rounds,
        seconds=settings.seconds,
        say=console.print,
    )
    results.machine |= bench.prepare()
    _measure(bench, results, page.save)


def _measure(bench: Measuring, results: Results, save: Callable[[], None]) -> None:
    """Fills in the samples."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=bench.runs())
        for sample in bench.samples():
            results.samples.append(sample)
            progress.advance(task)
            progress.console.print(_line(sample), highlight=False, markup=False, soft_wrap=True)
            save()


def _line(sample: Sample) -> str:
    begin = f"{sample.case:10} round {sample.round + 1}  {sample.peer:8}"
    if sample.errors:
        return f"{begin} FAILED, {sample.errors} errors: {sample.note.strip()[-300:]}"
    m = sample.metrics
    return (
        f"{begin} {m['rate']:10,.1f}/s  {m['cpu_us']:11,.1f} us  {m['cpu_s_per_gb']:8.2f} s/GB"
        f"  p50 {m.get('p50_ms', math.nan):8.2f}  p99 {m.get('p99_ms', math.nan):8.2f} ms"
        f"  {m['rss_mb']:6.0f} MB  clients {m['loader_cores']:.2f}"
    )
