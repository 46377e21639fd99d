"""What was measured, as it is kept (JSON), and what follows from it: medians, ranges, ratios, verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from benchmarks.workloads.base import Case, Goal


class Sample(msgspec.Struct):
    """One run of one case on one server. `metrics` are rates, times and costs by name; errors make it void."""

    case: str
    peer: str
    round: int
    metrics: dict[str, float] = {}
    errors: int = 0
    note: str = ""


class PeerFacts(msgspec.Struct):
    key: str
    title: str
    version: str = ""
    absent: str = ""


class Results(msgspec.Struct):
    """Of the last run, and of earlier ones what it did not measure: `earlier` tells when that was, by case. `stores` are those of
    the workloads over an object store."""

    machine: dict[str, str]
    peers: list[PeerFacts]
    rounds: int
    pinned: bool
    samples: list[Sample] = []
    earlier: dict[str, str] = {}
    stores: Results | None = None

    def with_earlier(self, other: Results, cases: Iterable[str]) -> Results:
        """Itself, with what an earlier run measured of all but these `cases`."""
        anew = set(cases)
        left_alone = [sample for sample in other.samples if sample.case not in anew]
        when = f"{other.machine.get('date')}, commit {other.machine.get('commit')}"
        self.samples += left_alone
        self.earlier = {sample.case: other.earlier.get(sample.case, when) for sample in left_alone}
        known = {peer.key for peer in self.peers}
        self.peers += [peer for peer in other.peers if peer.key not in known]
        return self

    def values(self, case: str, peer: str, metric: str) -> dict[int, float]:
        """By round. Samples with errors are not counted."""
        return {
            sample.round: sample.metrics[metric]
            for sample in self.samples
            if (sample.case, sample.peer) == (case, peer) and metric in sample.metrics and not sample.errors
        }

    def failures(self, case: str, peer: str) -> list[Sample]:
        return [s for s in self.samples if (s.case, s.peer) == (case, peer) and s.errors]

    def measured(self, case: str) -> bool:
        return any(sample.case == case for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        return cls(statistics.median(values), min(values), max(values)) if values else None


def spread(results: Results, case: str, peer: str, metric: str) -> Spread | None:
    return Spread.of(list(results.values(case, peer, metric).values()))


def ratio(results: Results, case: str, metric: str, peer: str) -> Spread | None:
    """Ours to the peer's, round by round: neighbours in time see the same noise of the machine."""
    ours = results.values(case, "moorage", metric)
    theirs = results.values(case, peer, metric)
    return Spread.of([ours[n] / theirs[n] for n in ours.keys() & theirs.keys() if theirs[n]])


def difference(results: Results, case: str, metric: str, peer: str) -> Spread | None:
    """Ours less the peer's, round by round."""
    ours = results.values(case, "moorage", metric)
    theirs = results.values(case, peer, metric)
    return Spread.of([ours[n] - theirs[n] for n in ours.keys() & theirs.keys()])


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reached` is None when there is nothing to judge by. `cpu` is the ratio of costs, where it counts."""

    goal: Goal
    value: Spread | None
    cpu: Spread | None
    reached: bool | None
    reason: str = ""


def judge(results: Results, case: Case, goal: Goal) -> Verdict:
    """A goal is met when the median reaches it and speed was not bought with processor time."""
    if goal.more:
        value = difference(results, case.key, goal.metric, goal.against)
    elif goal.against:
        value = ratio(results, case.key, goal.metric, goal.against)
    else:
        value = spread(results, case.key, "moorage", goal.metric)
    cpu = ratio(results, case.key, goal.cpu, goal.against) if goal.cpu else None
    if failures := results.failures(case.key, "moorage"):
        return Verdict(goal, value, cpu, False, f"errors in {len(failures)} of {results.rounds} rounds")
    if value is None:
        return Verdict(goal, value, cpu, None, "not measured")
    if not goal.is_reached_by(value.median):
        return Verdict(goal, value, cpu, False)
    if cpu is not None and cpu.median > 1.0:
        return Verdict(goal, value, cpu, False, "fast enough, but at a higher cost of processor time")
    return Verdict(goal, value, cpu, True)
