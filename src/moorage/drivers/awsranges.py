"""The published address ranges of AWS, and whether they contain an address.

The format of the list: VPC User Guide, "AWS IP address ranges JSON". Needs aiohttp, so this module is imported only where
clients are distinguished by their address.
"""

from __future__ import annotations

import asyncio
import json
import logging
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from urllib.parse import urlsplit

import aiohttp

log = logging.getLogger(__name__)

LOAD_SECONDS = 60.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 600.0

_LISTS = (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix"))


class AddressRanges:
    """The addresses of a set of networks, as sorted intervals of numbers, for IPv4 and for IPv6."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        networks = list(networks)
        four = list(collapse_addresses(one for one in networks if isinstance(one, IPv4Network)))
        six = list(collapse_addresses(one for one in networks if isinstance(one, IPv6Network)))
        self._intervals = {4: _intervals(four), 6: _intervals(six)}

    def __contains__(self, address: object) -> bool:
        """Whether an address, given as text, is in one of the networks; False for text that is not an address. An IPv4-mapped
        IPv6 address (RFC 4291, section 2.5.5.2) counts as the IPv4 address."""
        try:
            found = ip_address(str(address))
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        firsts, lasts = self._intervals[found.version]
        index = bisect_right(firsts, int(found)) - 1
        return index >= 0 and int(found) <= lasts[index]


def _intervals(networks: Iterable[IPv4Network | IPv6Network]) -> tuple[list[int], list[int]]:
    ends = [(int(one.network_address), int(one.broadcast_address)) for one in networks]
    return [first for first, _ in ends], [last for _, last in ends]


def parse(document: bytes, regions: frozenset[str] | None = None) -> AddressRanges:
    """Parse a list in the format of `ip-ranges.json`: the ranges of all services in the `regions` (in lower case), or in every
    region. Raises ValueError for anything else, and for a list without such a range."""
    try:
        listed = json.loads(document)
        entries = [(one[key], one.get("region")) for name, key in _LISTS for one in listed.get(name, ())]
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError("not a list of address ranges") from None
    networks = list(
        _networks(prefix for prefix, region in entries if regions is None or str(region).lower() in regions)
    )
    if not networks:
        raise ValueError("a list without an address range of the regions")
    return AddressRanges(networks)


def _networks(prefixes: Iterable[object]) -> Iterator[IPv4Network | IPv6Network]:
    for prefix in prefixes:
        try:
            yield ip_network(str(prefix), strict=False)
        except ValueError:
            continue  # one unreadable entry must not cost the others


class AWSRanges:
    """The ranges of some regions, given as a comma-separated list in any case; None for every region.

    They are loaded from `url` while `watch` runs, once per `every`; until the first time they contain no address. Raises
    ValueError if the text names no region.
    """

    def __init__(self, url: str, *, every: timedelta, regions: str | None = None) -> None:
        self._url = url
        self._every = every.total_seconds()
        self._regions: frozenset[str] | None = None
        if regions is not None:
            self._regions = frozenset(filter(None, (one.strip().lower() for one in regions.split(","))))
            if not self._regions:
                raise ValueError("no region is named")
        self._ranges = AddressRanges()

    def __contains__(self, address: object) -> bool:
        return address in self._ranges

    async def watch(self) -> None:
        """Keep loading the list, forever. After a failure the ranges stay as they are, and the next try comes after a pause
        that doubles from five seconds to ten minutes, but never exceeds `every`."""
        pause = 0.0
        while True:
            try:
                self._ranges = await self._load()
                pause = 0.0
            except (aiohttp.ClientError, OSError, ValueError) as error:
                pause = min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS, self._every)
                parts = urlsplit(self._url)
                log.warning(
                    "address ranges could not be loaded",
                    extra={
                        "url": parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
                        "reason": str(error) or type(error).__name__,
                        "retryseconds": pause,
                    },
                )
            await asyncio.sleep(pause or self._every)

    async def _load(self) -> AddressRanges:
        timeout = aiohttp.ClientTimeout(total=LOAD_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(self._url) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            document = await answer.read()
        # Parsing some ten thousand networks takes long enough to delay requests.
        return await asyncio.to_thread(parse, document, self._regions)
