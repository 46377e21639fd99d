"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import math
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import build, machine, report, warm, workloads
from benchmarks.content import GIB
from benchmarks.results import PeerFacts, Results, Sample
from benchmarks.runner import Bench, remove
from benchmarks.seed import Seed
from benchmarks.servers import Peer
from benchmarks.workloads.base import Case

HERE = Path(__file__).parent
ROUNDS, QUICK_ROUNDS, QUICK_SECONDS, QUICK_WARM_BYTES = 3, 1, 2.0, GIB
TITLES = {
    "moorage": "Moorage",
    "v3": f"distribution {build.VERSION}",
    "v2": "docker-registry 2.8.2",
    "nginx": "nginx",
}

console = Console(stderr=True)
app = typer.Typer(add_completion=False)


def _peers(keys: list[str], reference3: str, cache: Path) -> tuple[list[Peer], list[PeerFacts]]:
    """Those that can be started here, and what there is to say about all of them."""
    if unknown := set(keys) - set(TITLES):
        raise typer.BadParameter(f"unknown server {unknown.pop()}; there are {', '.join(TITLES)}")
    binaries = {"moorage": "", "v2": "docker-registry", "nginx": "nginx", "v3": reference3}
    peers, facts = [], []
    for key in keys:
        absent = ""
        if key == "v3" and not reference3:
            try:
                console.print(f"{TITLES[key]}: looking in {cache}, building it there if need be")
                binaries[key] = build.reference3(cache)
            except build.NotBuilt as error:
                absent = str(error)
        peer = Peer(key, TITLES[key], binaries[key])
        absent = absent or peer.missing()
        facts.append(PeerFacts(key, peer.title, "" if absent else peer.version(), absent))
        if absent:
            console.print(f"{peer.title} is left out: {absent}")
        else:
            peers.append(peer)
    return peers, facts


def _cases(only: str) -> tuple[Case, ...]:
    wanted = {key.strip().upper() for key in only.split(",") if key.strip()}
    known = {w.key for w in workloads.ALL}
    if unknown := wanted - known:
        raise typer.BadParameter(f"unknown workload {unknown.pop()}; `--list` shows all")
    chosen = (w for w in workloads.ALL if w.key in (wanted or known))
    return tuple(case for workload in chosen for case in workload.cases)


def _measure(bench: Bench, results: Results, save: Path | None) -> None:
    """Fills in the samples; saved after each, for a run of half an hour may be broken off."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=bench.runs())
        for sample in bench.samples():
            results.samples.append(sample)
            progress.advance(task)
            progress.console.print(_line(sample), highlight=False, markup=False, soft_wrap=True)
            if save:
                save.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))


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


def _end_on_sigterm(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # So that the servers are stopped and the folder is removed.


def _list_workloads() -> None:
    for workload in workloads.ALL:
        print(f"{workload.key:4} {workload.title:22} {', '.join(case.title for case in workload.cases)}")


def _render(raw: Path) -> None:
    """Write the page of raw numbers again: after a note was written beside them, say."""
    results = msgspec.json.decode(raw.read_bytes(), type=Results)
    raw.with_suffix(".md").write_text(report.render(results))


def _bench(
    workdir: Path,
    peers: list[Peer],
    cases: tuple[Case, ...],
    rounds: int,
    seconds: float,
    pin: bool,
    quick: bool,
) -> Bench:
    console.print(f"warming memory, making content in {workdir}")
    warm.warm_memory(QUICK_WARM_BYTES if quick else warm.MOST_BYTES)
    content = Seed.make(
        workdir / "content",
        images=any(case.images for case in cases),
        sizes={size for case in cases for size in case.sizes},
        quick=quick,
    )
    return Bench(workdir, tuple(peers), cases, content, rounds, seconds, pin, console.print)


@app.command()
def main(
    only: Annotated[str, typer.Option(help="Workloads, like W4,W7; all by default.")] = "",
    servers: Annotated[str, typer.Option(help="Which servers.")] = ",".join(TITLES),
    rounds: Annotated[int, typer.Option(help="Rounds; 0: three, or one with --quick.")] = 0,
    seconds: Annotated[float, typer.Option(help="Seconds per run; 0: as each workload has it.")] = 0.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short look: one round of 2 s, little seed.")
    ] = False,
    pin: Annotated[
        bool, typer.Option("--pin", help="Server on cpu 0 with one worker, clients on cpu 1.")
    ] = False,
    workdir: Annotated[
        Path | None, typer.Option(help="A folder on a real disk; the system's by default.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where distribution v3 is built.")] = None,
    reference3: Annotated[str, typer.Option(help="A distribution v3 binary, instead of building one.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write, raw numbers beside it; else a full run writes RESULTS.md."),
    ] = None,
    render: Annotated[
        Path | None, typer.Option(help="Only write the page of these raw numbers again.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the workloads.")] = False,
) -> None:
    """Measure Moorage beside its peers. Takes about 25 minutes, and some 30 GB of disk for that time."""
    if list_:
        return _list_workloads()
    if render:
        return _render(render)
    if out is None and not (only or quick):
        out = HERE / "RESULTS.md"
    cases = _cases(only)
    peers, facts = _peers(servers.split(","), reference3, cache or build.default_cache())
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    seconds = seconds or (QUICK_SECONDS if quick else 0.0)
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    folder = Path(tempfile.mkdtemp(prefix="moorage-bench-", dir=workdir))
    try:
        results = Results(machine.facts(folder), facts, rounds, pin)
        bench = _bench(folder, peers, cases, rounds, seconds, pin, quick)
        bench.prepare()
        _measure(bench, results, out.with_suffix(".json") if out else None)
    except RuntimeError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from None
    finally:
        remove(folder)
    if out:
        out.write_text(report.render(results))
    print(report.summary(results) if out else report.render(results))


if __name__ == "__main__":
    app()
