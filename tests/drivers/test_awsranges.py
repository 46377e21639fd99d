"""Address ranges: the look-up is what `ipaddress` says; the list is loaded again whatever its server does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from moorage.drivers import awsranges
from moorage.drivers.awsranges import AddressRanges, AWSRanges, parse
from tests.support.ports import free_port

LIST = {
    "syncToken": "1",
    "prefixes": [
        {
            "ip_prefix": "192.0.2.0/24",
            "region": "eu-west-1",
            "service": "S3",
            "network_border_group": "eu-west-1",
        },
        {"ip_prefix": "198.51.100.0/25", "region": "us-east-1", "service": "EC2"},
        {"ip_prefix": "nonsense", "region": "us-east-1", "service": "EC2"},
        {"ip_prefix": "203.0.113.0/24", "region": "GLOBAL", "service": "CLOUDFRONT"},
    ],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8:1::/48", "region": "us-east-1", "service": "AMAZON"}],
}
SOON = timedelta(milliseconds=10)

Network = IPv4Network | IPv6Network


def networks(bits: int) -> st.SearchStrategy[Network]:
    """Networks that lie close to each other, so that they touch, overlap and hold one another."""
    base = int(ip_address("10.0.0.0" if bits == 32 else "2001:db8::"))
    pairs = st.tuples(st.integers(0, 1023), st.integers(bits - 10, bits))
    family = IPv4Network if bits == 32 else IPv6Network
    return pairs.map(lambda pair: family((base + pair[0], pair[1]), strict=False))


@given(
    st.lists(networks(32) | networks(128), max_size=12),
    st.lists(
        st.ip_addresses()
        | st.integers(-2, 1026).map(lambda number: ip_address("10.0.0.2") + number)
        | st.integers(-2, 1026).map(lambda number: ip_address("2001:db8::2") + number),
        max_size=40,
    ),
)
def test_an_address_is_found_where_a_network_has_it(known: list[Network], addresses: list[object]) -> None:
    ranges = AddressRanges(known)
    ends = [end for one in known for end in (one.network_address, one.broadcast_address)]
    for address in [*addresses, *ends]:
        mapped = getattr(address, "ipv4_mapped", None) or address
        assert (str(address) in ranges) is any(mapped in one for one in known)


@given(st.text(max_size=20) | st.integers() | st.none())
def test_what_is_no_address_is_nowhere(address: object) -> None:
    everywhere = AddressRanges([ip_network("0.0.0.0/0"), ip_network("::/0")])
    valid = True
    try:
        ip_address(str(address))
    except ValueError:
        valid = False
    assert (address in everywhere) is valid


def test_ranges_of_all_services_and_regions() -> None:
    ranges = parse(json.dumps(LIST).encode())
    for address in ("192.0.2.255", "198.51.100.127", "203.0.113.1", "2001:db8:1::1", "::ffff:192.0.2.1"):
        assert address in ranges, address
    for address in ("192.0.3.0", "198.51.100.128", "2001:db8:2::", "", "192.0.2.1:80"):
        assert address not in ranges, address


def test_ranges_of_some_regions() -> None:
    ranges = parse(json.dumps(LIST).encode(), frozenset({"us-east-1", "global"}))
    assert "192.0.2.1" not in ranges
    for address in ("198.51.100.1", "203.0.113.1", "2001:db8:1::1"):
        assert address in ranges, address


@pytest.mark.parametrize(
    "document",
    [
        b"ok",
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        b'{"prefixes": null}',
        b'{"prefixes": [1]}',
        b'{"prefixes": [{}]}',
        b'{"prefixes": [{"ip_prefix": "9000"}]}',
        b"[" * 200_000,
    ],
    ids=lambda document: document[:40].decode("latin-1"),
)
def test_what_is_no_list_of_ranges_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that of the JSON parser too
        parse(document)


def test_a_list_without_the_regions_is_refused() -> None:
    with pytest.raises(ValueError, match="of the regions"):
        parse(json.dumps(LIST).encode(), frozenset({"us-esat-1"}))


@pytest.mark.parametrize("regions", ["", " , ,"])
def test_regions_have_to_be_named(regions: str) -> None:
    with pytest.raises(ValueError, match="no region"):
        AWSRanges("http://127.0.0.1/", every=SOON, regions=regions)


class Publisher:
    """Serves the answers in turn, the last one from then on."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, body=body)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/ip-ranges.json", self.answer)
        async with TestServer(app) as server:
            yield str(server.make_url("/ip-ranges.json"))


@asynccontextmanager
async def watched(ranges: AWSRanges) -> AsyncIterator[None]:
    task = asyncio.create_task(ranges.watch())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What this module logged, and nobody else in this process."""
    return [one for one in caplog.records if one.name == awsranges.__name__]


def only(prefix: str, region: str = "eu-west-1") -> bytes:
    return json.dumps({"prefixes": [{"ip_prefix": prefix, "region": region}]}).encode()


async def test_the_list_is_loaded_after_failures_and_follows_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publisher = Publisher(
        (503, b""), (200, b"ok"), (200, only("192.0.2.0/24")), (200, only("198.51.100.0/24"))
    )
    async with publisher.running() as url:
        ranges = AWSRanges(url, every=SOON)
        assert "192.0.2.1" not in ranges
        async with watched(ranges):
            await until(lambda: "192.0.2.1" in ranges or "198.51.100.1" in ranges)
            await until(lambda: "198.51.100.1" in ranges)
            assert "192.0.2.1" not in ranges
    records = told(caplog)
    assert [one.levelno for one in records] == [logging.WARNING] * 2
    assert [one.__dict__["url"] for one in records] == [url] * 2
    assert records[0].__dict__["reason"] == "status 503"


async def test_a_failed_load_keeps_the_ranges() -> None:
    publisher = Publisher((200, only("192.0.2.0/24")), (500, b""))
    async with publisher.running() as url:
        ranges = AWSRanges(url, every=SOON, regions="us-east-1, EU-West-1")
        async with watched(ranges):
            await until(lambda: len(publisher.requests) > 3)
            assert "192.0.2.1" in ranges


async def test_a_server_that_is_not_there_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with watched(AWSRanges(f"http://127.0.0.1:{free_port()}/", every=SOON)):
        await until(lambda: len(told(caplog)) > 2)


async def test_pauses_grow_and_end_with_success(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 12:
            raise asyncio.CancelledError

    async def load(ranges: AWSRanges) -> AddressRanges:
        if len(slept) == 10:
            return AddressRanges()
        raise ValueError("no list")

    monkeypatch.setattr(AWSRanges, "_load", load)
    # Not that of all who sleep in this process.
    monkeypatch.setattr(awsranges, "asyncio", SimpleNamespace(sleep=sleep))
    ranges = AWSRanges("https://user:secret@ranges.example/list?x=y", every=timedelta(hours=12))
    with pytest.raises(asyncio.CancelledError):
        await ranges.watch()
    assert slept == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 12 * 3600, 5]
    assert {one.__dict__["url"] for one in told(caplog)} == {"https://ranges.example/list?x=y"}


async def test_a_user_in_the_url_is_sent_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher((401, b""))
    async with (
        publisher.running() as url,
        watched(AWSRanges(url.replace("//", "//user:secret@"), every=SOON)),
    ):
        await until(lambda: bool(told(caplog)))
    assert publisher.requests[0].headers["Authorization"].startswith("Basic ")
    assert "secret" not in repr([one.__dict__ for one in caplog.records if one.levelno >= logging.WARNING])
