"""PyYAML's safe loader, with tabs wherever YAML allows white space.

Its scanner in Python takes none outside of quotes. The one in C (libyaml) does, as the libraries of other languages do, but not every
build of PyYAML has it, and it tells the start of a value as the place of what is wrong inside it.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.scanner import ScannerError

_BREAKS: Final = "\r\n\x85\u2028\u2029"
_END: Final = "\0"


class Loader(yaml.SafeLoader):
    """`compose` gives its node graph, `value_of` what one scalar means."""

    def value_of(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_object(node)
        except (ValueError, LookupError, OverflowError, yaml.YAMLError):
            # Its patterns for numbers match some texts that are none, such as `0x_`; a tag is put before any text.
            return node.value

    def scan_to_next_token(self) -> None:
        """A tab may not be where a key could begin, which is where columns count, unless nothing or a comment follows. Raises
        ScannerError."""
        super().scan_to_next_token()
        while self.peek() == "\t":
            length = self._blanks()
            indents = self.allow_simple_key and not self.flow_level
            if indents and self.peek(length) not in f"#{_BREAKS}{_END}":
                raise ScannerError(None, None, "a tab is where only spaces may be", self.get_mark())
            self.forward(length)
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str]:
        """The white space after a word of a plain value: what stands for it in the value if a word follows. Empty if none can."""
        length = self._blanks()
        blanks = self.prefix(length)
        self.forward(length)
        if self.peek() not in _BREAKS:
            return [blanks] if blanks else []
        first, *more = self._breaks()
        self.allow_simple_key = True
        if self.prefix(3) in ("---", "...") and self.peek(3) in f"{_END} \t{_BREAKS}":
            return []
        spaces = self._blanks(" ")
        # Of the spaces that indent a line, none may be a tab: `scan_to_next_token` tells it.
        taken = self.flow_level or self.column + spaces >= indent
        self.forward(self._blanks() if taken else spaces)
        folded = [first] if first != "\n" else [] if more else [" "]
        return folded + more

    def _blanks(self, kinds: str = " \t") -> int:
        length = 0
        while self.peek(length) in kinds:
            length += 1
        return length

    def _breaks(self) -> list[str]:
        """The line breaks from here on, with the blanks before the second and later ones left out."""
        found: list[str] = []
        length = 0
        while self.peek(length) in _BREAKS:
            self.forward(length)
            found.append(self.scan_line_break())  # type: ignore[no-untyped-call]
            length = self._blanks()
        return found
