"""One way to the store for all requests, whichever library sends them, and however the environment says which."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.bearer import Bearer
from moorage.drivers.objectstore.proxies import proxy_for
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import driver_over
from tests.support.objectstores import S3

PROXY = "http://proxy:3128"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://s3.example", {}, ""),
        ("https://s3.example", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://s3.example", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("https://s3.example", {"HTTP_PROXY": PROXY}, ""),
        ("http://s3.example", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://s3.example", {"http_proxy": "proxy:3128"}, PROXY),
        ("http://s3.example", {"all_proxy": PROXY}, PROXY),
        ("http://s3.example", {"ALL_PROXY": "http://other", "HTTP_PROXY": PROXY}, PROXY),
        ("http://s3.example", {"HTTP_PROXY": ""}, ""),
        ("http://[s3.example", {"HTTP_PROXY": PROXY}, ""),
    ],
)
def test_a_proxy_is_chosen_by_scheme(url: str, environment: dict[str, str], proxy: str) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    ("host", "excepted", "direct"),
    [
        ("s3.example", "s3.example", True),
        ("s3.example", "EXAMPLE", True),
        ("s3.example", "a.example, .example", True),
        ("s3.example", "*.example", True),
        ("s3.example", "3.example", False),
        ("s3.example", "a.s3.example", False),
        ("s3.example", "*", True),
        ("s3.example", ".", False),
        ("s3.example", "", False),
        ("s3.example", "10.0.0.0/8", False),
        ("s3.example", "s3.example:80", True),
        ("s3.example", "s3.example:9000", False),
        ("s3.example:9000", "s3.example:9000", True),
        ("s3.example:9000", "example b.example", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "11.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3:9000", False),
        ("10.1.2.3:9000", "10.1.2.3:9000", True),
        ("10.1.2.3", "2.3", False),
        ("[fd00::1]", "fd00::1", True),
        ("[fd00::1]", "fd00::/8", True),
        ("[fd00::1]:9000", "[fd00::1]:9000", True),
        ("[fd00::1]:9000", "[fd00::1]:80", False),
    ],
)
def test_hosts_are_excepted_by_name_address_network_and_port(host: str, excepted: str, direct: bool) -> None:
    environment = {"HTTP_PROXY": PROXY, "NO_PROXY": excepted}
    assert proxy_for(f"http://{host}", environment) == ("" if direct else PROXY)


def test_a_proxy_that_speaks_no_http_is_refused_and_not_quoted() -> None:
    with pytest.raises(DriverError, match=r"ALL_PROXY: .* speaks socks5") as told:
        proxy_for("http://s3.example", {"ALL_PROXY": "socks5://user:hidden@proxy"})
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("excepted", ["{host}", "127.0.0.0/8,localhost", "{host}:{port}", "*"])
async def test_both_libraries_go_to_an_excepted_store_directly(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch, excepted: str, host: str
) -> None:
    async with instead(Instead(403, b"not here")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        port = moto_store.endpoint.rpartition(":")[2]
        monkeypatch.setenv("NO_PROXY", excepted.format(host=host, port=port))
        driver = driver_over(moto_store, endpoint=f"http://{host}:{port}")
        await driver.write([("/a", b"1")])
        assert await driver.abandoned(["/b"], 0.0, remove=False) == []
        await driver.close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_both_libraries_ask_the_proxy_for_others(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refusing = Instead(403, b"not here")
    async with instead(refusing) as proxy:
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,127.0.0.1:1,example.com")
        driver = driver_over(moto_store)
        for call in (driver.write([("/a", b"1")]), driver.abandoned(["/b"], 0.0, remove=False)):
            refusing.asked.clear()
            with contextlib.suppress(DriverError):
                await call
            assert refusing.asked
            assert all(target.startswith(moto_store.endpoint) for target in refusing.asked)
        await driver.close()


async def test_googles_tokens_are_asked_for_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the requests are, for which they are."""
    user = {"client_id": "i", "client_secret": "s", "refresh_token": "t"}
    (tmp_path / "user.json").write_text(json.dumps({"type": "authorized_user", **user}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "user.json"))
    refusing = Instead(502, b"not here")
    async with instead(refusing) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        request = SimpleNamespace(headers={})
        with pytest.raises(DriverError, match="no token"):
            await asyncio.to_thread(Bearer({}), request)
        assert set(refusing.asked) == {"oauth2.googleapis.com:443"}
