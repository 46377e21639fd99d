"""What the launcher learns of the files of a certificate when it looks at them, second by second."""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509

from moorage.config.sections.tls import Tls
from moorage.server import renewal
from moorage.server.renewal import Files
from tests.server.issuing import DAY, Authority, Issued, key_pem, new_key

AUTHORITY = Authority()


class Pair:
    """A certificate and its key on disk, and who looks at them."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self._moments = count(time.time_ns(), 1_000_000_000)
        self.write(AUTHORITY.issue())
        self.files = Files(
            Tls.model_validate({"certificate": str(self.certificate), "key": str(self.key), **more})
        )

    def write(self, issued: Issued) -> bytes:
        issued.write(self.certificate, self.key)
        # For some file systems, changes within a few milliseconds are of the same time.
        moment = next(self._moments)
        for path in (self.certificate, self.key):
            os.utime(path, ns=(moment, moment))
        return issued.chain

    def found(self, *, hurry: bool = False) -> bytes | None:
        """The chain that is to be served from now on, if there is another."""
        found = self.files.look(hurry=hurry)
        return found.chain if found else None


def let_pass(monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> None:
    """For the launcher, it is so much later from now on."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + passed

    monkeypatch.setattr(renewal, "datetime", Later)


def test_files_that_just_changed_are_left_alone_until_the_next_look(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    assert pair.found() is None
    chain = pair.write(AUTHORITY.issue())
    assert pair.found() is None
    assert pair.found() == chain


def test_in_a_hurry_they_are_not(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    chain = pair.write(AUTHORITY.issue())
    assert pair.found(hurry=True) == chain


def test_a_find_is_told_once_unless_it_is_asked_for_again(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    chain = pair.write(AUTHORITY.issue())
    assert pair.found(hurry=True) == chain
    assert pair.found() is None
    pair.files.again()
    assert pair.found() == chain


def test_the_same_content_in_new_files_is_nothing_new(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    for path in (pair.certificate, pair.key):
        copy = path.with_suffix(".new")
        copy.write_bytes(b"# with a comment\n" + path.read_bytes())
        os.replace(copy, path)
    assert pair.found(hurry=True) is None
    assert pair.found() is None


def test_what_is_broken_is_told_once_for_each_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(tmp_path)
    with caplog.at_level(logging.WARNING):
        pair.key.write_bytes(key_pem(new_key()))
        assert [pair.found() for _ in range(4)] == [None] * 4
        pair.key.unlink()
        assert [pair.found() for _ in range(4)] == [None] * 4
    reasons = [getattr(record, "reason", "") for record in caplog.records]
    assert len(reasons) == 2, reasons
    assert "is not the key of" in reasons[0]
    assert "no such file" in reasons[1]


def test_what_time_alone_mends_is_served_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(tmp_path)
    early = AUTHORITY.issue(begins=DAY)
    pair.write(early)
    assert [pair.found() for _ in range(3)] == [None] * 3
    let_pass(monkeypatch, DAY)
    assert pair.found() == early.chain


def test_an_authority_that_expires_is_not_believed_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it was the only one: then nobody is, which is not the same as everybody."""
    path = tmp_path / "clients.pem"
    first, last = Authority("First", ends=DAY), Authority("Last", ends=2 * DAY)
    path.write_bytes(first.pem + last.pem)
    pair = Pair(tmp_path, clientcas=[str(path)])
    assert pair.files.served.authorities == first.pem + last.pem
    for expired, left in ((first, [last.certificate]), (last, [])):
        let_pass(monkeypatch, expired.ends)
        found = pair.files.look()
        assert found is not None
        pair.files.take(found)
        names = x509.load_pem_x509_certificates(found.authorities)
        assert [one for one in names if one in (first.certificate, last.certificate)] == left
        assert names
        assert pair.files.look() is None


def test_an_end_that_is_near_is_told_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pair = Pair(tmp_path)
        pair.write(AUTHORITY.issue(ends=9 * DAY))
        found = pair.files.look(hurry=True)
        assert found is not None
        pair.files.take(found)
        for _ in range(3):
            pair.files.look()
    assert [record.message for record in caplog.records if "expires on" in record.message] == [
        caplog.records[-1].message
    ]
