"""Options of a controller in the configuration. They may have any type until they are read here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from moorage.auth.base import AuthError
from moorage.auth.mapping import texts


class Options:
    """The options in `section`. Each method that reads one raises AuthError naming its key."""

    def __init__(self, given: Mapping[str, Any], section: str, keys: Sequence[str]) -> None:
        """`keys`: the known options. Raises AuthError for an unknown one."""
        self._given = {key: value for key, value in given.items() if value is not None}
        self._section = section
        for key in given:
            if key not in keys:
                nearest = difflib.get_close_matches(str(key), keys, n=1)
                hint = f" (did you mean {nearest[0]}?)" if nearest else ""
                raise self.mistake(key, f"is unknown{hint}; there are {', '.join(keys)}")

    def place(self, key: str) -> str:
        return f"{self._section}.{key}"

    def mistake(self, key: str, what: str) -> AuthError:
        return AuthError(f"{self.place(key)}: {what}")

    def text(self, key: str, default: str | None = None, *, empty: bool = False) -> str:
        """A text, which is required if there is no default."""
        value = self._given.get(key, default)
        if value is None:
            raise self.mistake(key, "is missing")
        if not isinstance(value, str) or not (value or empty):
            raise self.mistake(key, "must be a text" + ("" if empty else ", and not empty"))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._given.get(key, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self.mistake(key, "must be a list of texts")
        if not all(isinstance(one, str) and one for one in value):
            raise self.mistake(key, "must be a list of texts, none of them empty")
        return tuple(value)

    def choices(self, key: str) -> dict[str, frozenset[str]]:
        """Names with lists of values. True, false and numbers of YAML are spelled as in JSON."""
        value = self._given.get(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
            raise self.mistake(key, "must be names with lists of values")
        found: dict[str, frozenset[str]] = {}
        for name, listed in value.items():
            read = texts(listed) if isinstance(listed, list) else []
            if not read or len(read) != len(listed):
                raise self.mistake(f"{key}.{name}", "must be a list of one value or more")
            found[name] = frozenset(read)
        return found
