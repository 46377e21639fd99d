"""Pushes and pulls by many clients at once while the store fails, and what has to hold of them.

What is acknowledged stays; what is answered 200 is right, or broke off so that its client saw it; 404 is never said of what is
there; nobody waits for longer than a minute.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.faults.history import TagHistory
from tests.faults.images import Image, digest_of, make_image
from tests.stores.retrying import BROKEN, Retrying

CLIENTS: Final = 8
REPOSITORIES: Final = ("team/a", "team/b", "other")
LONGEST_SECONDS: Final = 120.0
"""An answer that never comes is what this finds. A store that is asked again and again is given up after less than a minute, on a machine
that has nothing else to do."""

Pushed = tuple[str, Image]


@dataclass
class Outcome:
    """Counts of whole images; `wrong` tells every promise that was broken."""

    pushes: int = 0
    failed_pushes: list[str] = field(default_factory=list)
    pulls: int = 0
    failed_pulls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __str__(self) -> str:
        odd = "".join(f"\n  {count:5} {what}" for what, count in self.odd.most_common())
        return (
            f"{self.pushes} pushes, {len(self.failed_pushes)} failed; {self.pulls} pulls, "
            f"{len(self.failed_pulls)} failed; slowest answer {self.slowest:.1f} s; {len(self.wrong)} wrong; odd:{odd}"
        )


class FaultRun:
    """Clients of one registry at `port`. Every image is made from `seed`; `large` of a thousand have a layer of 11 MiB."""

    def __init__(self, port: int, seed: int, *, large: int = 0, retries: int = 3) -> None:
        self.outcome = Outcome()
        self.pushed: list[Pushed] = []
        self._port = port
        self._seed = seed
        self._large = large
        self._retries = retries
        self._histories: dict[tuple[str, str], TagHistory] = {}
        self._lock = threading.Lock()

    def work(self, pushes: int, pulls: int, *, clients: int = CLIENTS) -> None:
        """All of it, in a seeded order, by `clients` at once."""
        source = random.Random(self._seed)
        for name in REPOSITORIES:
            for number in range(max(2, pushes // 12)):
                self._histories[name, f"t{number}"] = TagHistory()
        tasks: list[Callable[[int], None]] = [
            *(self._push for _ in range(pushes)),
            *(self._pull for _ in range(pulls)),
        ]
        source.shuffle(tasks)
        with ThreadPoolExecutor(clients) as pool:
            seeds = [source.randrange(1 << 30) for _ in tasks]
            for done in [pool.submit(task, seed) for task, seed in zip(tasks, seeds, strict=True)]:
                done.result()

    def _push(self, seed: int) -> None:
        source = random.Random(seed)
        large = source.randrange(1000) < self._large
        image = make_image(source, layer_bytes=11 << 20 if large else None)
        (name, tag), history = source.choice(list(self._histories.items()))
        write = history.begin(image)
        with Retrying(self._port, source, retries=self._retries) as client:
            try:
                client.push(name, tag, image)
            except BROKEN as error:
                self._note(client, failed_push=f"{name}:{tag}: {error!r}")
                return
            history.acknowledge(write)
            with self._lock:
                self.pushed.append((name, image))
            self._note(client)

    def _pull(self, seed: int) -> None:
        source = random.Random(seed)
        with self._lock:
            known = list(self.pushed)
        if not known:
            return self._push(seed)
        name, image = source.choice(known)
        with Retrying(self._port, source, retries=self._retries) as client:
            try:
                wrong = self._look(client, name, source)
                wrong += faults_in(client, name, image)
            except BROKEN as error:
                self._note(client, failed_pull=f"{name}@{image.digest}: {error!r}")
                return None
            self._note(client, wrong=wrong, pull=True)

    def _look(self, client: Retrying, name: str, source: random.Random) -> list[str]:
        """A tag shows one of the images that somebody pushed to it, and something once one of them was acknowledged."""
        tag = source.choice([tag for repository, tag in self._histories if repository == name])
        history = self._histories[name, tag]
        absent = history.may_be_absent()
        answer = client.manifest(name, tag)
        if answer.status == 404:
            return [] if absent else [f"{name}:{tag} is there, and was answered 404"]
        known = {write.image.manifest for write in list(history.writes)}
        return [] if answer.body in known else [f"{name}:{tag} shows what nobody pushed"]

    def _note(
        self,
        client: Retrying,
        *,
        wrong: list[str] | None = None,
        failed_push: str = "",
        failed_pull: str = "",
        pull: bool = False,
    ) -> None:
        outcome = self.outcome
        with self._lock:
            outcome.odd += client.odd
            outcome.slowest = max(outcome.slowest, client.slowest)
            outcome.wrong += wrong or []
            outcome.pulls += pull or bool(failed_pull)
            outcome.pushes += not (pull or failed_pull)
            outcome.failed_pushes += [failed_push] if failed_push else []
            outcome.failed_pulls += [failed_pull] if failed_pull else []

    def lost(self) -> list[str]:
        """At rest, with a store that works: what was acknowledged and is not there, or not as it was pushed."""
        for history in self._histories.values():
            history.crash()
        with Retrying(self._port, random.Random(0)) as client:
            lost = [fault for name, image in self.pushed for fault in faults_in(client, name, image)]
            for (name, tag), history in self._histories.items():
                answer = client.manifest(name, tag)
                if not history.seen(answer.body if answer.status == 200 else None):
                    lost.append(f"{name}:{tag} answers {answer.status} and not what was acknowledged last")
        return lost


def faults_in(client: Retrying, name: str, image: Image) -> list[str]:
    """What is wrong with an image that is there, pulled by its digest."""
    answer = client.manifest(name, image.digest)
    if answer.status != 200 or answer.body != image.manifest:
        return [f"{name}@{image.digest}: manifest {answer.status}, {len(answer.body)} bytes"]
    faults = []
    for blob in image.blobs:
        answer = client.blob(name, digest_of(blob))
        if answer.status != 200 or answer.body != blob:
            faults.append(f"{name}: blob {digest_of(blob)} {answer.status}, {len(answer.body)} bytes")
    return faults
