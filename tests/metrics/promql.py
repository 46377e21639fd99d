"""Which series and labels a PromQL expression names. Strict: what it does not know is a mistake of the expression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"[^"\\]*")
      | (?P<duration>\[(?:[0-9]+[smhd]|\$__rate_interval)\])
      | (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<word>[a-zA-Z_][a-zA-Z0-9_]*)
      | (?P<match>=~|!~|!=(?=\s*")|=(?!=))
      | (?P<sign>[(){},]|==|!=|<=|>=|[-+*/<>])""",
    re.VERBOSE,
)
FUNCTIONS = {
    *("rate", "increase", "histogram_quantile", "time", "vector"),
    *("sum", "max", "min", "count", "topk"),
}
GROUPINGS = {"by", "without", "on", "ignoring"}
SETS = {"and", "or", "unless"}
JOINING = GROUPINGS | SETS


class Mistake(Exception):
    """The expression is not understood."""


@dataclass
class Selector:
    """Of series: `matchers` are (label, operator, value)."""

    name: str
    matchers: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Expression:
    selectors: list[Selector] = field(default_factory=list)
    groupings: set[str] = field(default_factory=set)
    """Labels after `by` and the like."""


def tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise Mistake(f"{text[at : at + 20]!r} in {text}")
        at = found.end()
        if found.lastgroup != "space":
            yield str(found.lastgroup), found[0]


def read(text: str) -> Expression:
    """Raises Mistake."""
    left = list(tokens(text))
    for (_, one), (kind, other) in pairwise(left):
        if one.isidentifier() and one not in JOINING and kind in ("word", "number") and other not in JOINING:
            raise Mistake(f"{one} {other} in {text}")
    if text.count("(") != text.count(")"):
        raise Mistake(f"parentheses of {text}")
    expression = Expression()
    while left:
        kind, token = left.pop(0)
        if kind == "match" or token in ("{", "}"):
            raise Mistake(f"{token} in {text}")
        if kind == "word":
            _word(token, left, expression)
    return expression


def _word(word: str, left: list[tuple[str, str]], expression: Expression) -> None:
    called = left[:1] == [("sign", "(")]
    if word in GROUPINGS and called:
        expression.groupings |= {label for kind, label in _until(")", left) if kind == "word"}
    elif word in FUNCTIONS and (called or (left and left[0][1] in GROUPINGS)):
        return
    elif called:
        raise Mistake(f"there is no function {word}")
    elif word not in SETS:
        expression.selectors.append(Selector(word, _matchers(left)))


def _matchers(left: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    if left[:1] != [("sign", "{")]:
        return []
    inner = [token for token in _until("}", left)[1:] if token != ("sign", ",")]
    if len(inner) % 3:
        raise Mistake(f"matchers {inner}")
    found = []
    for at in range(0, len(inner), 3):
        kinds = [kind for kind, _ in inner[at : at + 3]]
        if kinds != ["word", "match", "text"]:
            raise Mistake(f"matcher {inner[at : at + 3]}")
        label, operator, value = (token for _, token in inner[at : at + 3])
        found.append((label, operator, value.strip('"')))
    return found


def _until(end: str, left: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is there up to the sign `end`, which goes too."""
    if ("sign", end) not in left:
        raise Mistake(f"no {end}")
    stop = left.index(("sign", end))
    taken = left[:stop]
    del left[: stop + 1]
    return taken
