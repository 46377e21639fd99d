"""The password file: lines of `user:hash`. Only bcrypt hashes count, as in the reference implementation.

A line that cannot be used never gives access; the other lines stay in force. Of several lines of one user the last counts, even
if it cannot be used, as in the reference; Apache takes the first. The file is never written or created.
"""

from __future__ import annotations

import codecs
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import bcrypt

from moorage.auth.base import AuthError
from moorage.auth.kept import Kept
from moorage.auth.watched import Watched, ends_with_a_line, name_of

log = logging.getLogger(__name__)

HIGHEST_COST: Final = 17
"""The limit of Apache's `htpasswd`: one check takes some ten seconds."""

LONGEST_PASSWORD: Final = 72
"""Bytes that bcrypt looks at. The rest is cut off, as Go does; the `bcrypt` library would raise."""

Hashing = Callable[[bytes, bytes], bytes]
"""Takes a password, and `$2b$`, cost, `$` and salt; returns the latter followed by the 31 characters of the hash."""

_LINE: Final = re.compile(
    rb"\$2[aby]\$(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<hash>[./A-Za-z0-9]{31})"
    rb"(?:[^./A-Za-z0-9].*)?"
)
"""A remark may follow, as Apache and the reference allow; but not the line of the next user, because a newline is missing."""

_ALPHABET: Final = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_KINDS: Final = {
    b"$2": "damaged bcrypt",
    b"$apr1$": "MD5",
    b"$1$": "MD5",
    b"{SHA}": "SHA-1",
    b"$5$": "SHA-256",
    b"$6$": "SHA-512",
    b"$argon2": "Argon2",
    b"$y$": "yescrypt",
}
_SHOWN: Final = 10


def significant(password: str) -> bytes:
    """The bytes that bcrypt looks at: two passwords that agree in them are the same password."""
    return password.encode("utf-8", "surrogatepass")[:LONGEST_PASSWORD]


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of one user. `number`: of the line. `text`: as in the file. `salt`: what Hashing takes; `expected`: the end of its
    result."""

    number: int
    text: bytes = field(repr=False)
    cost: int
    salt: bytes = field(repr=False)
    expected: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Passwords:
    """The content of a file. `highest`: the highest cost among the lines that count. `ignored`: the numbers of the other lines,
    by the reason why they do not count."""

    users: Mapping[str, Hashed] = field(repr=False)
    highest: int
    ignored: Mapping[str, list[int]]
    hashing: Hashing = bcrypt.hashpw

    def hashed(self, user: str) -> bytes:
        """The hash as in the file; empty for an unknown user."""
        found = self.users.get(user)
        return found.text if found else b""

    def check(self, user: str, password: str) -> bool:
        """Whether the password is right. Blocks, so call it in a thread.

        Every failure takes as long as a check at the highest cost m in the file, so that the time does not tell which users
        exist: a check at cost c takes 2^c rounds, and idle ones at c, c+1, … m-1 add up to 2^m."""
        found = self.users.get(user)
        if found is None or "\0" in password:
            self._work(self.highest)
            return False
        hashed = self.hashing(significant(password), found.salt)
        if hmac.compare_digest(hashed[-31:], found.expected):
            return True
        for cost in range(found.cost, self.highest):
            self._work(cost)
        return False

    def _work(self, cost: int) -> None:
        self.hashing(b"", b"$2b$%02d$" % cost + b"." * 22)


class PasswordFile:
    """A password file that is read again when it changes (`watched`)."""

    def __init__(
        self,
        path: str,
        key: str = "auth.htpasswd.path",
        *,
        hashing: Hashing = bcrypt.hashpw,
        kept: Kept | None = None,
    ) -> None:
        """`kept`: see Watched. Raises AuthError for a file that is missing, cannot be read, or has no usable line."""
        self._path = path
        self._key = key
        self._hashing = hashing
        self._kept = kept
        try:
            self._watched = Watched(path, key, self._read, kept, whole=ends_with_a_line)
        except AuthError as error:
            raise AuthError(
                f"{error}; it must be a file that the registry may read, with a line for each user: "
                f"`moorage htpasswd USER` prints one"
            ) from None

    def current(self) -> Passwords:
        return self._watched.current()

    def _read(self, content: bytes) -> Passwords:
        found = parse(content, self._hashing)
        if found.ignored and not self._is_told(content):
            log.warning(
                "lines of the password file do not count, only those with bcrypt do",
                extra={"key": self._key, "path": self._path, "lines": _told(found.ignored)},
            )
        return found

    def _is_told(self, content: bytes) -> bool:
        """Whether another worker has read the same, and told what is wrong with it."""
        return self._kept is not None and self._kept.recall(name_of(self._path, self._key)) == content


def parse(content: bytes, hashing: Hashing = bcrypt.hashpw) -> Passwords:
    """Raises ValueError if no user could sign in."""
    users: dict[str, Hashed] = {}
    ignored: dict[str, list[int]] = {}
    for number, raw in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        name, colon, text = line.partition(b":")
        try:
            user = _user(name, colon)
            before = users.pop(user, None)
            if before is not None:
                ignored.setdefault("another line of the user follows", []).append(before.number)
            users[user] = _hashed(number, text)
        except ValueError as error:
            ignored.setdefault(str(error), []).append(number)
    if not users:
        raise ValueError("no line with a user and bcrypt, so nobody could sign in")
    highest = max(hashed.cost for hashed in users.values())
    return Passwords(users, highest, ignored, hashing)


def _user(name: bytes, colon: bytes) -> str:
    """Raises ValueError whose text is the kind of mistake."""
    if not colon:
        raise ValueError("no colon")
    if not name:
        raise ValueError("no user")
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def _hashed(number: int, text: bytes) -> Hashed:
    """Raises ValueError whose text is the kind of mistake."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise ValueError(
            next((kind for start, kind in _KINDS.items() if text.startswith(start)), "not bcrypt")
        )
    cost = int(match["cost"])
    if cost < 4:
        raise ValueError("damaged bcrypt")
    if cost > HIGHEST_COST:
        raise ValueError(f"bcrypt with a cost above {HIGHEST_COST}")
    # The last character has four bits that belong to no byte. Go ignores them; the `bcrypt` library raises if one is set.
    last = _ALPHABET[_ALPHABET.index(match["salt"][-1]) & 0x30]
    salt = b"$2b$%02d$%s%c" % (cost, match["salt"][:-1], last)
    return Hashed(number, text, cost, salt, match["hash"])


def _told(ignored: Mapping[str, list[int]]) -> str:
    return "; ".join(
        f"{', '.join(map(str, numbers[:_SHOWN]))}"
        + (f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else "")
        + f" ({kind})"
        for kind, numbers in ignored.items()
    )
