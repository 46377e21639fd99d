"""Keys in a storage that fails, may not be written to, or has lost bytes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.auth.base import AuthError
from moorage.auth.signing import (
    GRACE_SECONDS,
    LOOK_SECONDS,
    ROTATION_SECONDS,
    SETTLED_SECONDS,
    UNKNOWN_SECONDS,
)
from moorage.auth.signingkey import SigningKey
from moorage.drivers.base import Driver
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.readonly import ReadOnlyDriver
from moorage.store.layout import TOKEN_KEYS
from tests.auth.deployment import DAY, NOW, opened
from tests.auth.hashing import Clock
from tests.auth.keystore import LIFE, Unsteady, accepts, kid, later, names, secret, signed

pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture(params=["inmemory", "filesystem"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    return InMemoryDriver() if request.param == "inmemory" else FilesystemDriver(str(tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


async def test_while_the_storage_fails_the_known_keys_stay_in_force_and_it_is_told_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Unsteady()
    keys = await opened(driver, clock)
    driver.failing = {"children", "read", "write"}
    for _ in range(3):
        await later(keys, clock, ROTATION_SECONDS)
        assert await accepts(keys, signed(keys, clock), clock)
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "stay in force" in record.message
    driver.failing = set()
    await later(keys, clock, LOOK_SECONDS)
    assert len(await names(driver)) == 2
    driver.failing = {"children"}
    await later(keys, clock, LOOK_SECONDS)
    assert len([one for one in caplog.records if one.levelno >= logging.WARNING]) == 2


async def test_a_key_from_a_clock_that_was_years_ahead_stops_no_rotation_and_is_told_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Unsteady()
    keys = await opened(driver, clock)
    first = kid(signed(keys, clock))
    ahead = SigningKey.new(int(NOW) + 10 * 365 * DAY)
    await driver.write([(f"{TOKEN_KEYS}/{ahead.name}", ahead.content())])
    for _ in range(3):
        await later(keys, clock, ROTATION_SECONDS)
        await later(keys, clock, SETTLED_SECONDS)
    assert kid(signed(keys, clock)) not in {first, ahead.id}
    assert first not in {name.partition("-")[2] for name in await names(driver)}, "it is removed in its time"
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert vars(record)["path"] == f"{TOKEN_KEYS}/{ahead.name}"


async def test_beside_nothing_but_a_key_from_the_future_there_is_one_of_now(clock: Clock) -> None:
    driver = Unsteady()
    ahead = SigningKey.new(int(NOW) + 10 * 365 * DAY)
    await driver.write([(f"{TOKEN_KEYS}/{ahead.name}", ahead.content())])
    token = signed(await opened(driver, clock), clock)
    assert kid(token) != ahead.id
    assert len(await names(driver)) == 2


async def test_a_key_that_cannot_be_read_now_is_found_later(clock: Clock) -> None:
    driver = Unsteady()
    first = await opened(driver, clock)
    token = signed(first, clock)
    driver.failing = {"read"}
    other = await opened(driver, clock)
    assert not await accepts(other, token, clock)
    driver.failing = set()
    clock.seconds += UNKNOWN_SECONDS
    assert await accepts(other, token, clock)


async def test_an_old_key_that_cannot_be_removed_does_no_harm(clock: Clock) -> None:
    driver = Unsteady()
    keys = await opened(driver, clock)
    await later(keys, clock, ROTATION_SECONDS)
    driver.failing = {"delete"}
    await later(keys, clock, LIFE + 2 * GRACE_SECONDS)
    assert await accepts(keys, signed(keys, clock), clock)
    assert len(await names(driver)) == 3
    driver.failing = set()
    await later(keys, clock, LOOK_SECONDS)
    assert len(await names(driver)) == 2


def torn(_: str, content: bytes) -> bytes:
    return content[: len(content) // 2]


def nothing(_: str, __: bytes) -> bytes:
    return b""


def noise(_: str, __: bytes) -> bytes:
    return b"\x00\xff" * 60


def a_list(_: str, content: bytes) -> bytes:
    return b"[" + content + b"]"


def another_private_half(_: str, content: bytes) -> bytes:
    other = json.loads(SigningKey.new(0).content())
    return json.dumps({**json.loads(content), "d": other["d"]}).encode()


def another_key(_: str, __: bytes) -> bytes:
    return SigningKey.new(0).content()


def no_private_half(_: str, content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "d": None}).encode()


def short(_: str, content: bytes) -> bytes:
    members = json.loads(content)
    return json.dumps({**members, "d": members["d"][:20]}).encode()


@pytest.mark.parametrize(
    "damage", [torn, nothing, noise, a_list, another_private_half, another_key, no_private_half, short]
)
async def test_a_damaged_key_is_ignored_with_a_warning_that_names_it_and_not_what_is_in_it(
    driver: Driver, clock: Clock, damage: Callable[[str, bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    token = signed(await opened(driver, clock), clock)
    (name,) = await names(driver)
    path = f"{TOKEN_KEYS}/{name}"
    content = await driver.read(path)
    damaged = damage(name, content)
    await driver.write([(path, damaged)])
    keys = await opened(driver, clock)
    await later(keys, clock, LOOK_SECONDS)
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.__dict__["path"] == path
    assert secret(content) not in repr(record.__dict__)
    assert not await accepts(keys, token, clock)
    assert await accepts(keys, signed(keys, clock), clock)
    assert await driver.read(path) == damaged


async def test_a_key_file_that_lost_bytes_on_the_disk_is_ignored_with_a_warning(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await opened(FilesystemDriver(str(tmp_path)), clock)
    (file,) = (tmp_path / TOKEN_KEYS[1:]).iterdir()
    with file.open("r+b") as opened_file:
        opened_file.truncate(20)
    keys = await opened(FilesystemDriver(str(tmp_path)), clock)
    assert await accepts(keys, signed(keys, clock), clock)
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.__dict__["path"] == f"{TOKEN_KEYS}/{file.name}"


@pytest.mark.parametrize("name", ["note", "1800000000-short", "1800000000", f"180000000-{'a' * 43}"])
async def test_what_is_not_a_key_is_left_alone(
    driver: Driver, clock: Clock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    await driver.write([(f"{TOKEN_KEYS}/{name}", SigningKey.new(1).content())])
    keys = await opened(driver, clock)
    assert await accepts(keys, signed(keys, clock), clock)
    assert name in await names(driver)
    assert [one.__dict__["path"] for one in caplog.records if one.levelno >= logging.WARNING] == [
        f"{TOKEN_KEYS}/{name}"
    ]


async def test_a_storage_that_has_no_key_and_takes_none_is_a_mistake_that_says_what_to_do(
    clock: Clock,
) -> None:
    with pytest.raises(
        AuthError, match=r"^auth\.issuer: .*/moorage/keys.*write there once.*auth\.issuer\.enabled"
    ):
        await opened(ReadOnlyDriver(InMemoryDriver()), clock)
    driver = Unsteady()
    driver.failing = {"children"}
    with pytest.raises(AuthError, match="the cable is cut"):
        await opened(driver, clock)


async def test_a_read_only_registry_goes_on_with_the_key_that_it_finds(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    driver = InMemoryDriver()
    token = signed(await opened(driver, clock), clock)
    keys = await opened(ReadOnlyDriver(driver), clock)
    assert await accepts(keys, token, clock)
    for _ in range(3):
        await later(keys, clock, ROTATION_SECONDS)
        assert kid(signed(keys, clock)) == kid(token)
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "due" in record.message
