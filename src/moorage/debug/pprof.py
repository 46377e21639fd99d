"""Profiles in the format of pprof and compatible tools: compressed profile.proto.

Only the fields that are needed are written: https://github.com/google/pprof/blob/main/proto/profile.proto
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from types import CodeType
from typing import Final

from moorage.debug.profiling import BETWEEN_SECONDS, Call, Profile

_VARINT: Final = 0
_BYTES: Final = 2


class _Texts:
    """The string table: each text is written once, and referred to by its number. The empty text has the number 0."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"": 0}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def encoded(profile: Profile) -> bytes:
    texts = _Texts()
    functions: dict[Call, int] = {}
    samples = []
    for (thread, stack), spent in profile.spent.items():
        called = [functions.setdefault(call, len(functions) + 1) for call in reversed(stack)]
        label = _number(1, texts("thread")) + _number(2, texts(thread))
        samples.append(_packed(1, called) + _packed(2, (spent.seen, spent.nanoseconds)) + _message(3, label))
    kinds = [_kind(texts, "samples", "count"), _kind(texts, "cpu", "nanoseconds")]
    written = b"".join(
        [
            *(_message(1, kind) for kind in kinds),
            *(_message(2, sample) for sample in samples),
            # One location per function: lines are not recorded.
            *(_message(4, _location(number, code)) for (_, code), number in functions.items()),
            *(_message(5, _function(texts, number, *call)) for call, number in functions.items()),
            _number(9, profile.began),
            _number(10, profile.nanoseconds),
            _message(11, kinds[1]),
            _number(12, round(BETWEEN_SECONDS * 1e9)),
        ]
    )
    return gzip.compress(written + b"".join(_message(6, text.encode()) for text in texts.numbers), mtime=0)


def _kind(texts: _Texts, kind: str, unit: str) -> bytes:
    return _number(1, texts(kind)) + _number(2, texts(unit))


def _location(number: int, code: CodeType) -> bytes:
    return _number(1, number) + _message(4, _number(1, number) + _number(2, code.co_firstlineno))


def _function(texts: _Texts, number: int, module: str, code: CodeType) -> bytes:
    name = texts(f"{module}.{code.co_qualname}")
    return b"".join(
        [
            *(_number(1, number), _number(2, name), _number(3, name)),
            *(_number(4, texts(code.co_filename)), _number(5, code.co_firstlineno)),
        ]
    )


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _number(key: int, value: int) -> bytes:
    return _varint(key << 3 | _VARINT) + _varint(value)


def _message(key: int, inner: bytes) -> bytes:
    return _varint(key << 3 | _BYTES) + _varint(len(inner)) + inner


def _packed(key: int, values: Iterable[int]) -> bytes:
    return _message(key, b"".join(map(_varint, values)))
