"""Redirects are followed with the same events, and lead nothing secret away."""

from __future__ import annotations

import time

import pytest
from yarl import URL

from moorage.events.outcome import Sent
from moorage.events.redirects import BadRedirect, redirected
from tests.events.attempt import HEADERS, endpoint, send
from tests.events.listener import Call, Listener, answer, redirect


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_posted_again_with_the_same_body(listener: Listener, status: int) -> None:
    listener.script = [redirect(status, "/there?a=b")]
    assert (await send(endpoint(listener, headers=HEADERS, secrets=("secret",)))).delivered
    first, second = listener.received
    assert (second.method, second.path, second.body) == ("POST", "/there?a=b", first.body)
    assert second.header("Content-Type") == first.header("Content-Type")
    assert second.header("Authorization") == "Bearer secret"
    assert second.header("webhook-signature")
    assert listener.connections == 1


async def test_see_other_is_delivered_and_not_followed(listener: Listener) -> None:
    listener.script = [redirect(303, "/there")]
    assert (await send(endpoint(listener))).status == "303 See Other"
    assert len(listener.received) == 1


async def test_another_server_gets_neither_headers_nor_signature_and_the_first_not_again(
    listener: Listener, other: Listener
) -> None:
    listener.script = [redirect(307, other.url)]
    other.script = [redirect(307, f"http://user:password@localhost:{listener.port}/back")]
    assert (await send(endpoint(listener, headers=HEADERS, secrets=("secret",)))).delivered
    for request in (other.received[0], listener.received[1]):
        assert request.body == listener.received[0].body
        for name in ("Authorization", "X-Site", "webhook-id", "webhook-signature"):
            assert request.header(name) is None
    assert listener.received[1].path == "/back"


async def test_a_failure_after_such_a_redirect_says_what_was_not_sent(
    listener: Listener, other: Listener
) -> None:
    listener.script = [redirect(301, other.url)]
    other.script = [answer(401)]
    sent = await send(endpoint(listener, headers=HEADERS))
    assert sent.reason.startswith("it answers 401 Unauthorized after a redirect to another server")


async def test_five_redirects_are_followed_and_no_sixth(listener: Listener) -> None:
    listener.script = [redirect(302, f"/{number}") for number in range(5)]
    assert (await send(endpoint(listener))).delivered
    listener.received.clear()
    listener.script, listener.otherwise = (), redirect(302, "/again")
    assert await send(endpoint(listener)) == Sent(False, reason="it redirects more than 5 times")
    assert len(listener.received) == 6


@pytest.mark.parametrize("location", ["ftp://host/", "http://host:99999/", "file:///etc/passwd", "//[::1"])
async def test_a_redirect_to_what_is_no_address_is_a_failure(listener: Listener, location: str) -> None:
    listener.script = [redirect(302, location)]
    assert await send(endpoint(listener)) == Sent(False, reason="it redirects to what is no address")


def test_no_redirect_leads_out_of_tls() -> None:
    with pytest.raises(BadRedirect, match="from https to http"):
        redirected(URL("https://host/a"), 301, "http://host/a")
    assert redirected(URL("http://host/a"), 301, "https://host/a") == URL("https://host/a")


async def test_the_time_for_all_redirects_together_is_limited(listener: Listener) -> None:
    def slowly(call: Call) -> bool:
        time.sleep(0.3)
        return redirect(302, "/again")(call)

    listener.otherwise = slowly
    assert (await send(endpoint(listener, timeout=0.5))).reason == "no answer within 0.5 s"
    assert len(listener.received) < 6
