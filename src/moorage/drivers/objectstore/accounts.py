"""Which account of Azure is used, and where (Azure Storage, "Configure connection strings")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final = {
    name.lower(): name
    for name in (
        "AccountKey",
        "AccountName",
        "BlobEndpoint",
        "DefaultEndpointsProtocol",
        "EndpointSuffix",
        "SharedAccessSignature",
    )
}


def connection(text: str) -> dict[str, str]:
    """Parse a connection string, `Name=value;Name=value`, with the names in any case. Raises ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(";")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError("a connection string is made of Name=value, separated by semicolons")
        found[_NAMES.get(name.strip().lower(), name.strip())] = value
    return found


def service(given: Mapping[str, str], *, account: str, endpoint: str, realm: str) -> tuple[str, str]:
    """The account and the address of its blobs, without a slash at the end. `given`: the parts of a connection string; the others
    are the keys `accountname`, `serviceurl` and `realm`."""
    account = given.get("AccountName", account)
    suffix = given.get("EndpointSuffix", realm)
    scheme = given.get("DefaultEndpointsProtocol", "https")
    found = endpoint or given.get("BlobEndpoint", "") or f"{scheme}://{account}.blob.{suffix}"
    return account, found.rstrip("/")
