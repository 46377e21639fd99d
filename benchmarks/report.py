"""RESULTS.md: for people. The summary first, then a section per workload, then what it was measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import workloads
from benchmarks.objectstore import workloads as stores
from benchmarks.results import PeerFacts, Results, Spread, Verdict, judge, ratio, spread
from benchmarks.workloads.base import Case, Goal, Workload

NOTES = Path(__file__).with_name("notes")

INTRODUCTION = """\
# Benchmarks

Moorage beside the registries and the file server it is compared with, on one machine. `make bench` makes this page
anew. What the last run did not measure is kept from the run that did (below the summary). Each run of a workload
gets a fresh server process, unless its section says otherwise, with the same content, pushed to it over HTTP; one
server is loaded at a time, and they take turns: all of them once, then again, {rounds} in total.
Access logs are off, log level is error. The clients run on the same machine{pinned}.

Numbers are the median of the rounds, with the smallest and largest in parentheses. A ratio is Moorage's value
divided by the other's in the same round. Processor time is that of the server and all of its processes, user and
system. Memory is the largest sum of their resident sizes, looked at ten times a second; there, pages that several
processes share count once for each, and in *shared once* they do not. A goal is *met* when the median reaches it
and, where it is about speed, Moorage does not use more processor time for it. MB and GB are 10^6 and 10^9 bytes."""

STORES_INTRODUCTION = """\
# The same over S3

