"""Errors: every one has a code, a status and words, and becomes the body that clients know."""

from __future__ import annotations

import json
import re

import pytest

from moorage import errors
from moorage.api.rendering import error_answer, known_error
from moorage.drivers.base import DriverError, InvalidPath, PathBusy, PathNotFound, StorageFull
from moorage.errors import ManifestBlobUnknown, RegistryError, Unavailable


def kinds(kind: type[RegistryError] = RegistryError) -> list[type[RegistryError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in kinds(below))]


def make(kind: type[RegistryError]) -> RegistryError:
    return kind(["sha256:" + "0" * 64]) if kind is ManifestBlobUnknown else kind()


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_becomes_an_answer(kind: type[RegistryError]) -> None:
    answer = error_answer(make(kind))
    body = json.loads(answer.body)
    assert answer.status == kind.status
    assert 400 <= answer.status < 600
    assert dict(answer.headers)[b"content-type"] == b"application/json"
    assert dict(answer.headers)[b"content-length"] == b"%d" % len(answer.body)
    for entry in body["errors"]:
        assert set(entry) == {"code", "message", "detail"}
        assert re.fullmatch(r"[A-Z_]+", entry["code"])
        assert entry["message"]


def test_every_error_stands_in_the_drawing_of_the_module() -> None:
    assert errors.__doc__ is not None
    for kind in kinds():
        assert re.search(rf"\b{kind.__name__}\b", errors.__doc__), f"draw {kind.__name__}"
        assert str(kind.status) in errors.__doc__


def test_headers_and_detail_reach_the_client() -> None:
    answer = error_answer(RegistryError("words", detail={"a": [1]}, headers={"Retry-After": "5"}))
    assert (b"retry-after", b"5") in answer.headers
    assert json.loads(answer.body)["errors"] == [
        {"code": "UNKNOWN", "message": "words", "detail": {"a": [1]}}
    ]


def test_who_is_sent_away_learns_when_to_come_back() -> None:
    assert dict(error_answer(Unavailable()).headers)[b"retry-after"] == b"5"
    assert dict(error_answer(Unavailable("busy", retry_after=2)).headers)[b"retry-after"] == b"2"


def test_several_missing_digests_are_several_entries() -> None:
    entries = ManifestBlobUnknown(["sha256:a", "sha256:b"]).entries()
    assert [entry["detail"] for entry in entries] == [{"digest": "sha256:a"}, {"digest": "sha256:b"}]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (StorageFull("/secret", "no space"), 507),
        (InvalidPath("/secret", "too long"), 400),
        (DriverError("/secret", "I/O error"), 503),
        (PathNotFound("/secret"), 503),
        (PathBusy("/secret"), 503),
    ],
)
def test_failures_of_the_storage_have_words_without_paths(failure: DriverError, status: int) -> None:
    known = known_error(failure)
    assert known is not None
    answer = error_answer(known)
    assert answer.status == status
    assert b"secret" not in answer.body
    assert known_error(RuntimeError("anything")) is None
