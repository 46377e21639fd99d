"""Rounds x workloads x registries over MinIO, interleaved; each run has a fresh registry and a fresh MinIO."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import seed, servers
from benchmarks.content import GIB
from benchmarks.load.launch import Launcher, LoadFailed
from benchmarks.load.specs import Bucket, Calls, Target
from benchmarks.objectstore.cases import StoreCase
from benchmarks.objectstore.delay import Delay, delaying
from benchmarks.objectstore.registries import registry
from benchmarks.objectstore.s3server import MinIO, serving
from benchmarks.peers import Say
from benchmarks.restartable import RestartableServer
from benchmarks.results import Sample
from benchmarks.runner import MOST_WRITTEN_BYTES, SETTLE_SECONDS, measured, remove
from benchmarks.seed import Seed
from benchmarks.servers import Peer
from benchmarks.warm import read_files, warm_memory
from benchmarks.workloads.base import Stage

WARMED_BYTES = 4 * GIB
"""What MinIO may take in while measured, a layer and its copy: memory that is warmed for it."""

ROUND_TRIP_SECONDS = 1.0


@dataclass(frozen=True)
class StoreBench:
    """Where and how to measure. `seconds` 0 leaves to each case how long it takes."""

    workdir: Path
    minio: str
    peers: tuple[Peer, ...]
    cases: tuple[StoreCase, ...]
    seed: Seed
    rounds: int
    seconds: float
    say: Say

    def _seed_root(self, pusher: str) -> Path:
        return self.workdir / f"minio-seed-{pusher}"

    @property
    def launcher(self) -> Launcher:
        return Launcher(self.workdir)

    def prepare(self) -> dict[str, str]:
        """Fill the buckets that all registries read; facts to report."""
        if not self.seed.repositories:
            return {}
        facts: dict[str, str] = {}
        pushers = {case.pusher for case in self.cases if case.storage == "seed"}
        for peer in (peer for peer in self.peers if peer.key in pushers):
            begun = time.monotonic()
            with self._minio(self._seed_root(peer.key)) as store:
                with servers.started(registry(peer, self.workdir / peer.key, store.bucket())) as server:
                    seed.push(self.seed, server.port)
                self.say(f"seeded MinIO by {peer.title} in {time.monotonic() - begun:.0f} s")
                facts = {"S3 server, round trip": self._round_trip(store, 0)}
                for delay_ms in sorted({case.delay_ms for case in self.cases if case.delay_ms}):
                    facts[f"the same with {delay_ms:.0f} ms more"] = self._round_trip(store, delay_ms)
            read_files(self._seed_root(peer.key))
        return facts

    def _round_trip(self, store: MinIO, delay_ms: float) -> str:
        """What one small read takes, for a client that does nothing else."""
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(delaying(store.port, delay_ms)).port if delay_ms else store.port
            spec = Calls(Target(port, 1, ROUND_TRIP_SECONDS), store.bucket(port), "moorage", "read")
            found = stack.enter_context(self.launcher.child(spec)).result()
        return f"p50 {found.p50_ms:.2f} ms, p99 {found.p99_ms:.2f} ms"

    def _minio(self, data: Path, *, tls: bool = False) -> contextlib.AbstractContextManager[MinIO]:
        certificates = self.workdir / "minio-certificates" if tls else None
        return serving(self.minio, data, self.workdir / "minio.log", certificates=certificates)

    def runs(self) -> int:
        return self.rounds * sum(peer.key in case.peers for case in self._filled() for peer in self.peers)

    def _filled(self) -> list[StoreCase]:
        """Those whose bucket somebody has filled."""
        keys = {peer.key for peer in self.peers}
        return [case for case in self.cases if case.storage != "seed" or case.pusher in keys]

    def samples(self) -> Iterator[Sample]:
        """Each round begins with another peer."""
        for number in range(self.rounds):
            for case in self._filled():
                peers = [peer for peer in self.peers if peer.key in case.peers]
                first = number % max(1, len(peers))
                for peer in peers[first:] + peers[:first]:
                    yield self._sample(case, peer, number)

    def _sample(self, case: StoreCase, peer: Peer, number: int) -> Sample:
        sample = Sample(case.key, peer.key, number)
        data = self._seed_root(case.pusher) if case.storage == "seed" else self.workdir / "minio"
        try:
            with self._minio(data, tls=case.tls) as store:
                self._with_store(case, peer, store, sample)
        except (LoadFailed, RuntimeError, ValueError) as error:
            sample.errors, sample.note = max(1, sample.errors), str(error)
        finally:
            if case.storage != "seed":
                remove(data)
        return sample

    def _with_store(self, case: StoreCase, peer: Peer, store: MinIO, sample: Sample) -> None:
        with contextlib.ExitStack() as stack:
            delay = None
            if case.delay_ms:
                delay = stack.enter_context(delaying(store.port, case.delay_ms, remembers=True))
            bucket = store.bucket(delay.port if delay else 0)
            server: RestartableServer = store
            if case.of_registries:
                if case.rehearsed:
                    self._rehearse(case, peer, bucket)
                server = registry(peer, self.workdir / peer.key, bucket)
                begun = time.monotonic()
                stack.enter_context(servers.started(server))
                sample.metrics["ready_ms"] = (time.monotonic() - begun) * 1e3
                sample.metrics["idle_mb"] = server.rss_bytes() / 1e6
            self._measure(case, self._stage(server, peer, bucket), store, delay, sample)

    def _rehearse(self, case: StoreCase, peer: Peer, bucket: Bucket) -> None:
        with servers.started(registry(peer, self.workdir / peer.key, bucket)) as server:
            stage, seconds = self._stage(server, peer, bucket), self.seconds or case.seconds
            for load in filter(None, (case.before, case.load)):
                if (found := load(stage, seconds)).errors:
                    raise LoadFailed(f"in the rehearsal: {found.note}")

    def _stage(self, server: RestartableServer, peer: Peer, bucket: Bucket) -> Stage:
        return Stage(server, self.seed, self.launcher, MOST_WRITTEN_BYTES, bucket, peer.key)

    def _measure(
        self, case: StoreCase, stage: Stage, store: MinIO, delay: Delay | None, sample: Sample
    ) -> None:
        seconds = self.seconds or case.seconds
        if case.before:
            case.before(stage, seconds)
        os.sync()
        if case.unit == "MB/s":
            warm_memory(WARMED_BYTES)
        time.sleep(SETTLE_SECONDS)
        store_before, calls_before = store.usage(), delay.requests() if delay else 0
        outcome, found = measured(case, stage, seconds)
        store_used = store.usage() - store_before
        calls = delay.requests() - calls_before if delay else 0
        sample.errors, sample.note = outcome.errors, outcome.note
        sample.metrics |= found
        sample.metrics |= {
            "store_cpu_s_per_gb": store_used.cpu_seconds / (max(1, outcome.bytes) / 1e9),
            "store_cpu_us": store_used.cpu_seconds / max(1, outcome.operations) * 1e6,
            "store_calls": calls / max(1, outcome.operations),
        }
