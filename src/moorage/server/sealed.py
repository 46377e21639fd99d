"""Copies of files in memory, under paths that processes forked later can open.

Workers read certificates when they start. With these copies they read what was checked, even if the files have been
replaced since.
"""

from __future__ import annotations

import os
from collections.abc import Iterable


class Sealed:
    """A path for each content, valid until `close`; None for an empty content."""

    def __init__(self, contents: Iterable[bytes]) -> None:
        """Raises OSError if there is no room."""
        self._descriptors: list[int] = []
        try:
            self.paths = [self._write(content) if content else None for content in contents]
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _write(self, content: bytes) -> str:
        descriptor = os.memfd_create("tls")
        self._descriptors.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        return f"/proc/self/fd/{descriptor}"
