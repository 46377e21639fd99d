"""Requests that boto3 makes: with the credentials that were found, for a bounded time, and taken for what they are answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.credentials import RefreshableCredentials

from moorage.drivers.base import DriverError, PathNotFound, StorageFull
from moorage.drivers.objectstore import renewing, sdk
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.renewing import Renewing
from moorage.drivers.objectstore.s3 import s3_driver
from tests.contracts.streams import content
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import DATA, LINKS, s3_options, uploaded
from tests.support.objectstores import S3
from tests.support.storefaults import WRITING, Fault, Faults, Refusal
from tests.support.storeproxy import StoreProxy

MIB = 1 << 20
PAGE = b"<html><body>Please log in</body></html>"


def over(store: S3, endpoint: str) -> ObjectStoreDriver:
    """Everything goes through boto3 that can, and copies are made in parts."""
    options = s3_options(replace(store, endpoint=endpoint), f"tests/{os.urandom(6).hex()}")
    return s3_driver(
        replace(options, acl="public-read", copy_bytes=5 * MIB, copy_threshold=5 * MIB), links_for=LINKS
    )


@pytest.fixture
async def driver(moto_store: S3, proxy: StoreProxy) -> AsyncIterator[ObjectStoreDriver]:
    made = over(moto_store, proxy.endpoint)
    yield made
    await made.close()


async def joined(driver: ObjectStoreDriver) -> None:
    """A copy in parts, of an upload of another process."""
    await driver.move(DATA, "/blob", mark=await uploaded(driver, os.urandom(12 * MIB)))


async def test_a_store_that_is_silent_is_given_up_in_time(
    driver: ObjectStoreDriver, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "GIVE_UP", timedelta(seconds=0.3))
    monkeypatch.setattr(sdk, "PROMPT", timedelta(seconds=0.2))
    proxy.faults = Faults(1, [Fault.SILENCE])
    with proxy.counted() as calls, pytest.raises(DriverError, match="Read timeout"):
        await driver.write([("/a", b"1")])
    assert len(calls) < 4


async def test_a_store_that_asks_to_slow_down_is_given_up_in_time(
    driver: ObjectStoreDriver, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "GIVE_UP", timedelta())
    proxy.faults = Faults(1, [Fault.SLOW_DOWN])
    with proxy.counted() as calls, pytest.raises(DriverError, match="SlowDown"):
        await driver.write([("/a", b"1")])
    assert len(calls) == 1


async def test_a_store_that_recovers_meanwhile_is_asked_again(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    class Twice(Faults):
        left = 2

        def draw(self, request: object) -> Fault | None:
            self.left -= 1
            return Fault.SLOW_DOWN if self.left >= 0 else None

    proxy.faults = Twice()
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"


async def test_a_write_that_was_given_up_does_not_come_after_a_later_one(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    proxy.faults = Faults(1, [Fault.SLOW_DOWN])
    older = asyncio.create_task(driver.write([("/a", b"older")]))
    while not proxy.injected:
        await asyncio.sleep(0.01)
    proxy.faults = Faults()
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    await driver.write([("/a", b"newer")])
    assert await driver.read("/a") == b"newer"
    await asyncio.sleep(1.5)
    assert await driver.read("/a") == b"newer"


def given(token: str, minutes: int) -> bytes:
    """Credentials as a container gets them."""
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    found = {"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": token}
    return json.dumps({**found, "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instead]:
    """Gives out credentials. Nothing else does."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    found = Instead(200, given("first", minutes=60), "application/json")
    async with instead(found) as address:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/credentials")
        yield found


async def keyless(store: S3, proxy: StoreProxy) -> ObjectStoreDriver:
    # In a thread: the provider answers in this one.
    return await asyncio.to_thread(over, replace(store, access_key="", secret_key=""), proxy.endpoint)


