from ipaddress import ip_network

import pytest
from pydantic import TypeAdapter, ValidationError

from moorage.config.values import Network, host_and_port

NETWORKS: TypeAdapter[object] = TypeAdapter(Network)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        (":5000", ("", 5000)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:5000", ("::1", 5000)),
        ("[fe80::1%eth0]:65535", ("fe80::1%eth0", 65535)),
    ],
)
def test_an_address_is_split(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5000", "localhost", "localhost:", "::1:5000", "host:65536", "http://host:1", "a b:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        host_and_port(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("10.1.2.3", "10.1.2.3/32"), ("10.1.2.3/8", "10.0.0.0/8"), ("::1", "::1/128")]
)
def test_an_address_is_a_network_of_one(text: str, expected: str) -> None:
    assert NETWORKS.validate_python(text) == ip_network(expected)
    assert NETWORKS.dump_python(NETWORKS.validate_python(text)) == expected


@pytest.mark.parametrize("value", ["", "10.0.0.0/33", "localhost", True])
def test_what_is_no_network_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="must be an address or a network"):
        NETWORKS.validate_python(value)
