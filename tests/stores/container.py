"""A container of Azure as other programs see it, behind the registry's back: every name and every kind of blob is possible."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from types import MappingProxyType
from urllib.parse import urlsplit

from tests.support.exchange import exchange
from tests.support.objectstores import AZURE_VERSION, Azure

NONE: Mapping[str, str] = MappingProxyType({})
APPENDED_BYTES = 4 << 20
"""The most that one request may append."""


@dataclass(frozen=True)
class Container:
    store: Azure

    def put(self, name: str, data: bytes) -> None:
        self._call("PUT", name, data, {"x-ms-blob-type": "BlockBlob"})

    def append(self, name: str, data: bytes) -> None:
        """As an append blob, the kind that the reference implementation writes."""
        self._call("PUT", name, b"", {"x-ms-blob-type": "AppendBlob"})
        for at in range(0, len(data), APPENDED_BYTES):
            self._call("PUT", name, data[at : at + APPENDED_BYTES], comp="appendblock")

    def remove(self, name: str) -> None:
        self._call("DELETE", name, b"", expected=202)

    def _call(
        self,
        method: str,
        name: str,
        data: bytes,
        more: Mapping[str, str] = NONE,
        *,
        comp: str = "",
        expected: int = 201,
    ) -> None:
        """Signed with the account's key (Azure Storage, "Authorize with Shared Key")."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": AZURE_VERSION, **more}
        path = f"/{self.store.account}/{self.store.container}/{name}"
        length = str(len(data)) if data else ""
        signed = f"{method}\n\n\n{length}" + "\n" * 9
        signed += "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
        signed += f"/{self.store.account}{path}" + (f"\ncomp:{comp}" if comp else "")
        mac = hmac.digest(base64.b64decode(self.store.account_key), signed.encode(), hashlib.sha256)
        headers["authorization"] = f"SharedKey {self.store.account}:{base64.b64encode(mac).decode()}"
        target = path + (f"?comp={comp}" if comp else "")
        answer = exchange(urlsplit(self.store.endpoint).netloc, method, target, body=data, headers=headers)
        assert answer.status == expected, f"{method} {target}: {answer.status} {answer.body!r}"
