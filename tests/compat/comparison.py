"""Compares two sets of answers against the table of differences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.compat.differences import ANSWERS, DETAILS, REWRITES, Details, Rewrite

Fields = Mapping[str, str]
ABSENT = "absent"


@dataclass
class Comparison:
    """`unlisted` are differences the table does not explain, `stale` entries of it that explain nothing."""

    unlisted: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def compare(reference: Mapping[str, Fields], moorage: Mapping[str, Fields]) -> Comparison:
    """Both arguments map the same steps to fields."""
    result = Comparison()
    answers = {step: (entry.reason, pair) for entry in ANSWERS for step, pair in entry.steps.items()}
    used: set[tuple[str, str]] = set()
    for step, theirs in reference.items():
        ours = moorage[step]
        pair = (summary(theirs), summary(ours))
        if pair[0] != pair[1] and step in answers and answers[step][1] == pair:
            used.add((answers[step][0], step))
        elif pair[0] != pair[1]:
            result.unlisted.append(f"{step}: {pair[0]!r} became {pair[1]!r}")
        else:
            result.unlisted += below_the_status(step, theirs, ours, used)
    result.stale += unused(used)
    return result


def summary(fields: Fields) -> str:
    return f"{fields['status']} {fields.get('codes', '')}".strip()


def below_the_status(step: str, theirs: Fields, ours: Fields, used: set[tuple[str, str]]) -> Iterator[str]:
    """Fields that differ and are not explained; `used` gains the entries that explain the others."""
    for name in sorted(set(theirs) | set(ours)):
        before, after = theirs.get(name, ABSENT), ours.get(name, ABSENT)
        if before == after:
            continue
        entry = detail_for(step, name) or rewrite_for(name, before, after)
        if entry is None:
            yield f"{step}: {name} {before[:200]!r} became {after[:200]!r}"
        else:
            used.add((entry.reason, step))


def rewrite_for(name: str, before: str, after: str) -> Rewrite | None:
    fitting = [entry for entry in REWRITES if entry.field == name]
    return next(
        (entry for entry in fitting if re.sub(entry.pattern, entry.replacement, before) == after), None
    )


def detail_for(step: str, name: str) -> Details | None:
    return next((entry for entry in DETAILS if step in entry.steps and name in entry.fields), None)


def unused(used: set[tuple[str, str]]) -> Iterator[str]:
    """What in the table no longer tells a difference; `used` holds reasons with the steps they explained."""
    reasons = {reason for reason, _ in used}
    yield from (f"{entry.field}: {entry.reason}" for entry in REWRITES if entry.reason not in reasons)
    for listed in (*ANSWERS, *DETAILS):
        yield from (f"{step}: {listed.reason}" for step in listed.steps if (listed.reason, step) not in used)
