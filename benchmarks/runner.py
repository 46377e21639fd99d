"""Rounds x workloads x servers, interleaved: A-B-C-D, then all over again, on fresh processes in each round."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, seed, servers, syscalls
from benchmarks.content import GIB
from benchmarks.load.launch import Launcher, LoadFailed
from benchmarks.load.specs import Outcome
from benchmarks.measure import PeakMemory, Usage
from benchmarks.peers import Say
from benchmarks.restartable import RestartableServer
from benchmarks.results import Sample
from benchmarks.seed import Seed
from benchmarks.servers import Peer
from benchmarks.warm import read_files, warm_memory
from benchmarks.workloads.base import Case, Stage
from benchmarks.workloads.pushes import images_one_by_one

WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.2
MOST_WRITTEN_BYTES = 16 * GIB
"""No client begins another upload once this much was sent, so that the disk stays bounded."""

WARMED_BYTES = 8 * GIB
"""What a server may take in while measured: memory that is warmed for it."""

COUNTED_IMAGES = 20


@dataclass(frozen=True)
class Bench:
    """Where and how to measure. `seconds` 0 leaves to each case how long it takes. `clients`: the programs of cases that have
    such, by their keys."""

    workdir: Path
    peers: tuple[Peer, ...]
    cases: tuple[Case, ...]
    seed: Seed
    rounds: int
    seconds: float
    pin: bool
    say: Say
    clients: Mapping[str, str]

    def prepare(self) -> None:
        """Give each server the same content, and leave all of it in the page cache."""
        for peer in self.peers:
            begun = time.monotonic()
            if self.seed_root(peer).exists():
                continue
            self._fill(peer)
            read_files(self.seed_root(peer))
            self.say(f"seeded {peer.title} in {time.monotonic() - begun:.0f} s")

    def _fill(self, peer: Peer) -> None:
        root = self.seed_root(peer)
        root.mkdir(parents=True)
        if peer.is_registry:
            with servers.started(servers.server(peer, self.folder(peer), root, pin=self.pin)) as server:
                seed.push(self.seed, server.port)
        else:
            seed.lay_out(self.seed, root)

    def folder(self, peer: Peer) -> Path:
        return self.workdir / peer.key

    def seed_root(self, peer: Peer) -> Path:
        return self.workdir / ("moorage" if peer.is_moorage else peer.key) / "seed"

    def runs(self) -> int:
        asked = sum(case.asks(peer.key) * case.repeats for case in self.cases for peer in self.peers)
        return asked * self.rounds

    def samples(self) -> Iterator[Sample]:
        """Each round begins with another server, so that none is always the first after a change of case."""
        for number in range(self.rounds):
            first = number % len(self.peers)
            order = self.peers[first:] + self.peers[:first]
            for case in self.cases:
                asked = [peer for peer in order if case.asks(peer.key)]
                if case.repeats > 1:
                    yield from self._in_turns(case, asked, number)
                else:
                    for peer in asked:
                        yield self._alone(case, peer, number)

    def _alone(self, case: Case, peer: Peer, number: int) -> Sample:
        sample = Sample(case.key, peer.key, number)
        with self._noting(sample), self._running(case, peer, sample) as server:
            self._measure(case, server, sample)
            if case.counts_calls and number == 0:
                self._count_calls(server, sample)
        return sample

    def _in_turns(self, case: Case, peers: Sequence[Peer], number: int) -> Iterator[Sample]:
        """All servers are up, and one is loaded at a time: what the machine does in a minute meets all of them."""
        turns = range(number * case.repeats, (number + 1) * case.repeats)
        samples = [[Sample(case.key, peer.key, turn) for peer in peers] for turn in turns]
        with ExitStack() as stack:
            running = [
                stack.enter_context(self._running(case, peer, sample))
                for peer, sample in zip(peers, samples[0], strict=True)
            ]
            for turn in samples:
                for server, sample in zip(running, turn, strict=True):
                    with self._noting(sample):
                        self._measure(case, server, sample)
                    yield sample

    @contextmanager
    def _noting(self, sample: Sample) -> Iterator[None]:
        """An error makes the sample void, not the run."""
        try:
            yield
        except (LoadFailed, RuntimeError, ValueError) as error:
            sample.errors, sample.note = max(1, sample.errors), str(error)

    @contextmanager
    def _running(self, case: Case, peer: Peer, sample: Sample) -> Iterator[RestartableServer]:
        """A fresh server, on the storage of the case; what its start cost goes to the sample."""
        with self._storage(case, peer) as root:
            variables = case.variables(peer.key, self.folder(peer))
            server = servers.server(
                peer, self.folder(peer), root, pin=self.pin, tls=case.tls, variables=variables
            )
            begun = time.monotonic()
            with servers.started(server):
                sample.metrics["ready_ms"] = (time.monotonic() - begun) * 1e3
                sample.metrics["idle_mb"] = server.rss_bytes() / 1e6
                yield server

    @contextmanager
    def _storage(self, case: Case, peer: Peer) -> Iterator[Path]:
        if case.storage == "seed":
            yield self.seed_root(peer)
            return
        folder = self.folder(peer)
        folder.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder)) / "root"
        try:
            if case.storage == "copy":
                # Links are enough: no server changes a file that is part of the seed.
                shutil.copytree(self.seed_root(peer), root, copy_function=os.link)
            else:
                root.mkdir(parents=True)
            yield root
        finally:
            if not case.keeps_tree:
                remove(root.parent)

    def _stage(
        self, server: RestartableServer, *, tls: bool = False, peer: str = "", client: str = ""
    ) -> Stage:
        launcher = Launcher(self.workdir, servers.prefix(self.pin, servers.LOADER_CPU))
        limit = min(MOST_WRITTEN_BYTES, shutil.disk_usage(self.workdir).free // 4)
        return Stage(server, self.seed, launcher, limit, peer=peer, tls=tls, client=client)

    def _measure(self, case: Case, server: RestartableServer, sample: Sample) -> None:
        client = self.clients.get(case.key, "")
        stage = self._stage(server, tls=case.tls, peer=sample.peer, client=client)
        seconds = self.seconds or case.seconds
        case.load(stage, min(WARM_UP_SECONDS, seconds))
        os.sync()  # What the warm-up wrote must not be written back at the cost of the measurement.
        if case.storage != "seed":
            # A host takes free memory back within seconds; whoever fills the page cache next would pay for that.
            warm_memory(WARMED_BYTES)
        time.sleep(SETTLE_SECONDS)
        outcome, found = measured(case, stage, seconds)
        sample.errors, sample.note = outcome.errors, outcome.note
        sample.metrics |= found

    def _count_calls(self, server: RestartableServer, sample: Sample) -> None:
        stage = self._stage(server)
        with suppress(syscalls.NotCounted):
            with syscalls.counting(server, self.workdir / "trace") as calls:
                images = images_one_by_one(stage, COUNTED_IMAGES).operations
            sample.metrics["fsyncs"] = calls.syncs / images
            sample.metrics["storage_calls"] = calls.all / images


def measured(case: Case, stage: Stage, seconds: float) -> tuple[Outcome, dict[str, float]]:
    """Load the server once: what the clients saw, and its metrics."""
    server = stage.server
    memory, begun = PeakMemory(server.pids), time.monotonic()
    before, loader_before = server.usage(), measure.loader_cpu_seconds(server.ended)
    with memory.watching():
        outcome = case.load(stage, seconds)
    used = server.usage() - before
    loader = (measure.loader_cpu_seconds(server.ended) - loader_before) / (time.monotonic() - begun)
    return outcome, {
        "rss_mb": memory.resident_bytes / 1e6,
        "pss_mb": memory.proportional_bytes / 1e6,
        "loader_cores": loader,
        **_metrics(case, outcome, used),
    }


def _metrics(case: Case, outcome: Outcome, used: Usage) -> dict[str, float]:
    operations, transferred = max(1, outcome.operations), max(1, outcome.bytes)
    counted = outcome.bytes / 1e6 if case.unit == "MB/s" else outcome.operations
    latencies = {"p50_ms": outcome.p50_ms, "p99_ms": outcome.p99_ms, "max_ms": outcome.max_ms}
    return {
        "rate": counted / outcome.seconds,
        "cpu_us": used.cpu_seconds / operations * 1e6,
        "cpu_s_per_gb": used.cpu_seconds / (transferred / 1e9),
        "kernel_s_per_gb": used.kernel_seconds / (transferred / 1e9),
        **{name: value for name, value in latencies.items() if value is not None},
        "read_per_sent": used.read_bytes / transferred,
        **outcome.extra,
    }


def remove(folder: Path) -> None:
    """`rm` takes a third of the time that `shutil.rmtree` does, and there are a hundred thousand files."""
    subprocess.run(["rm", "-rf", "--", str(folder)], check=False)
