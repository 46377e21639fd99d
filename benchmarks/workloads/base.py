"""The vocabulary: a workload has cases, a case is one kind of load on one server, goals are about its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from benchmarks.build import Program
from benchmarks.load import restart
from benchmarks.load.launch import Launcher
from benchmarks.load.specs import Blobs, Bucket, Outcome, Request, Spec, Target
from benchmarks.restartable import RestartableServer
from benchmarks.seed import Seed

Unit: TypeAlias = Literal["req/s", "MB/s", "images/s"]
# On which storage a case runs: the seed itself, an empty one, or a copy of the seed that is thrown away.
Storage: TypeAlias = Literal["seed", "empty", "copy"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a case runs with. `byte_limit` is what it may write at most. Over an object store there is its `bucket`. `peer` is
    the server that is measured, `client` the program that loads it where that was built."""

    server: RestartableServer
    seed: Seed
    launcher: Launcher
    byte_limit: int
    bucket: Bucket | None = None
    peer: str = ""
    tls: bool = False
    client: str = ""

    def target(self, clients: int, seconds: float) -> Target:
        return Target(self.server.port, clients, seconds, self.tls)

    def run(self, spec: Spec) -> Outcome:
        with self.launcher.child(spec) as running:
            return running.result()

    def run_restarted(self, spec: Blobs, after: int) -> Outcome:
        """The server is restarted in each upload, once `after` bytes of it were taken."""
        return restart.run(self.launcher, spec, after, self.server.restart)

    def run_gets(self, requests: Sequence[Request], target: Target) -> Outcome:
        with self.launcher.gets(requests, target) as running:
            return running.result()


Load: TypeAlias = Callable[[Stage, float], Outcome]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a metric: the ratio to the peer `against`, or the plain value when there is none.

    `cpu` names the cost that must not be higher than the peer's, when speed alone could be bought with it.
    The `main` goals are those of the summary. `more`: the bound is on the difference to the peer, not on the ratio.
    """

    metric: str
    bound: float
    against: str = ""
    at_most: bool = False
    cpu: str = ""
    main: bool = False
    more: bool = False

    def is_reached_by(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


@dataclass(frozen=True, slots=True)
class Feature:
    """Something to switch on in Moorage, which is measured beside Moorage without it ("plain"): `variables` of the configuration,
    for files that are written below a folder. `both`: the plain one has it too, and the loads differ."""

    variables: Callable[[Path], Mapping[str, str]]
    both: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One load. `sizes` and `images` say which parts of the seed it reads, `shows` what else is reported, `tls` how the servers
    are asked. `client`: what is built to load them. `repeats`: runs in each round, more than one where a bound lies within the noise;
    the servers of a round then stay up and take turns."""

    key: str
    title: str
    unit: Unit
    load: Load
    goals: tuple[Goal, ...] = ()
    seconds: float = 6.0
    storage: Storage = "seed"
    images: bool = False
    sizes: tuple[int, ...] = ()
    with_nginx: bool = False
    counts_calls: bool = False
    shows: tuple[str, ...] = ()
    costs_bytes: bool = False
    tls: bool = False
    feature: Feature | None = None
    client: Program | None = None
    repeats: int = 1

    def asks(self, peer: str) -> bool:
        """Whether it is run on that server."""
        if self.feature is not None:
            return peer in ("moorage", "plain")
        return peer != "plain" and (peer != "nginx" or self.with_nginx)

    def variables(self, peer: str, folder: Path) -> Mapping[str, str]:
        if self.feature is None or (peer == "plain" and not self.feature.both):
            return {}
        folder.mkdir(parents=True, exist_ok=True)
        return self.feature.variables(folder)

    @property
    def keeps_tree(self) -> bool:
        """Whether what a server wrote stays until the end of the run. ext4 without a journal gives nobody an inode again for
        minutes after its removal, and looks at each of those at every file that is made: removing the tree of one server
        between two runs took a fifth of the processor time of the next."""
        return self.unit == "images/s"

    @property
    def cost(self) -> str:
        """The metric of processor time that fits: per GB where bytes make the cost, else per request."""
        return "cpu_s_per_gb" if self.costs_bytes or self.unit == "MB/s" else "cpu_us"


@dataclass(frozen=True, slots=True)
class Workload:
    key: str
    title: str
    about: str
    cases: tuple[Case, ...]


def rate_goals(v3: float, v2: float, nginx: float = 0.0, *, cost: str = "cpu_us") -> tuple[Goal, ...]:
    """At least so many times the rate of each peer; against the registries without costing more."""
    goals = [Goal("rate", v3, "v3", cpu=cost, main=True), Goal("rate", v2, "v2", cpu=cost)]
    return (*goals, Goal("rate", nginx, "nginx")) if nginx else tuple(goals)


def payload(stage: Stage, size: int) -> Path:
    return stage.seed.content.payload(size)
