"""The addresses of Amazon S3, and where in them a bucket is named (S3 User Guide, "Virtual hosting of general purpose buckets")."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

# The longest beginning counts, so `us-isob-` comes before `us-iso-`.
_PARTITIONS: Final = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)
_IP: Final = re.compile(r".*:.*|(?:.*\.)?[0-9]+")
"""A host whose last label is a number is an address of IPv4, or nothing at all (WHATWG, "URL", "ends in a number checker")."""
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def domain(region: str) -> str:
    """The domain of the services in a region: Amazon's clouds that are kept apart have their own."""
    found = (domain for beginning, domain in _PARTITIONS if region.startswith(beginning))
    return next(found, "amazonaws.com")


def fits_host(bucket: str, service: str) -> bool:
    """Whether a bucket can be named in the host of a service. With TLS its name must have no dots: the certificates are for one label
    more than the service's name. Old buckets may have capitals and underscores, which hosts have not. An IP address has no names below it."""
    if _IP.fullmatch(urlsplit(service).hostname or ""):
        return False
    labels = [bucket] if service.startswith("https://") else bucket.split(".")
    return all(_LABEL.fullmatch(label) for label in labels)
