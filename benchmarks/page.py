"""RESULTS.json and the page made of it: what a run measured, and what an earlier one left of the rest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.results import Results


def read(raw: Path) -> Results:
    return msgspec.json.decode(raw.read_bytes(), type=Results)


class Page:
    """`out` is the page, with the raw numbers beside it; None writes nothing.

    What is measured replaces what was there of the same case, and the others stay, on files as over an object store. Saved after
    each sample, for a run of half an hour may be broken off.
    """

    def __init__(self, out: Path | None) -> None:
        self._out = out
        raw = out.with_suffix(".json") if out else None
        self.results = read(raw) if raw and raw.exists() else Results({}, [], 0, pinned=False)

    def of_files(self, results: Results, cases: Iterable[str]) -> Results:
        results.stores = self.results.stores
        self.results = results.with_earlier(self.results, cases)
        return results

    def of_stores(self, results: Results, cases: Iterable[str]) -> Results:
        if self.results.stores is not None:
            results.with_earlier(self.results.stores, cases)
        self.results.stores = results
        return results

    def save(self) -> None:
        if self._out:
            raw = msgspec.json.format(msgspec.json.encode(self.results), indent=1)
            self._out.with_suffix(".json").write_bytes(raw)

    def write(self) -> None:
        if self._out:
            self._out.write_text(report.render(self.results))
