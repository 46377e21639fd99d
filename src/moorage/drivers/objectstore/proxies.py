"""Which proxy leads to a store, from the variables of the environment.

It is decided here for all requests. obstore and boto3 read the variables too, but differently: only one of them knows `ALL_PROXY` and
networks in `NO_PROXY`, and only the other one ports. Small uploads would then take another way than large ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from moorage.drivers.base import DriverError

PORTS: Final = {"http": 80, "https": 443}


def proxy_for(url: str, environment: Mapping[str, str]) -> str:
    """The URL of the proxy for requests to `url`; empty for none.

    That is `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of the URL, else `ALL_PROXY`; lower-case names come first. `NO_PROXY` excepts
    hosts, separated by commas: names, with all below them; addresses; networks (`10.0.0.0/8`); each with a port or without; `*` for all.
    Raises DriverError for a proxy that does not speak HTTP.
    """
    try:
        target = urlsplit(url)
        host, port = (target.hostname or "").rstrip("."), target.port or PORTS.get(target.scheme, 0)
    except ValueError:
        # Whoever sends a request there tells what is wrong with it.
        return ""
    for name in (f"{target.scheme}_proxy", "all_proxy"):
        if proxy := _variable(name, environment):
            break
    else:
        return ""
    if any(_excepts(entry, host, port) for entry in _entries(environment)):
        return ""
    full = proxy if "://" in proxy else f"http://{proxy}"
    scheme = full.partition("://")[0].lower()
    if scheme not in PORTS:
        raise DriverError(name.upper(), f"a proxy that speaks {scheme} cannot be used, only http and https")
    return full


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _entries(environment: Mapping[str, str]) -> Iterator[str]:
    for entry in _variable("no_proxy", environment).replace(",", " ").split():
        yield entry.lower()


def _excepts(entry: str, host: str, own_port: int) -> bool:
    place, port = _split(entry)
    if port and port != str(own_port):
        return False
    if place == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        name = place.removeprefix("*").strip(".")
        return bool(name) and f".{host}".endswith(f".{name}")
    try:
        return address in ip_network(place, strict=False)
    except ValueError:
        return False


def _split(entry: str) -> tuple[str, str]:
    """The host, and the port or an empty string. An address of IPv6 has colons itself, and stands in brackets before a port."""
    place, mark, port = entry.rpartition(":")
    if not mark or not port.isdigit() or (":" in place and not place.endswith("]")):
        place, port = entry, ""
    return place.strip("[]"), port
