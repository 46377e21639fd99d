"""The group file: lines as in Apache's AuthGroupFile, `group: user user …`, or as in /etc/group, `group:x:1000:user,user`. Several
lines of one group add up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from moorage.auth.kept import Kept
from moorage.auth.watched import Watched, ends_with_a_line

GroupsOf = Callable[[str], frozenset[str]]
"""The groups of a user."""

NONE: Final[frozenset[str]] = frozenset()

_SYSTEM: Final = re.compile(r"(?P<group>[^:]*):[^:]*:(?P<number>[0-9]*):(?P<members>[^:]*)")
_MEMBER: Final = re.compile(r'"([^"]*)"|(\S+)')


class Groups:
    """A group file that is read again when it changes."""

    def __init__(self, path: str, kept: Kept | None = None) -> None:
        """`kept`: see Watched. Raises AuthError."""
        self._file = Watched(path, "auth.groupfile", parse, kept, whole=ends_with_a_line)

    def groups_of(self, user: str) -> frozenset[str]:
        return self._file.current().get(user, NONE)


def no_groups(_: str) -> frozenset[str]:
    return NONE


def parse(content: bytes) -> Mapping[str, frozenset[str]]:
    """The groups of each user. Raises ValueError naming the line."""
    found: dict[str, set[str]] = {}
    for number, line in _lines(content):
        try:
            group, members = _entry(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        for member in members:
            found.setdefault(member, set()).add(group)
    return {user: frozenset(groups) for user, groups in found.items()}


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without comments and empty lines. A line that ends with a backslash is continued by the
    next, as in Apache's files."""
    begun, first = "", 0
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError:
            raise ValueError(f"line {number}: is not UTF-8") from None
        first = first or number
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        whole, at, begun, first = begun + line, first, "", 0
        if whole and not whole.startswith("#"):
            yield at, whole
    if begun.strip():
        raise ValueError(f"line {first}: ends with a backslash, and there is no next line")


def _entry(line: str) -> tuple[str, list[str]]:
    if match := _SYSTEM.fullmatch(line):
        group, members = match["group"], [name.strip() for name in match["members"].split(",")]
    else:
        group, colon, rest = line.partition(":")
        if not colon:
            raise ValueError("has no colon; write group: user user")
        members = [quoted or plain for quoted, plain in _MEMBER.findall(rest)]
    if not group.strip():
        raise ValueError("has no group before the colon")
    for member in members:
        if ":" in member or member.endswith(","):
            raise ValueError(f"{member!r} is no user name; users are separated by spaces, and have no colon")
    return group.strip(), [member for member in members if member]
