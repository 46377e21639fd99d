"""Lives of a registry: pushers at work, kill -9 at a random moment, restart, look at everything again."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.client import Client, UnexpectedAnswer
from tests.faults.history import TagHistory, Write
from tests.faults.images import Image, digest_of, make_image
from tests.faults.target import (
    blob_file,
    collect_garbage,
    empty_files,
    registry,
    repository_folder,
)
from tests.support.server import Server

PUSHERS = 8
HOT_TAGS = 4
LIVES_PER_REPOSITORY = 10  # the tree that is walked after each life stays small
LIFE_SECONDS = (0.05, 0.3)


@dataclass
class Outcome:
    """What a run found. `problems` must be empty; the rest shows that the run was worth something."""

    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0
    unanswered: int = 0
    slowest_start_seconds: float = 0.0


@dataclass
class Life:
    """One start of the registry up to its kill. Tags are (repository, tag)."""

    number: int
    tags: dict[tuple[str, str], TagHistory]
    fresh: list[tuple[str, str, Write]] = field(default_factory=list)
    pushed: list[tuple[str, str, Write]] = field(default_factory=list)
    killed: threading.Event = field(default_factory=threading.Event)
    faults: list[str] = field(default_factory=list)

    @property
    def repository(self) -> str:
        return f"life/number-{self.number // LIVES_PER_REPOSITORY}"


class CrashRun:
    """One registry and its tree, killed again and again; `run` once."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._server = registry(folder)
        self._random = random.Random(seed)
        self._tags: dict[tuple[str, str], TagHistory] = {}
        self._kept: list[tuple[str, str, Image]] = []
        self._empty: set[str] = set()
        self.outcome = Outcome()

    def run(self, kills: int) -> Outcome:
        self._start()
        try:
            for number in range(kills):
                self._live(number)
            self._verify_all()
        finally:
            self._server.kill()
        return self.outcome

    def _start(self) -> None:
        began = time.monotonic()
        self._server.start()
        self.outcome.slowest_start_seconds = max(self.outcome.slowest_start_seconds, time.monotonic() - began)

    def _live(self, number: int) -> None:
        life = Life(number, self._tags)
        pushers = [
            threading.Thread(
                target=push_until_killed, args=(self._server, life, self._random.getrandbits(32))
            )
            for _ in range(PUSHERS)
        ]
        for pusher in pushers:
            pusher.start()
        time.sleep(self._random.uniform(*LIFE_SECONDS))
        life.killed.set()
        self._server.kill()
        for pusher in pushers:
            pusher.join()
        for history in self._tags.values():
            history.crash()
        self.outcome.problems += life.faults
        self.outcome.problems += self._empty_after(life)
        self._start()
        with Client(self._server.port) as client:
            self._verify(client, life)
            self._heal(client, life)
        if (number + 1) % LIVES_PER_REPOSITORY == 0:
            self._retire_tags()

    def _empty_after(self, life: Life) -> list[str]:
        """Files of no length that this life left, before anything could repair them; each is told once."""
        root = self._server.root
        found = set(empty_files(repository_folder(root, life.repository)))
        for _, _, write in life.pushed:
            for content in (write.image.manifest, *write.image.blobs):
                path = blob_file(root, digest_of(content))
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_size == 0:
                        found.add(str(path))
        new = sorted(found - self._empty)
        self._empty |= found
        return [f"life {life.number}: empty file {path.removeprefix(str(root))}" for path in new]

    def _verify(self, client: Client, life: Life) -> None:
        """What was acknowledged in this life, and each tag that was overwritten."""
        for name, tag, write in life.fresh:
            if write.acknowledged:
                self.outcome.acknowledged += 1
                self._kept.append((name, tag, write.image))
                self._note(life, client.fault_in(name, tag, write.image))
        for (name, tag), history in self._tags.items():
            self._note(life, self._fault_in_hot_tag(client, name, tag, history))

    def _fault_in_hot_tag(self, client: Client, name: str, tag: str, history: TagHistory) -> str:
        answer = client.get_manifest(name, tag)
        if answer.status not in (200, 404):
            return f"{name}:{tag} answers {answer}"
        if not history.seen(answer.body if answer.status == 200 else None):
            return f"{name}:{tag} shows an older or unknown image: {answer}"
        if answer.status == 404:
            return ""
        return client.fault_in(name, tag, history.writes[0].image)

    def _heal(self, client: Client, life: Life) -> None:
        """Pushing again what was in flight must work and leave a whole image."""
        for name, tag, write in life.pushed:
            if write.acknowledged:
                continue
            self.outcome.unanswered += 1
            again = f"{tag}-again"
            try:
                client.push(name, again, write.image)
                self._note(life, client.fault_in(name, again, write.image), "pushed again, ")
            except UnexpectedAnswer as error:
                self._note(life, str(error), "pushing again, ")

    def _note(self, life: Life, fault: str, prefix: str = "") -> None:
        if fault:
            self.outcome.problems.append(f"life {life.number}: {prefix}{fault}")

    def _retire_tags(self) -> None:
        """The next lives use another repository; what the hot tags show now must stay as it is."""
        for (name, tag), history in self._tags.items():
            if history.writes:
                self._kept.append((name, tag, history.writes[0].image))
        self._tags.clear()

    def _verify_all(self) -> None:
        """After garbage was collected, which may cost nothing that was acknowledged."""
        self._retire_tags()
        collected = collect_garbage(self._server)
        if collected.returncode:
            self.outcome.problems.append(
                f"garbage-collect: status {collected.returncode}: {collected.stdout[-500:]}"
            )
        with Client(self._server.port) as client:
            faults = [client.fault_in(name, tag, image) for name, tag, image in self._kept]
        self.outcome.problems += [f"at the end: {fault}" for fault in faults if fault]
        self.outcome.problems += [f"at the end: empty {path}" for path in empty_files(self._server.root)]


def push_until_killed(server: Server, life: Life, seed: int) -> None:
    """Half new tags, half hot ones. Anything but success before the kill is a fault of the registry."""
    source = random.Random(seed)
    with Client(server.port) as client:
        count = 0
        while not life.killed.is_set():
            count += 1
            hot = source.random() < 0.5
            tag = f"hot-{source.randrange(HOT_TAGS)}" if hot else f"new-{life.number}-{seed}-{count}"
            image = make_image(source)
            history = life.tags.setdefault((life.repository, tag), TagHistory()) if hot else TagHistory()
            write = history.begin(image)
            life.pushed.append((life.repository, tag, write))
            if not hot:
                life.fresh.append((life.repository, tag, write))
            try:
                client.push(life.repository, tag, image)
                history.acknowledge(write)
            except OSError as error:
                if not life.killed.is_set():
                    life.faults.append(f"life {life.number}: connection broken before the kill: {error!r}")
                return
            except UnexpectedAnswer as error:
                life.faults.append(f"life {life.number}: {error}")


def crash_run(folder: str, kills: int, seed: int) -> Outcome:
    """For a process of its own: see test_kill.py."""
    return CrashRun(Path(folder), seed).run(kills)