The registries again, with all they keep in one bucket of one S3 server, MinIO, which runs on the same machine. Each
run gets a fresh registry and a fresh MinIO with the same content; one registry is loaded at a time, and they take turns,
{rounds} in total. All have the same configuration: the cache of blob descriptors in memory, no redirects. What is said
above of numbers, ratios and goals holds here too; `python -m benchmarks --only O1,O2,O3 --out benchmarks/RESULTS.md` makes this
part anew and keeps the others."""

LABELS = {
    "fsyncs": "syncs per image",
    "storage_calls": "calls on the storage per image",
    "chunk_p50_ms": "PATCH p50 ms",
    "final_p50_ms": "last PUT p50 ms",
    "final_p99_ms": "last PUT p99 ms",
    "push_mb_s": "pushes MB/s",
    "pull_mb_s": "pulls MB/s",
    "kernel_s_per_gb": "CPU-s per GB in the kernel",
    "read_per_sent": "bytes read per byte sent",
    "all_s": "seconds in all",
    "manifest_p50_ms": "PUT of the manifest, p50 ms",
    "store_cpu_s_per_gb": "CPU-s per GB of the S3 server",
    "store_cpu_us": "CPU of the S3 server per request, us",
    "store_calls": "calls to the store per request",
}
METRICS = {
    "rate": "speed",
    "p99_ms": "p99, ms",
    "max_ms": "slowest, ms",
    "rss_mb": "peak memory, MB",
    "cpu_s_per_gb": "processor seconds per GB",
    "cpu_us": "processor time per call",
    **LABELS,
}


GOAL_HEAD = ("goal", "measured", "processor time", "met?")


def render(results: Results) -> str:
    """The whole page."""
    pinned = "; the server is pinned to one core and they to another" if results.pinned else ""
    parts: list[str] = []
    if results.samples:
        parts += _part(results, workloads.ALL, INTRODUCTION, NOTES / "faults.md", pinned=pinned)
    if results.stores:
        parts += _part(results.stores, stores.ALL, STORES_INTRODUCTION, NOTES / "calls.md")
    return "\n\n".join(parts) + "\n"


def _part(
    results: Results, all_: Sequence[Workload], introduction: str, note: Path, **said: str
) -> Iterator[str]:
    """`note`: what tests found, not the benchmarks."""
    rounds = f"{results.rounds} rounds" if results.rounds > 1 else "one round"
    measured = _measured(results, all_)
    yield introduction.format(rounds=rounds, **said)
    yield "## Summary"
    yield from _summary(results, measured)
    for workload in measured:
        yield from _section(results, workload)
    if note.exists():
        yield note.read_text().strip()
    yield "## At rest"
    yield _at_rest(results)
    yield "## The machine"
    yield _table(("", ""), [(name, value) for name, value in results.machine.items()])


def summary(results: Results) -> str:
    parts = [*_summary(results, _measured(results, workloads.ALL))] if results.samples else []
    if results.stores:
        parts += _summary(results.stores, _measured(results.stores, stores.ALL))
    return "\n\n".join(parts)


def _measured(results: Results, all_: Iterable[Workload]) -> list[Workload]:
    return [w for w in all_ if any(results.measured(case.key) for case in w.cases)]


def _summary(results: Results, measured: Iterable[Workload]) -> Iterator[str]:
    rows = [
        (case.key, case.title, *_goal_row(results, judge(results, case, goal)))
        for workload in measured
        for case in workload.cases
        for goal in case.goals
        if goal.main and results.measured(case.key)
    ]
    yield _table(("", "what", *GOAL_HEAD), rows)
    absent = [f"{peer.title} was not measured: {peer.absent}." for peer in results.peers if peer.absent]
    if absent:
        yield "\n".join(absent)
    yield from _earlier(results)


def _earlier(results: Results) -> Iterator[str]:
    """What the last run did not measure, and when it was measured; the facts about the machine are of the last run."""
    by_run: dict[str, list[str]] = {}
    for case, when in results.earlier.items():
        by_run.setdefault(when, []).append(case)
    for when, cases in sorted(by_run.items()):
        yield f"Measured earlier ({when}): {', '.join(cases)}."


def _goal_row(results: Results, verdict: Verdict) -> Sequence[str]:
    goal = verdict.goal
    measured = _times(verdict.value) if goal.against and not goal.more else _number(verdict.value)
    cost = _times(verdict.cpu) if verdict.cpu else ""
    return (_goal_text(results, goal), f"**{measured}**" if goal.main else measured, cost, _met(verdict))


def _goals(results: Results, case: Case) -> Iterator[str]:
    """All goals of a case that there is something to judge by."""
    verdicts = [judge(results, case, goal) for goal in case.goals]
    rows = [_goal_row(results, verdict) for verdict in verdicts if verdict.reached is not None]
    if rows:
        yield _table(GOAL_HEAD, rows)


def _goal_text(results: Results, goal: Goal) -> str:
    bound = f"{'at most' if goal.at_most else 'at least'} {goal.bound:g}"
    name = METRICS[goal.metric]
    if goal.more:
        return f"{name}: {bound} more than {_title(results, goal.against)}"
    return f"{name}: {bound} times {_title(results, goal.against)}" if goal.against else f"{name}: {bound}"


def _met(verdict: Verdict) -> str:
    if verdict.reached is None:
        return verdict.reason
    if verdict.reached:
        return "yes"
    if verdict.reason or verdict.value is None:
        return f"**no**: {verdict.reason}"
    share = verdict.value.median / verdict.goal.bound
    if share > 2:
        return f"**no**: {share:.1f} times the bound"
    return f"**no**: {abs(share - 1):.1%} {'over' if verdict.goal.at_most else 'short'}"


def _title(results: Results, key: str) -> str:
    return next((peer.title for peer in results.peers if peer.key == key), key)


def _section(results: Results, workload: Workload) -> Iterator[str]:
    yield f"## {workload.key}: {workload.title}"
    yield workload.about
    for case in workload.cases:
        if results.measured(case.key):
            if len(workload.cases) > 1:
                yield f"### {case.title}"
            yield _case_table(results, case)
            yield from _goals(results, case)
            yield from _failures(results, case)
    note = NOTES / f"{workload.key}.md"
    if note.exists():
        yield note.read_text().strip()


def _case_table(results: Results, case: Case) -> str:
    cost = "CPU-s per GB" if case.cost == "cpu_s_per_gb" else "CPU per request, us"
    if case.unit == "images/s":
        cost = "CPU per image, us"
    head = [
        "",
        case.unit,
        "Moorage to it",
        cost,
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "peak memory MB",
        "shared once",
    ]
    names = ["rate", case.cost, "p50_ms", "p99_ms", "max_ms", "rss_mb", "pss_mb", *case.shows, "loader_cores"]
    rows = []
    for peer in results.peers:
        if spread(results, case.key, peer.key, "rate"):
            values = [_number(spread(results, case.key, peer.key, name)) for name in names]
            compared = "" if peer.key == "moorage" else _times(ratio(results, case.key, "rate", peer.key))
            rows.append((peer.title, values[0], compared, *values[1:]))
    return _table((*head, *(LABELS[name] for name in case.shows), "cores used by the clients"), rows)


def _failures(results: Results, case: Case) -> Iterator[str]:
    for peer in results.peers:
        for sample in results.failures(case.key, peer.key):
            note = " ".join(sample.note.split())[-300:]
            yield f"{peer.title}, round {sample.round + 1}: void, {sample.errors} errors. `{note}`"


def _at_rest(results: Results) -> str:
    rows = [
        (peer.title, peer.version, *(_over_all_runs(results, peer, name) for name in ("ready_ms", "idle_mb")))
        for peer in results.peers
        if any(s.peer == peer.key and "ready_ms" in s.metrics for s in results.samples)
    ]
    return _table(("", "version", "start to first answer, ms", "memory after the start, MB"), rows)


def _over_all_runs(results: Results, peer: PeerFacts, metric: str) -> str:
    samples = [s for s in results.samples if s.peer == peer.key]
    return _number(Spread.of([s.metrics[metric] for s in samples if metric in s.metrics]))


def _number(value: Spread | None) -> str:
    if value is None:
        return "–"
    if value.low == value.high:
        return _digits(value.median)
    return f"{_digits(value.median)} ({_digits(value.low)}–{_digits(value.high)})"


def _times(value: Spread | None) -> str:
    return "–" if value is None else f"{_number(value)} ×"


def _digits(value: float) -> str:
    """Three significant digits, and thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
