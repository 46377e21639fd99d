"""Redirects to another server and rewritten URLs; all else is the driver below."""

from __future__ import annotations

import pytest

from moorage.drivers.base import Driver
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.redirects import Redirected, Rewritten
from tests.contracts.driver import PROMISES, Promise

BLOB = "/docker/registry/v2/blobs/sha256/ab/abcdef/data"
SIGNED = f"http://account.blob.example/container{BLOB}?sig=a%2Bb%3D&se=2030-01-01&empty="


class Answering(DelegatingDriver):
    """Answers one URL for every path, and remembers what it was asked."""

    def __init__(self, driver: Driver, url: str | None) -> None:
        super().__init__(driver)
        self.url = url
        self.asked: list[tuple[str, str, str]] = []

    async def direct(self, path: str, method: str, client: str) -> str | None:
        self.asked.append((path, method, client))
        return self.url


async def redirect(baseurl: str, path: str = BLOB, method: str = "GET") -> str | None:
    return await Redirected(InMemoryDriver(), baseurl=baseurl).direct(path, method, "")


async def rewrite(
    url: str | None, *, scheme: str | None = None, host: str | None = None, trim: str | None = None
) -> str | None:
    below = Answering(InMemoryDriver(), url)
    driver = Rewritten(below, scheme=scheme, host=host, trimpathprefix=trim)
    answer = await driver.direct(BLOB, "GET", "192.0.2.1")
    assert below.asked == [(BLOB, "GET", "192.0.2.1")]
    return answer


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_wrapped_drivers_keep_the_promises_of_a_driver(promise: Promise) -> None:
    driver = Redirected(Rewritten(InMemoryDriver()), baseurl="https://cdn.example")
    await promise(driver)
    await driver.close()


async def test_a_driver_that_changes_nothing_is_the_driver_below() -> None:
    below = Answering(InMemoryDriver(), SIGNED)
    driver = DelegatingDriver(below)
    assert (driver.name, driver.exclusive) == (below.name, below.exclusive)
    assert await driver.direct(BLOB, "HEAD", "192.0.2.1") == SIGNED
    assert below.asked == [(BLOB, "HEAD", "192.0.2.1")]
    with pytest.raises(AttributeError):
        _ = driver.nothing_of_this_name


@pytest.mark.parametrize(
    ("baseurl", "stem"),
    [
        ("https://example.com:5443", "https://example.com:5443"),
        ("http://example.com/", "http://example.com"),
        ("https://example.com/path", "https://example.com/path"),
        ("https://example.com/path/", "https://example.com/path"),
        ("https://example.com/a b/c%20d", "https://example.com/a%20b/c%20d"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
    ],
)
async def test_the_path_follows_the_base_url(baseurl: str, stem: str) -> None:
    assert await redirect(baseurl) == stem + BLOB
    assert await redirect(baseurl, BLOB.removeprefix("/")) == stem + BLOB


async def test_only_reads_are_redirected() -> None:
    assert await redirect("https://cdn.example", method="HEAD") == f"https://cdn.example{BLOB}"
    assert await redirect("https://cdn.example", method="PUT") is None


@pytest.mark.parametrize(
    ("baseurl", "refused"),
    [
        ("https://example.com/x?y=z", "the query"),
        ("https://example.com/x#w", "the fragment"),
        ("https://user:secret@example.com/x", "the user"),
        ("https://user:secret@example.com/x?y=z#w", "the user, the query and the fragment"),
    ],
)
def test_what_clients_would_not_be_sent_with_is_refused_in_a_base_url(baseurl: str, refused: str) -> None:
    with pytest.raises(ValueError, match=f"remove {refused}$") as raised:
        Redirected(InMemoryDriver(), baseurl=baseurl)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "baseurl", ["", "example.com", "/path", "https://", "https:///path", "https://:443/"]
)
def test_a_base_url_needs_a_scheme_and_a_host(baseurl: str) -> None:
    with pytest.raises(ValueError, match="scheme and a host"):
        Redirected(InMemoryDriver(), baseurl=baseurl)


async def test_the_driver_below_a_redirect_is_not_asked() -> None:
    below = Answering(InMemoryDriver(), SIGNED)
    await Redirected(below, baseurl="https://cdn.example").direct(BLOB, "GET", "")
    assert below.asked == []


async def test_scheme_and_host_are_replaced_and_the_query_stays() -> None:
    path_and_query = SIGNED.removeprefix("http://account.blob.example")
    assert await rewrite(SIGNED, scheme="https", host="cdn.example:8443") == (
        f"https://cdn.example:8443{path_and_query}"
    )
    assert await rewrite(SIGNED, scheme="HTTPS") == f"https://account.blob.example{path_and_query}"
    assert await rewrite(SIGNED, host="cdn.example") == f"http://cdn.example{path_and_query}"
    assert await rewrite(SIGNED) == SIGNED


@pytest.mark.parametrize(
    ("path", "prefix", "left"),
    [
        ("/some/path/file", "/some/path", "/file"),
        ("/some/path/file", "/some/path/", "/file"),
        ("/some/path/file", "/other", "/some/path/file"),
        ("/file/some/path", "/some/path", "/file/some/path"),
        ("/some%20path/f%2Bg", "/some path", "/f%2Bg"),
        ("/some%20path/f%2Bg", "/some%20path", "/f%2Bg"),
        ("/container", "/container", ""),
        ("/container", "/container/", ""),
        ("/images/docker/file", "/ima", "/images/docker/file"),
        ("/images/docker/file", "/images/dock", "/images/docker/file"),
        ("/images/docker/file", "images", "/docker/file"),
        ("/images/docker/file", "images/docker/", "/file"),
        ("/images/docker/file", "/", "/images/docker/file"),
        ("//images/file", "/", "//images/file"),
    ],
)
async def test_a_prefix_of_whole_components_is_cut_off_the_path(path: str, prefix: str, left: str) -> None:
    assert await rewrite(f"http://some.host{path}?a=b", trim=prefix) == f"http://some.host{left}?a=b"


async def test_what_comes_through_the_registry_still_does() -> None:
    assert await rewrite(None, scheme="https", host="cdn.example", trim="/docker") is None


@pytest.mark.parametrize("scheme", ["https://", "1a", "ht tp", "https:"])
def test_what_cannot_be_a_scheme_is_refused(scheme: str) -> None:
    with pytest.raises(ValueError, match=r"^scheme must be the scheme alone, such as https, not "):
        Rewritten(InMemoryDriver(), scheme=scheme)


@pytest.mark.parametrize("host", ["https://cdn.example", "cdn.example/path", "cdn.example?a=b", "[::1"])
def test_what_cannot_be_a_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"^host must be the host alone"):
        Rewritten(InMemoryDriver(), host=host)
