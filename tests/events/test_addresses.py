"""Nothing is sent to forbidden addresses, whatever leads there."""

from __future__ import annotations

import ipaddress

import pytest

from moorage.events.addresses import is_in
from tests.events.attempt import endpoint, send
from tests.events.listener import Listener, redirect

LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "fe80::1", "fe80::1%eth0"]
)
def test_an_address_is_in_a_network_however_it_is_written(address: str) -> None:
    assert is_in(address, LINK_LOCAL)


@pytest.mark.parametrize("address", ["169.253.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "2001:db8::1"])
def test_another_address_is_not(address: str) -> None:
    assert not is_in(address, LINK_LOCAL)


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "0xa9fea9fe"])
async def test_nothing_is_sent_to_a_link_local_address(host: str) -> None:
    sent = await send(endpoint(url=f"http://{host}/latest/meta-data", forbidden=LINK_LOCAL))
    assert not sent.delivered
    assert sent.reason.startswith("nothing is sent to ")
    assert sent.reason.endswith(", which is forbidden")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_a_forbidden_listener_sees_no_connection(listener: Listener, host: str) -> None:
    sent = await send(endpoint(url=f"http://{host}:{listener.port}/", forbidden=LOOPBACK))
    assert "which is forbidden" in sent.reason
    assert listener.connections == 0


async def test_a_redirect_does_not_lead_to_a_forbidden_address(listener: Listener) -> None:
    listener.script = [redirect(307, "http://169.254.169.254/latest/meta-data")]
    sent = await send(endpoint(listener, forbidden=LINK_LOCAL))
    assert sent.reason == "nothing is sent to 169.254.169.254, which is forbidden"
    assert (await send(endpoint(listener, forbidden=LINK_LOCAL))).delivered
