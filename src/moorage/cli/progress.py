"""Progress of long commands: a bar on a terminal, else a line now and then. On stderr, so that stdout has only the result."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from moorage.store.findings import Finding, Unwatched, Watch

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_SECONDS: Final = 10.0


@contextlib.contextmanager
def watching(tell: Callable[[Finding], None], *, quiet: bool) -> Iterator[Watch]:
    """A watch that passes each finding to `tell`, and shows the progress unless `quiet`."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield _Quiet(tell)
    elif console.is_terminal:
        with _bar(console) as progress:
            yield _Bar(progress, tell)
    else:
        yield _Lines(tell)


@contextlib.contextmanager
def spinning(text: str) -> Iterator[None]:
    """Show a spinner on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with Live(Spinner("line", text), console=console, transient=True, redirect_stdout=_shown()):
        yield


def decimal(size: int) -> str:
    from rich.filesize import decimal as formatted

    return formatted(size)


class _Quiet(Unwatched):
    def __init__(self, tell: Callable[[Finding], None]) -> None:
        self._tell = tell

    def found(self, finding: Finding) -> None:
        self._tell(finding)


class _Lines(_Quiet):
    """Prints lines. The first line of a stage appears at once, to show what takes the time."""

    def __init__(self, tell: Callable[[Finding], None]) -> None:
        super().__init__(tell)
        self._stage = ""
        self._all = self._all_bytes = self._done = self._done_bytes = 0
        self._said = 0.0

    def begin(self, stage: str, objects: int, size: int) -> None:
        self._stage, self._all, self._all_bytes = stage, objects, size
        self._done = self._done_bytes = 0
        self._say()

    def advance(self, objects: int, size: int) -> None:
        self._done += objects
        self._done_bytes += size
        if time.monotonic() - self._said >= LINE_SECONDS:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        count = f": {self._done} of {self._all}" if self._all else ""
        size = f", {decimal(self._done_bytes)} of {decimal(self._all_bytes)}" if self._all_bytes else ""
        print(f"moorage: {self._stage}{count}{size}", file=sys.stderr, flush=True)


class _Bar(_Quiet):
    def __init__(self, progress: Progress, tell: Callable[[Finding], None]) -> None:
        super().__init__(tell)
        self._progress = progress
        self._task: TaskID | None = None
        self._by_size = False
        self._all = self._done = 0

    def begin(self, stage: str, objects: int, size: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._by_size = size > 0
        self._all, self._done = objects, 0
        self._task = self._progress.add_task(stage, total=(size or objects) or None, count=self._count())

    def advance(self, objects: int, size: int) -> None:
        if self._task is None:
            return
        self._done += objects
        self._progress.update(
            self._task, advance=size if self._by_size else objects, count=self._count(), refresh=False
        )

    def _count(self) -> str:
        return f"{self._done} of {self._all}" if self._all else ""


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=_shown(),
        redirect_stderr=True,
    )


def _shown() -> bool:
    """Whether to print output above the bar. Output to a file or a pipe is left as it is."""
    return sys.stdout is not None and sys.stdout.isatty()
