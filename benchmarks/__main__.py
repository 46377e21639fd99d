"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from benchmarks import build, measuring, peers, report, workloads
from benchmarks.measuring import Settings, console
from benchmarks.objectstore import workloads as stores
from benchmarks.objectstore.cases import StoreCase
from benchmarks.page import Page, read
from benchmarks.runner import remove
from benchmarks.workloads.base import Case, Workload

HERE = Path(__file__).parent
ROUNDS, QUICK_ROUNDS, QUICK_SECONDS = 3, 1, 2.0

app = typer.Typer(add_completion=False)


def _chosen(only: str, all_: Sequence[Workload]) -> list[Case]:
    wanted = {key.strip().upper() for key in only.split(",") if key.strip()}
    known = {w.key for w in (*workloads.ALL, *stores.ALL)}
    if unknown := wanted - known:
        raise typer.BadParameter(f"unknown workload {unknown.pop()}; `--list` shows all")
    return [case for workload in all_ if workload.key in (wanted or known) for case in workload.cases]


def _check_servers(keys: Sequence[str]) -> None:
    known = {**peers.TITLES, **peers.STORE_TITLES}
    if unknown := set(keys) - set(known):
        raise typer.BadParameter(f"unknown server {unknown.pop()}; there are {', '.join(known)}")


def _end_on_sigterm(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # So that the servers are stopped and the folder is removed.


def _list_workloads() -> None:
    for workload in (*workloads.ALL, *stores.ALL):
        print(f"{workload.key:4} {workload.title:22} {', '.join(case.title for case in workload.cases)}")


def _render(raw: Path) -> None:
    """Write the page of raw numbers again: after a note was written beside them, say."""
    raw.with_suffix(".md").write_text(report.render(read(raw)))


@app.command()
def main(
    only: Annotated[str, typer.Option(help="Workloads, like W4,W7; all by default.")] = "",
    servers: Annotated[str, typer.Option(help="Which servers.")] = ",".join(peers.TITLES),
    rounds: Annotated[int, typer.Option(help="Rounds; 0: three, or one with --quick.")] = 0,
    seconds: Annotated[float, typer.Option(help="Seconds per run; 0: as each workload has it.")] = 0.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short look: one round of 2 s, little seed.")
    ] = False,
    pin: Annotated[
        bool,
        typer.Option("--pin", help="Server on cpu 0 with one worker, clients on cpu 1; not over S3."),
    ] = False,
    workdir: Annotated[
        Path | None, typer.Option(help="A folder on a real disk; the system's by default.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where distribution v3 and MinIO are built.")] = None,
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
    """Measure Moorage beside its peers. Takes about 35 minutes, and some 30 GB of disk for that time."""
    if list_:
        return _list_workloads()
    if render:
        return _render(render)
    if out is None and not (only or quick):
        out = HERE / "RESULTS.md"
    on_files = _chosen(only, workloads.ALL)
    over_stores = [case for case in _chosen(only, stores.ALL) if isinstance(case, StoreCase)]
    _check_servers(servers.split(","))
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    folder = Path(tempfile.mkdtemp(prefix="moorage-bench-", dir=workdir))
    page = Page(out)
    settings = Settings(
        servers=servers.split(","),
        rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS),
        seconds=seconds or (QUICK_SECONDS if quick else 0.0),
        quick=quick,
        pin=pin,
        workdir=folder,
        cache=cache or build.default_cache(),
        reference3=reference3,
    )
    try:
        measuring.run(settings, on_files, over_stores, page)
    except RuntimeError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from None
    finally:
        remove(folder)
    page.write()
    print(report.summary(page.results) if out else report.render(page.results))


if __name__ == "__main__":
    app()
