"""What every driver promises of notes beside files."""

from __future__ import annotations

from moorage.drivers.base import Driver


async def a_note_is_kept_or_lost_and_the_file_is_whole(driver: Driver) -> None:
    note = bytes(range(256)) * (driver.notes // 256)
    await driver.write_noted("/noted", b"content", note)
    assert await driver.read("/noted") == b"content"
    content, kept = await driver.read_noted("/noted")
    assert content == b"content"
    assert kept in (note, b"")
    await driver.write([("/noted", b"another")])
    assert await driver.read_noted("/noted") == (b"another", b"")
