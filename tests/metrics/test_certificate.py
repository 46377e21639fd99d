"""The end of the certificate is that of the one which is served, whatever lies in its file."""

from __future__ import annotations

from pathlib import Path

from tests.faults.processes import eventually
from tests.metrics.scraped import counting, scrape
from tests.server.issuing import DAY, Issued
from tests.server.secure import AUTHORITY, CERTIFICATE, KEY, secure_server, stopped
from tests.support.ports import free_port

SECONDS = 30.0
EXPIRY = "registry_certificate_expiry_timestamp_seconds"


def end_of(issued: Issued) -> float:
    return issued.certificate.not_valid_after_utc.timestamp()


def test_a_new_file_counts_when_it_is_served_and_not_before(tmp_path: Path) -> None:
    old, new, port = AUTHORITY.issue(ends=2 * DAY), AUTHORITY.issue(ends=80 * DAY), free_port()
    with stopped(secure_server(tmp_path, old, extra=counting(port))) as server:
        assert scrape(port).total(EXPIRY) == end_of(old)
        (tmp_path / CERTIFICATE).write_bytes(new.chain)
        eventually(lambda: "is not the key of" in server.said(), SECONDS, "the key was forgotten")
        assert scrape(port).total(EXPIRY) == end_of(old)
        new.write(tmp_path / CERTIFICATE, tmp_path / KEY)
        eventually(lambda: server.serial() == new.serial, SECONDS, "the new one is served")
        eventually(lambda: scrape(port).total(EXPIRY) == end_of(new), SECONDS, "it counts")
