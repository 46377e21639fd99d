"""Commands over an object store that are asked to end: as after Ctrl-C, they take back what they have told servers."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.announcing import last_text
from moorage.store.descriptors.trust import RUNNING
from tests.drivers.objectstore.stores import driver_over
from tests.stores.commands import in_bucket
from tests.support.objectstores import S3
from tests.support.server import moorage_command

COLLECT = ["garbage-collect"]
REPAIR = ["storage", "check", "--repair", "--age", "0"]
PATIENCE = 30.0


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT is ignored where tests run in the background of a shell, and then by what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def driver(moto_store: S3) -> ObjectStoreDriver:
    """With a tag that is torn, and so something to repair."""
    made = driver_over(moto_store, f"terminated/{secrets.token_hex(6)}")
    await made.write([(layout.tag_link(Name("a"), Tag("torn")), b"")])
    return made


@pytest.mark.parametrize(
    ("command", "asked", "shell", "status"),
    [
        (COLLECT, signal.SIGTERM, "", 143),
        (COLLECT, signal.SIGTERM, "trap '' INT; ", 143),
        (COLLECT, signal.SIGINT, "", 130),
        (REPAIR, signal.SIGTERM, "", 143),
    ],
)
async def test_a_command_that_is_ended_leaves_no_collection_that_seems_to_run(
    moto_store: S3,
    driver: ObjectStoreDriver,
    tmp_path: Path,
    heeded: None,
    command: list[str],
    asked: signal.Signals,
    shell: str,
    status: int,
) -> None:
    config = in_bucket(tmp_path / "bucket.yml", moto_store, driver.key("/").rstrip("/"))
    process = subprocess.Popen(
        ["sh", "-c", f'{shell}exec "$0" "$@"', *moorage_command(*command, "--notice", "60", str(config))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (await last_text(driver)).startswith(RUNNING):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "it did not begin"
            await asyncio.sleep(0.05)
        process.send_signal(asked)
        _, errors = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert (await last_text(driver)).startswith("ended ")
