"""A plain registry client on one keep-alive connection: pushes and pulls whole images, hides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.faults.images import MANIFEST_TYPE, Image, digest_of
from tests.faults.wire import Answer, Wire, request_bytes


class UnexpectedAnswer(Exception):
    """The registry answered, but not what a healthy one answers here."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: {answer}")
        self.answer = answer


class Client:
    """One connection to 127.0.0.1:`port`; it is opened again after it broke."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._port = port
        self._timeout = timeout
        self._wire: Wire | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises OSError when the connection fails."""
        try:
            if self._wire is None:
                self._wire = Wire(self._port, self._timeout)
            self._wire.send(request_bytes(method, target, body, headers))
            answer = self._wire.receive(head=method == "HEAD")
        except BaseException:
            self.close()
            raise
        if answer.closes:
            self.close()
        return answer

    def expect(
        self,
        status: int,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `request`; raises UnexpectedAnswer for another status."""
        answer = self.request(method, target, body, headers)
        if answer.status != status:
            raise UnexpectedAnswer(f"{method} {target.partition('?')[0]} gave not {status} but", answer)
        return answer

    def start_upload(self, name: str) -> str:
        """Open a session; the target (path and query) of its next request."""
        return location(self.expect(202, "POST", f"/v2/{name}/blobs/uploads/"))

    def push_blob(self, name: str, data: bytes) -> str:
        """The way of most clients: ask, and upload what is not there. Returns the digest."""
        digest = digest_of(data)
        if self.request("HEAD", f"/v2/{name}/blobs/{digest}").status != 200:
            target = with_digest(self.start_upload(name), digest)
            self.expect(201, "PUT", target, data, {"Content-Type": "application/octet-stream"})
        return digest

    def push(self, name: str, reference: str, image: Image) -> None:
        """Blobs first, then the manifest. Returning means that the registry acknowledged all of it."""
        for blob in image.blobs:
            self.push_blob(name, blob)
        self.put_manifest(name, reference, image)

    def put_manifest(self, name: str, reference: str, image: Image) -> None:
        headers = {"Content-Type": MANIFEST_TYPE}
        self.expect(201, "PUT", f"/v2/{name}/manifests/{reference}", image.manifest, headers)

    def get_manifest(self, name: str, reference: str) -> Answer:
        return self.request("GET", f"/v2/{name}/manifests/{reference}", headers={"Accept": MANIFEST_TYPE})

    def fault_in(self, name: str, reference: str, image: Image) -> str:
        """Pull `image` and compare every byte; what is wrong with it, or an empty string."""
        manifest = self.get_manifest(name, reference)
        if manifest.status != 200 or manifest.body != image.manifest:
            return f"{name}:{reference} manifest {manifest}"
        for blob in image.blobs:
            answer = self.request("GET", f"/v2/{name}/blobs/{digest_of(blob)}")
            if answer.status != 200 or answer.body != blob:
                return f"{name}:{reference} blob {digest_of(blob)} {answer.status}, {len(answer.body)} bytes"
        return ""


def location(answer: Answer) -> str:
    """The target in `Location`, whether the registry sends absolute or relative ones."""
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def with_digest(target: str, digest: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"
