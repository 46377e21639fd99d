"""Signs URLs of Azure with the account's key: a shared access signature of the service, for one blob.

obstore signs the path as it is in the URL, and Azure compares the one without percent signs: where the two differ, it refuses the URL. And
obstore names a beginning, for which a clock must not be ahead of Azure's. (Azure Storage, "Create a service SAS".)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

VERSION: Final = "2023-11-03"


@dataclass(frozen=True)
class BlobSignatures:
    """`endpoint` is the address of the service, without a slash at its end."""

    endpoint: str
    account: str
    container: str
    key: str = field(repr=False)
    """In base64."""

    def url(self, blob: str, valid_for: timedelta) -> str:
        """A URL to read a blob by."""
        expires = (datetime.now(UTC) + valid_for).strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = f"/blob/{self.account}/{self.container}/{blob}"
        # In this order: permissions, start, expiry, resource, identifier, addresses, protocol, version, kind, snapshot, encryption
        # scope, and five headers of the answer.
        signed = ("r", "", expires, resource, "", "", "", VERSION, "b", "", "", "", "", "", "", "")
        mac = hmac.digest(base64.b64decode(self.key), "\n".join(signed).encode(), hashlib.sha256)
        query = {"sv": VERSION, "sr": "b", "sp": "r", "se": expires, "sig": base64.b64encode(mac).decode()}
        return f"{self.endpoint}/{self.container}/{quote(blob)}?{urlencode(query)}"
