"""A disk that knows what a power cut would leave of it.

What is in a file survives once that file was synced; a name in a folder (made, replaced or removed) survives once
that folder was synced. All else may or may not have reached the platter, each on its own: no order is assumed, so a
store that is right here is right on every file system.
"""

from __future__ import annotations

import itertools
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.contracts.disk import Watched, changes_something


@dataclass(frozen=True)
class Content:
    """The bytes of a file and its extended attributes."""

    data: bytes = b""
    attributes: tuple[tuple[str, bytes], ...] = ()


@dataclass(eq=False)
class File:
    synced: Content = Content()
    now: Content = Content()

    def options(self) -> list[Content]:
        """What may be found: the synced state first, the present one last, and torn ones between."""
        if self.now == self.synced:
            return [self.now]
        data, kept = self.now.data, len(self.synced.data)
        if len(data) - kept < 2:
            return [self.synced, self.now]
        half = data[: kept + (len(data) - kept) // 2]
        zeros = data[:kept] + bytes(len(data) - kept)
        return [self.synced, Content(half), Content(zeros, self.now.attributes), self.now]

    def sync(self) -> None:
        self.synced = self.now


@dataclass(eq=False)
class Folder:
    synced: dict[str, Node] = field(default_factory=dict)
    changed: dict[str, list[Node | None]] = field(default_factory=dict)

    def get(self, name: str) -> Node | None:
        return self.changed[name][-1] if name in self.changed else self.synced.get(name)

    def set(self, name: str, node: Node | None) -> None:
        self.changed.setdefault(name, []).append(node)

    def options(self, name: str) -> list[Node | None]:
        return [self.synced.get(name), *self.changed.get(name, ())]

    def sync(self) -> None:
        for name, history in self.changed.items():
            if history[-1] is None:
                self.synced.pop(name, None)
            else:
                self.synced[name] = history[-1]
        self.changed.clear()


Node = File | Folder

State = tuple[tuple[str, Content | None], ...]
"""Paths below the root in order, None for a folder: what is found when the power is back."""


class Recording(Watched):
    """Works on a real folder and keeps the model beside it; `cut` is called before each call that changes or syncs
    something: the moments at which the power may fail."""

    def __init__(self, root: Path, cut: Callable[[], None]) -> None:
        super().__init__()
        self.root = str(root)
        self.tree = Folder()
        self.cut = cut
        self._open: dict[int, Node] = {}

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if name in ("fsync", "syncfs") or changes_something(name, args):
            self.cut()

    def after(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        follow = getattr(self, f"_after_{name}", None)
        if follow is not None:
            follow(*args, result)

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder that holds the last part of a path."""
        assert path.startswith(self.root + "/"), f"{path} is outside of the root"
        node: Node | None = self.tree
        *parents, last = path[len(self.root) + 1 :].split("/")
        for part in parents:
            assert isinstance(node, Folder)
            node = node.get(part)
        assert isinstance(node, Folder)
        return node, last

    def _after_open(self, path: str, flags: int, *rest: Any) -> None:
        fd = rest[-1]
        if not path.startswith(self.root + "/"):
            # The root itself, and what it lies in, were there before.
            if path == self.root:
                self._open[fd] = self.tree
            return
        folder, name = self._place(path)
        node = folder.get(name)
        if node is None:
            node = File()
            folder.set(name, node)
        if flags & os.O_TRUNC and isinstance(node, File):
            node.now = Content()
        self._open[fd] = node

    def _after_close(self, fd: int, _: None) -> None:
        self._open.pop(fd, None)

    def _after_write(self, fd: int, pieces: list[bytes], _: None) -> None:
        node = self._open[fd]
        assert isinstance(node, File)
        node.now = Content(node.now.data + b"".join(pieces), node.now.attributes)

    def _after_setxattr(self, file: str | int, name: str, value: bytes, *_: Any) -> None:
        if isinstance(file, int):
            node: Node | None = self._open[file]
        else:
            folder, last = self._place(file)
            node = folder.get(last)
        assert isinstance(node, File)
        node.now = Content(node.now.data, tuple({**dict(node.now.attributes), name: value}.items()))

    def _after_mkdir(self, path: str, *_: Any) -> None:
        folder, name = self._place(path)
        folder.set(name, Folder())

    def _after_rename(self, source: str, target: str, _: None) -> None:
        from_folder, from_name = self._place(source)
        to_folder, to_name = self._place(target)
        to_folder.set(to_name, from_folder.get(from_name))
        from_folder.set(from_name, None)

    def _after_link(self, source: str, target: str, *_: Any) -> None:
        from_folder, from_name = self._place(source)
        to_folder, to_name = self._place(target)
        to_folder.set(to_name, from_folder.get(from_name))

    def _after_unlink(self, path: str, *_: Any) -> None:
        folder, name = self._place(path)
        folder.set(name, None)

    _after_rmdir = _after_unlink

    def _after_fsync(self, fd: int, _: None) -> None:
        if fd in self._open:
            self._open[fd].sync()

    def _after_syncfs(self, *_: Any) -> None:
        waiting: list[Node] = [self.tree]
        while waiting:
            node = waiting.pop()
            node.sync()
            if isinstance(node, Folder):
                waiting += node.synced.values()


def states(tree: Folder, limit: int, chance: random.Random) -> Iterator[State]:
    """What may be found after a power cut now. All of it when there are at most `limit` possibilities; else the one
    that lost all, the one that lost nothing, those that differ from them in one thing, and random ones."""
    choices = _choices(tree)
    sizes = list(choices.values())
    if math.prod(sizes) <= limit:
        picked: Iterator[tuple[int, ...]] = itertools.product(*(range(size) for size in sizes))
    else:
        picked = itertools.islice(_some(sizes, chance), limit)
    for indexes in picked:
        yield _state(tree, dict(zip(choices, indexes, strict=True)))


Choice = tuple[int, str]
"""The identity of a file or folder, and the name in it whose fate is open ("" for a file's content)."""


def _choices(tree: Folder) -> dict[Choice, int]:
    """Everything that is open now, with the number of its possible outcomes."""
    found: dict[Choice, int] = {}
    seen: set[int] = set()
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, File):
            if (count := len(node.options())) > 1:
                found[id(node), ""] = count
            continue
        for name in {**node.synced, **node.changed}:
            options = node.options(name)
            if len(options) > 1:
                found[id(node), name] = len(options)
            waiting += [option for option in options if option is not None]
    return found


def _some(sizes: list[int], chance: random.Random) -> Iterator[tuple[int, ...]]:
    lost, kept = [0] * len(sizes), [size - 1 for size in sizes]
    yield tuple(lost)
    yield tuple(kept)
    single = list(range(len(sizes)))
    chance.shuffle(single)
    for number in itertools.count():
        if number % 3 == 2 or number // 3 >= len(single):
            yield tuple(chance.randrange(size) for size in sizes)
            continue
        base, other = (kept, lost) if number % 3 else (lost, kept)
        position = single[number // 3]
        yield (*base[:position], other[position], *base[position + 1 :])


@lru_cache(maxsize=1 << 18)
def _entry(path: str, content: Content | None) -> tuple[str, Content | None]:
    """One object for all states that have it: they are many, and alike."""
    return path, content


def _state(tree: Folder, chosen: dict[Choice, int]) -> State:
    found: list[tuple[str, Content | None]] = []

    def visit(folder: Folder, path: str) -> None:
        for name in sorted({**folder.synced, **folder.changed}):
            node = folder.options(name)[chosen.get((id(folder), name), 0)]
            if isinstance(node, Folder):
                found.append(_entry(f"{path}/{name}", None))
                visit(node, f"{path}/{name}")
            elif node is not None:
                content = node.options()[chosen.get((id(node), ""), 0)]
                found.append(_entry(f"{path}/{name}", content))

    visit(tree, "")
    return tuple(found)


def restore(state: State, root: Path) -> None:
    """Make the folder that the power cut left."""
    root.mkdir()
    for path, content in state:
        place = str(root) + path
        if content is None:
            os.mkdir(place)
            continue
        with open(place, "xb") as file:
            file.write(content.data)
        for name, value in content.attributes:
            os.setxattr(place, name, value)
        os.utime(place, (0, 0))  # Nobody has written it since.
