"""Pushers at work, the power fails at a random moment, and a server is started on what the platter holds."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from moorage.drivers.journal.journal import JOURNAL, holds_entries
from tests.faults.client import Client, UnexpectedAnswer
from tests.faults.history import TagHistory, Write
from tests.faults.images import Image, make_image
from tests.faults.platter import EXT4, FileSystem, cut, formatted, mounted
from tests.faults.processes import eventually
from tests.support import forking
from tests.support.server import Server, running

PUSHERS = 3
HOT_TAGS = 2
NAME = "power/app"
LIFE_SECONDS = (0.05, 0.5)
PAUSE_SECONDS = 0.01
CUTS_PER_DISK = 20  # so that it does not fill up
CHECKED = 8  # of each pusher, so many of the newest images, and so many others, are looked at byte by byte

WRITTEN_AGAIN = "written again after a power cut"

Make = Callable[[Path, Path], Server]
"""A server, not yet started, of a folder for its files and of a root."""


@dataclass
class Told:
    """What one pusher was told. A tag is None once its removal was acknowledged; `pending` is what it waits for."""

    tags: dict[str, Image | None] = field(default_factory=dict)
    pending: tuple[str, Image | None] | None = None
    images: dict[str, Image] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def copy(self) -> Told:
        return Told(dict(self.tags), self.pending, dict(self.images), set(self.gone))


@dataclass
class Outcome:
    """What a run found. `problems` must be empty; the rest shows that the run was worth something."""

    problems: list[str] = field(default_factory=list)
    cuts: int = 0
    images: int = 0
    removals: int = 0
    restored: int = 0


class Pusher:
    """New tags, tags that it overwrites, tags that all overwrite, and removals of its own."""

    def __init__(self, server: Server, hot: dict[str, TagHistory], seed: int, *, removes: bool) -> None:
        self._server = server
        self._hot = hot
        self._random = random.Random(seed)
        self._seed = seed
        self._removes = removes
        self._count = 0
        self.lock = threading.Lock()
        self.told = Told()
        self.faults: list[str] = []

    def work(self, over: threading.Event) -> None:
        with Client(self._server.port) as client:
            while not over.wait(PAUSE_SECONDS):
                try:
                    self._step(client)
                except UnexpectedAnswer as error:
                    self.faults.append(str(error))
                except OSError as error:
                    self.faults.append(f"connection broken: {error!r}")

    def _step(self, client: Client) -> None:
        chance, self._count = self._random.random(), self._count + 1
        mine = sorted(tag for tag, image in self.told.tags.items() if image)
        if self._removes and mine and chance < 0.08:
            self._remove(client, self._random.choice(mine), by_digest=chance < 0.04)
        elif chance < 0.3:
            self._push_hot(client, self._random.choice(sorted(self._hot)))
        elif chance < 0.5 and mine:
            self._push(client, self._random.choice(mine))
        else:
            self._push(client, f"own-{self._seed}-{self._count}")

    def _image(self) -> Image:
        # Some too large for the journal.
        return make_image(self._random, layer_bytes=300_000 if self._random.random() < 0.1 else None)

    def _push(self, client: Client, tag: str) -> None:
        image = self._image()
        with self.lock:
            self.told.pending = tag, image
        client.push(NAME, tag, image)
        with self.lock:
            self.told.pending = None
            self.told.tags[tag] = image
            self.told.images[image.digest] = image

    def _push_hot(self, client: Client, tag: str) -> None:
        image = self._image()
        write = self._hot[tag].begin(image)
        client.push(NAME, tag, image)
        self._hot[tag].acknowledge(write)
        with self.lock:
            self.told.images[image.digest] = image

    def _remove(self, client: Client, tag: str, *, by_digest: bool) -> None:
        image = self.told.tags[tag]
        assert image
        with self.lock:
            self.told.pending = tag, None
            if by_digest:
                self.told.images.pop(image.digest)
        client.expect(202, "DELETE", f"/v2/{NAME}/manifests/{image.digest if by_digest else tag}")
        with self.lock:
            self.told.pending = None
            self.told.tags[tag] = None
            if by_digest:
                self.told.gone.add(image.digest)


class PowerRun:
    def __init__(
        self, folder: Path, seed: int, make: Make, *, removes: bool = True, system: FileSystem = EXT4
    ) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._make = make
        self._removes = removes
        self._system = system
        self._number = 0
        self.outcome = Outcome()

    def run(self, cuts: int) -> Outcome:
        while self.outcome.cuts < cuts:
            self._number += 1
            folder = self._folder / f"disk-{self._number}"
            folder.mkdir()
            image = formatted(folder, self._system)
            with mounted(image, folder / "mounted", self._system) as place:
                self._use(folder, image, place, min(CUTS_PER_DISK, cuts - self.outcome.cuts))
            image.unlink()
        return self.outcome

    def _use(self, folder: Path, image: Path, place: Path, cuts: int) -> None:
        hot = {f"hot-{number}": TagHistory() for number in range(HOT_TAGS)}
        over = threading.Event()
        with ExitStack() as stack:
            server = stack.enter_context(running(self._make(folder / "server", place / "data")))
            pushers = [
                Pusher(server, hot, self._random.getrandbits(32), removes=self._removes)
                for _ in range(PUSHERS)
            ]
            threads = [threading.Thread(target=pusher.work, args=[over]) for pusher in pushers]
            for thread in threads:
                thread.start()
                stack.callback(thread.join)
            stack.callback(over.set)
            for _ in range(cuts):
                time.sleep(self._random.uniform(*LIFE_SECONDS))
                self.outcome.cuts += 1
                with stopped(server):
                    told = []
                    for pusher in pushers:
                        with pusher.lock:
                            told.append(pusher.told.copy())
                    histories = {tag: _copied(history) for tag, history in hot.items()}
                    cut(image, folder / "copy")
                    # The others wait, so that the disk does not fill up.
                    self._look(folder, told, histories)
        self.outcome.problems += [fault for pusher in pushers for fault in pusher.faults]
        self.outcome.images += sum(len(pusher.told.images) for pusher in pushers)
        self.outcome.removals += sum(list(pusher.told.tags.values()).count(None) for pusher in pushers)

    def _look(self, folder: Path, told: list[Told], hot: dict[str, TagHistory]) -> None:
        """Start a server on the copy, and compare."""
        with mounted(folder / "copy", folder / "after", self._system) as place:
            server = self._make(folder / "after-server", place / "data")
            server.log.unlink(missing_ok=True)
            lines = ""
            held = holds_something(place / "data")
            # A command may come first: it must not take for garbage what only the journal knows of.
            if first := self._random.random() < 0.5:
                lines += self._collect(server)
            with running(server):
                with Client(server.port) as client:
                    self._verify(client, told, hot)
                    self._push_again(client, told)
                if not first:
                    self._collect(server)
                    with Client(server.port) as client:
                        self._verify(client, told, hot)
            self.outcome.restored += held and WRITTEN_AGAIN in lines + server.log.read_text()
        (folder / "copy").unlink()

    def _collect(self, server: Server) -> str:
        collected = forking.command("garbage-collect", server.command[-1])
        if collected.returncode:
            self._note(f"garbage-collect: status {collected.returncode}: {collected.stderr}")
        return collected.stderr

    def _verify(self, client: Client, told: list[Told], hot: dict[str, TagHistory]) -> None:
        for one in told:
            for tag, image in one.tags.items():
                self._note(fault_in_tag(client, tag, image, one.pending))
            for digest in one.gone:
                if client.get_manifest(NAME, digest).status != 404:
                    self._note(f"{digest} was removed and is there again")
            images = list(one.images.items())
            old = images[:-CHECKED]
            for digest, image in [
                *self._random.sample(old, min(len(old), CHECKED)),
                *images[-CHECKED:],
            ]:
                self._note(client.fault_in(NAME, digest, image))
        for tag, history in hot.items():
            answer = client.get_manifest(NAME, tag)
            if not history.seen(answer.body if answer.status == 200 else None):
                self._note(f"{tag} shows an older or unknown image: {answer}")

    def _push_again(self, client: Client, told: list[Told]) -> None:
        for number, image in enumerate(one.pending[1] for one in told if one.pending):
            if image:
                try:
                    client.push(NAME, f"again-{number}", image)
                    self._note(client.fault_in(NAME, f"again-{number}", image))
                except UnexpectedAnswer as error:
                    self._note(f"pushed again, {error}")

    def _note(self, problem: str) -> None:
        if problem:
            self.outcome.problems.append(f"cut {self.outcome.cuts}: {problem}")


def fault_in_tag(
    client: Client, tag: str, image: Image | None, pending: tuple[str, Image | None] | None
) -> str:
    """What is wrong with a tag that was told to be `image`; a change that was not answered may have come to pass."""
    allowed = [image]
    if pending and pending[0] == tag:
        allowed.append(pending[1])
    answer = client.get_manifest(NAME, tag)
    for one in allowed:
        if one is None and answer.status == 404:
            return ""
        if one is not None and answer.status == 200 and answer.body == one.manifest:
            return ""
    return f"{tag} should be {image and image.digest}: {answer}"


def holds_something(root: Path) -> bool:
    """Whether anything is in the journal."""
    folder = root / JOURNAL
    return folder.is_dir() and any(holds_entries(path.name) for path in folder.iterdir())


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """No process of the server runs."""
    pids = server.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: all(map(_stands, pids)), 30, "all threads of the server stand still")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _stands(pid: int) -> bool:
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(FileNotFoundError):
            if stat.read_text().rpartition(")")[2].split()[0] not in ("T", "Z"):
                return False
    return True


def _copied(history: TagHistory) -> TagHistory:
    """With writes that are under way able to take effect until now."""
    now = time.monotonic()
    return TagHistory(
        [
            Write(one.image, one.start, now if one.end is None else one.end, one.acknowledged)
            for one in list(history.writes)
        ]
    )
