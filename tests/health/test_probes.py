"""What is asked, and what the answers mean."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moorage.config import Configuration
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.readonly import ReadOnlyDriver
from moorage.health import build
from moorage.health.check import Failing, Probe
from moorage.health.http import answers
from moorage.health.probes import connects, file_is_missing, storage_answers
from moorage.shared import Switch
from tests.health.hanging import hanging_mount
from tests.health.sites import Site, serving
from tests.support.ports import free_port


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as started:
        yield started


async def test_an_empty_storage_answers(tmp_path: Path) -> None:
    await storage_answers(InMemoryDriver())()
    driver = FilesystemDriver(str(tmp_path))
    await storage_answers(driver)()
    await driver.close()


async def test_a_storage_that_cannot_be_read_fails(tmp_path: Path) -> None:
    class Broken(Disk):
        def stat(self, path: str, **_: object) -> os.stat_result:  # type: ignore[override]
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    driver = FilesystemDriver(str(tmp_path), disk=Broken())
    with pytest.raises(DriverError, match="Input/output error"):
        await storage_answers(driver)()
    await driver.close()


def at(root: Path, *, read_only: bool = False) -> Configuration:
    return Configuration.model_validate(
        {
            "version": "0.1",
            "storage": {
                "filesystem": {"rootdirectory": str(root)},
                "maintenance": {"readonly": {"enabled": read_only}},
            },
        }
    )


async def ready(driver: Driver, configuration: Configuration) -> bool:
    return await build(configuration, driver, Switch(), Switch()).ready()


async def test_a_storage_that_vanished_is_not_ready(tmp_path: Path) -> None:
    root, elsewhere, configuration = tmp_path / "root", tmp_path / "elsewhere", at(tmp_path / "root")
    driver = FilesystemDriver(str(root))
    driver.prepare()
    assert await ready(driver, configuration)
    root.rename(elsewhere)
    assert not await ready(driver, configuration), "there is no folder"
    root.touch()
    assert not await ready(driver, configuration), "a file is there"
    root.unlink()
    root.mkdir()
    assert not await ready(driver, configuration), "another disk is there, or none where one was mounted"
    root.rmdir()
    elsewhere.rename(root)
    assert await ready(driver, configuration)
    await driver.close()


async def test_a_tree_that_is_only_read_is_ready_while_its_folder_is_there(tmp_path: Path) -> None:
    root, configuration = tmp_path / "root", at(tmp_path / "root", read_only=True)
    (root / "docker").mkdir(parents=True)
    driver = ReadOnlyDriver(FilesystemDriver(str(root)))
    assert await ready(driver, configuration), "the reference implementation makes no folder of ours"
    root.rename(tmp_path / "elsewhere")
    assert not await ready(driver, configuration), "there is no folder"
    root.touch()
    assert not await ready(driver, configuration), "a file is there"
    await driver.close()


async def test_a_file_must_not_be_there(tmp_path: Path) -> None:
    probe = file_is_missing(str(tmp_path / "down"))
    await probe()
    (tmp_path / "down").touch()
    with pytest.raises(Failing, match="file exists"):
        await probe()
    (tmp_path / "down").unlink()
    await probe()


async def test_a_file_of_which_nothing_is_known_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failing, match="Not a directory"):
        await file_is_missing(str(tmp_path / "file" / "down"))()


async def test_a_mount_that_hangs_takes_one_thread_and_no_more(tmp_path: Path) -> None:
    async def asked_in_vain() -> None:
        async with asyncio.timeout(0.3):
            await probe()

    with ThreadPoolExecutor(2) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        with hanging_mount(tmp_path / "mount") as mount:
            probe = file_is_missing(str(mount / "down"))
            with pytest.raises(TimeoutError):
                await asked_in_vain()
            for _ in range(3):
                with pytest.raises(Failing, match="no answer"):
                    await asked_in_vain()
            async with asyncio.timeout(30):
                assert await asyncio.to_thread(len, "others") == 6, "a thread is left for others"
        async with asyncio.timeout(30):
            while not await works(probe):
                await asyncio.sleep(0.01)


async def works(probe: Probe) -> bool:
    try:
        await probe()
    except Failing:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
async def test_an_address_must_take_connections(host: str) -> None:
    # One of the kernel's own could be another server's as soon as it is free again.
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        await connects(host, port)()
        connection, _ = await asyncio.to_thread(listener.accept)
        connection.close()
    with pytest.raises(Failing, match="cannot connect"):
        await connects(host, port)()


async def test_a_url_is_asked_with_head_and_headers(site: Site) -> None:
    await answers(f"{site.url}/x?y=z", 200, [("X-One", "1"), ("Authorization", "Bearer b")])()
    ((method, path, headers),) = site.asked
    assert (method, path) == ("HEAD", "/x?y=z")
    assert (headers["x-one"], headers["authorization"]) == ("1", "Bearer b")
    assert headers["user-agent"] == "moorage"


async def test_a_url_must_answer_with_the_status(site: Site) -> None:
    site.status = 401
    await answers(site.url, 401)()
    with pytest.raises(Failing, match="answers with status 401, not 200"):
        await answers(site.url, 200)()


async def test_redirects_are_followed_unless_one_is_wanted(site: Site) -> None:
    site.status, site.location = 307, "/end"
    await answers(site.url, 200)()
    assert [(method, path) for method, path, _ in site.asked] == [("HEAD", "/"), ("HEAD", "/end")]
    await answers(site.url, 307)()
    assert len(site.asked) == 3


async def test_passwords_in_a_url_sign_in_and_a_header_goes_before_them(site: Site) -> None:
    url = site.url.replace("//", "//robot:hunter2@")
    await answers(url, 200)()
    await answers(url, 200, [("authorization", "Bearer b")])()
    told = [headers["authorization"] for _, _, headers in site.asked]
    assert told == ["Basic cm9ib3Q6aHVudGVyMg==", "Bearer b"]


async def test_a_server_that_a_redirect_leads_to_gets_no_secrets(site: Site) -> None:
    """Nor does the first one, when that leads back to it."""
    headers = [("X-Api-Key", "hunter2"), ("Authorization", "Bearer hunter2"), ("Host", "hunter2")]
    with serving() as other:
        site.status, site.location = 302, f"{other.url}/elsewhere"
        other.status, other.location = 302, f"{site.url}/end"
        await answers(f"{site.url}/start", 200, headers)()
        await answers(f"{site.url.replace('//', '//robot:hunter2@')}/start", 200)()
    assert [path for _, path, _ in site.asked] == ["/start", "/end"] * 2
    trusted, *_, signed_in, _ = [told for _, _, told in site.asked]
    assert trusted["x-api-key"] == "hunter2"
    assert signed_in["authorization"] == "Basic cm9ib3Q6aHVudGVyMg=="
    assert [path for _, path, _ in other.asked] == ["/elsewhere"] * 2
    for told in [told for _, path, told in other.asked + site.asked if path != "/start"]:
        assert "authorization" not in told
        assert "hunter2" not in str(told)
        assert told["user-agent"] == "moorage"


async def test_a_redirect_on_the_same_server_keeps_headers_and_password(site: Site) -> None:
    site.status, site.location = 302, f"{site.url}/end"
    await answers(site.url, 200, [("X-Api-Key", "key")])()
    await answers(site.url.replace("//", "//robot:hunter2@"), 200)()
    ends = [told for _, path, told in site.asked if path == "/end"]
    assert ends[0]["x-api-key"] == "key"
    assert ends[1]["authorization"] == "Basic cm9ib3Q6aHVudGVyMg=="


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/again?hunter2", "redirects more than 10 times"),
        ("ftp://robot:hunter2@127.0.0.1/", "redirects to what is no URL of HTTP"),
        ("http://robot:hunter2@[::1/", "redirects to what is no URL of HTTP"),
        ("http://robot:hunter2@127.0.0.1:1/", "Cannot connect to host 127.0.0.1:1"),
    ],
)
async def test_reasons_have_no_secrets_in_them(site: Site, location: str, reason: str) -> None:
    site.status, site.location = 302, location
    with pytest.raises(Failing) as raised:
        await answers(site.url.replace("//", "//robot:hunter2@"), 200)()
    assert str(raised.value).startswith(reason)
    assert "hunter2" not in str(raised.value)


async def test_what_speaks_no_http_fails() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection that ends before the request has come is reset.
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Failing, match="answers with what is no HTTP"):
            await answers(f"http://127.0.0.1:{port}/", 200)()


def test_who_probes_no_url_loads_no_client() -> None:
    code = "import sys, moorage.app; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