async def test_credentials_that_were_found_last_though_nobody_gives_them_out_any_more(
    moto_store: S3, proxy: StoreProxy, provider: Instead
) -> None:
    """Each library has its own clients, and some are made with the first request that needs them."""
    driver = await keyless(moto_store, proxy)
    provider.status = 503
    with proxy.counted() as calls:
        await driver.write([("/a", b"1")])
        await joined(driver)
        await driver.abandoned(["/u"], 0.0, remove=False)
        assert await driver.read("/a") == b"1"
    await driver.close()
    assert {call.head.header("x-amz-security-token") for call in calls} == {"first"}


async def test_credentials_that_expire_soon_are_replaced(
    moto_store: S3, proxy: StoreProxy, provider: Instead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.drivers.objectstore.s3.FRESH_SECONDS", 0.0)
    provider.body = given("first", minutes=5)
    driver = await keyless(moto_store, proxy)
    provider.body = given("second", minutes=60)
    with proxy.counted() as calls:
        await driver.write([("/a", b"1")])
        assert await driver.read("/a") == b"1"
    await driver.close()
    assert [call.head.header("x-amz-security-token") for call in calls] == ["second", "second"]


async def test_credentials_that_nobody_replaces_are_told_in_a_line(
    moto_store: S3,
    proxy: StoreProxy,
    provider: Instead,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("moorage.drivers.objectstore.s3.FRESH_SECONDS", 0.0)
    provider.body = given("first", minutes=12)
    driver = await keyless(moto_store, proxy)
    provider.status, provider.body = 403, b"forbidden"
    await driver.write([("/a", b"1")])
    await driver.close()
    told = [one for one in caplog.records if one.name == "botocore.credentials"]
    assert told
    assert all(one.exc_info is None and "403" in one.getMessage() for one in told)


@pytest.fixture
def slow(tmp_path: Path, provider: Instead, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that gives out credentials which end within the time that was written to `minutes`, and waits as long as there is a file
    `wait`."""
    program = tmp_path / "program"
    program.write_text(
        f"""#!/bin/sh
while [ -e {tmp_path}/wait ]; do sleep 0.02; done
ends=$(date -u -d "+$(cat {tmp_path}/minutes) minutes" +%Y-%m-%dT%H:%M:%SZ)
echo "{{\\"Version\\": 1, \\"AccessKeyId\\": \\"key\\", \\"SecretAccessKey\\": \\"secret\\","
echo "\\"SessionToken\\": \\"$(cat {tmp_path}/minutes)\\", \\"Expiration\\": \\"$ends\\"}}"
"""
    )
    program.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    return tmp_path


@pytest.mark.parametrize("minutes", ["14", "5"])
async def test_nothing_waits_for_new_credentials_as_long_as_there_are_good_ones(
    moto_store: S3, proxy: StoreProxy, slow: Path, minutes: str, caplog: pytest.LogCaptureFixture
) -> None:
    """botocore renews them a quarter of an hour before they end, and lets all wait in the last ten minutes."""
    (slow / "minutes").write_text(minutes)
    driver = await keyless(moto_store, proxy)
    await driver.write([("/a", b"1")])
    caplog.clear()
    (slow / "wait").touch()
    (slow / "minutes").write_text("60")
    try:
        async with asyncio.timeout(20):
            for _ in range(2):
                assert await driver.read("/a") == b"1"
                await asyncio.sleep(0.2)
    finally:
        (slow / "wait").unlink()
    assert caplog.text.count("new credentials do not come") == 1
    with proxy.counted() as calls:
        async with asyncio.timeout(20):
            while "60" not in {call.head.header("x-amz-security-token") for call in calls}:
                assert await driver.read("/a") == b"1"
                await asyncio.sleep(0.1)
    await driver.close()


async def test_credentials_that_are_about_to_end_are_waited_for_but_not_without_end(
    moto_store: S3, proxy: StoreProxy, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slow / "minutes").write_text("1")
    driver = await keyless(moto_store, proxy)
    await driver.write([("/a", b"1")])
    monkeypatch.setattr(renewing, "GIVE_UP", timedelta(seconds=0.5))
    (slow / "wait").touch()
    try:
        with pytest.raises(DriverError, match="nobody gave out credentials in time"):
            async with asyncio.timeout(20):
                await driver.read("/a")
    finally:
        (slow / "minutes").write_text("60")
        (slow / "wait").unlink()
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(DriverError):
                assert await driver.read("/a") == b"1"
                break
    await driver.close()


def credentials(minutes: float, renewed: Callable[[], dict[str, str]]) -> RefreshableCredentials:
    """As botocore finds them, when they end in that time."""
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    return RefreshableCredentials("key", "secret", "first", ends, renewed, "test")


def second() -> dict[str, str]:
    ends = datetime.now(UTC) + timedelta(minutes=60)
    return {"access_key": "key", "secret_key": "secret", "token": "second", "expiry_time": ends.isoformat()}


def test_who_begins_when_credentials_end_soon_and_nobody_gives_out_others_uses_them() -> None:
    """botocore gives out none of the last ten minutes."""

    def nothing() -> dict[str, str]:
        raise OSError("away")

    provide = Renewing(credentials(8, nothing))
    assert [provide().token for _ in range(3)] == ["first"] * 3


def test_a_thread_that_cannot_be_started_ends_no_renewal_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(renewing, "SOON_SECONDS", 20.0)
    usable, ending = Renewing(credentials(8, second)), Renewing(credentials(0.5, second))
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", start)
        assert [usable().token for _ in range(2)] == ["first"] * 2
        with pytest.raises(RuntimeError, match="new thread"):
            ending()
    assert (usable().token, ending().token) == ("second", "second")


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (507, b"", "text/plain", "507 without a code"),
        (507, b"<html>Insufficient Storage</html>", "text/html", "507 without a code"),
        (
            500,
            b"<Error><Code>InternalError</Code><Message>write: No space left on device</Message></Error>",
            "application/xml",
            "InternalError",
        ),
    ],
    ids=["bare", "page", "disk"],
)
async def test_a_store_that_is_full_is_told_from_one_that_fails(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: str, told: str
) -> None:
    monkeypatch.setattr(sdk, "GIVE_UP", timedelta())
    async with instead(Instead(status, body, kind)) as address:
        driver = over(moto_store, address)
        with pytest.raises(StorageFull, match=told):
            await driver.write([("/a", b"1")])
        await driver.close()


@pytest.mark.parametrize(("status", "told"), [(200, "an answer without"), (403, "403"), (404, "404")])
async def test_a_page_in_the_place_of_the_store_is_no_answer_of_its(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    monkeypatch.setattr(sdk, "GIVE_UP", timedelta())
    async with instead(Instead(status, PAGE)) as address:
        driver = over(moto_store, address)
        for write in (
            driver.write([("/a", b"1")]),
            driver._joiner.join([("s", 12 * MIB)], "t", "/t"),
        ):
            with pytest.raises(DriverError, match=f"{told}.*something else answers in the place") as raised:
                await write
            assert not isinstance(raised.value, PathNotFound)
        await driver.close()


async def test_a_copy_that_fails_does_not_keep_its_client_until_it_is_aborted(
    driver: ObjectStoreDriver, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.drivers.objectstore.partcopies.GIVING_UP_SECONDS", 0.01)
    mark = await uploaded(driver, os.urandom(12 * MIB))
    proxy.faults = Faults(refusal=Refusal("400 Bad Request", "InvalidRequest", ("PUT",)))
    proxy.latency_seconds = 0.05
    with pytest.raises(DriverError, match="InvalidRequest"):
        await driver.move(DATA, "/blob", mark=mark)
    proxy.faults = Faults()
    proxy.latency_seconds = 0.0
    await driver.move(DATA, "/blob", mark=mark)
    assert len(await content(driver, "/blob")) == 12 * MIB


async def test_the_right_to_write_is_missed_by_name(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied", WRITING))
    with pytest.raises(DriverError, match="access is denied"):
        await driver.write([("/a", b"1")])
