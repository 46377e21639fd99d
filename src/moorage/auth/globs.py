"""Globs of repository names: `*` matches anything within one component, `**` anything including slashes, and `?` one character of
a component. Nothing else is special: `team/**` matches everything below `team`, but not `team` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CHARACTERS: Final = re.compile(r"[a-z0-9._/*?-]+")


def check(glob: str) -> None:
    """Raises ValueError for a glob that no repository name can match."""
    if not glob:
        raise ValueError("a glob is empty")
    if _CHARACTERS.fullmatch(glob) is None:
        raise ValueError(
            f"no repository matches {glob!r}: names have a-z, 0-9, '.', '_', '-' and '/' in them"
        )
    if glob.startswith("/") or glob.endswith("/") or "//" in glob:
        raise ValueError(f"no repository matches {glob!r}: names have no empty components")


def compiled(globs: Iterable[str]) -> re.Pattern[str]:
    """A pattern whose `fullmatch` accepts the names that match one of the globs. Its time grows at most with the square of the
    length of a name, as clients choose the names."""
    return re.compile("|".join(f"(?:{_expression(glob)})" for glob in globs))


def _expression(glob: str) -> str:
    """The first place where the part between two `**` fits is as good as any later one, so the group that finds it is atomic,
    and there is no backtracking. The same holds for what stands between two `*` within such a part. The last part must reach the
    end."""
    first, *parts = re.split(r"\*\*+", glob)
    if not parts:
        return _part(first, last=True)
    *between, final = parts
    found = "".join(f"(?>.*?{_part(part, last=False)})" for part in between)
    return f"{_part(first, last=False)}{found}.*{_part(final, last=True)}"


def _part(part: str, *, last: bool) -> str:
    first, *chunks = part.split("*")
    if not chunks:
        return _literal(first)
    *between, final = chunks
    found = "".join(f"(?>[^/]*?{_literal(chunk)})" for chunk in between)
    reach = f"[^/]*{_literal(final)}" if last else f"(?>[^/]*?{_literal(final)})"
    return f"{_literal(first)}{found}{reach}"


def _literal(text: str) -> str:
    return "[^/]".join(map(re.escape, text.split("?")))
