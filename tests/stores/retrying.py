"""A client that pushes and pulls as Docker does: what fails is tried again, a layer from its beginning."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

from tests.faults.client import Client, UnexpectedAnswer, location, with_digest
from tests.faults.images import MANIFEST_TYPE, Image, digest_of
from tests.faults.wire import Answer, Disconnected, Wire, request_head
from tests.support.exchange import exchange

FINAL: Final = frozenset({"UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS", "NAME_UNKNOWN"})
"""Codes after which Docker gives up at once (moby, "retryOnError")."""

BROKEN: Final = (OSError, UnexpectedAnswer)
PIECE: Final = 64 << 10

T = TypeVar("T")


class Retrying:
    """Each step of a push gets 1 + `retries` tries, with growing pauses that begin at `pause` seconds. What was answered but
    should not have been is counted in `odd`, as `PUT blob 503 UNAVAILABLE`. Without `whole`, no blob is sent in one request."""

    def __init__(
        self,
        port: int,
        source: random.Random,
        *,
        retries: int = 3,
        pause: float = 0.1,
        timeout: float = 90.0,
        whole: bool = True,
    ) -> None:
        self.odd: Counter[str] = Counter()
        self.slowest = 0.0
        self._port = port
        self._client = Client(port, timeout)
        self._source = source
        self._retries = retries
        self._pause = pause
        self._timeout = timeout
        chunked = (self._streamed, self._in_chunks)
        self._ways = (*chunked, self._whole, self._in_one) if whole else chunked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def push(self, name: str, reference: str, image: Image) -> None:
        """Returning means that all of it was acknowledged. Raises what the last try ended with."""
        for blob in image.blobs:
            self.again(lambda blob=blob: self._push_blob(name, blob))  # type: ignore[misc] # as it is now
        self.again(lambda: self._put_manifest(name, reference, image))

    def delete(self, name: str, image: Image) -> None:
        """By digest. A try whose answer was lost may have done it."""
        self.again(
            lambda: self.expect((202, 404), "DELETE", f"/v2/{name}/manifests/{image.digest}", what="manifest")
        )

    def manifest(self, name: str, reference: str) -> Answer:
        """200 or 404."""
        headers = {"Accept": MANIFEST_TYPE}
        path = f"/v2/{name}/manifests/{reference}"
        return self.again(lambda: self.expect((200, 404), "GET", path, None, headers, what="manifest"))

    def blob(self, name: str, digest: str) -> Answer:
        """200 or 404, from the registry or from where it sends the client."""
        return self.again(lambda: self._followed(name, digest))

    def again(self, step: Callable[[], T]) -> T:
        for number in range(self._retries + 1):
            try:
                return step()
            except BROKEN as error:
                final = isinstance(error, UnexpectedAnswer) and code_of(error.answer) in FINAL
                if final or number == self._retries:
                    raise
            time.sleep(self._pause * 2**number)
        raise AssertionError("there is at least one try")

    def expect(
        self,
        statuses: tuple[int, ...],
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        what: str,
    ) -> Answer:
        """Raises UnexpectedAnswer for another status."""
        return self._timed(
            lambda: self._client.request(method, target, body, headers), statuses, f"{method} {what}"
        )

    def _timed(self, ask: Callable[[], Answer], statuses: tuple[int, ...], what: str) -> Answer:
        begun = time.monotonic()
        try:
            answer = ask()
        except OSError as error:
            self.odd[f"{what} {type(error).__name__}"] += 1
            raise
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begun)
        if answer.status not in statuses:
            self.odd[f"{what} {answer.status} {code_of(answer)}".rstrip()] += 1
            raise UnexpectedAnswer(what, answer)
        return answer

    def _push_blob(self, name: str, blob: bytes) -> None:
        digest = digest_of(blob)
        path = f"/v2/{name}/blobs/{digest}"
        if self.expect((200, 307, 404), "HEAD", path, what="blob").status == 404:
            self._source.choice(self._ways)(name, blob, digest)

    def start_upload(self, name: str) -> str:
        return location(self.expect((202,), "POST", f"/v2/{name}/blobs/uploads/", what="upload"))

    def _whole(self, name: str, blob: bytes, digest: str) -> None:
        """As containerd, Podman and Skopeo do."""
        self.expect((201,), "PUT", with_digest(self.start_upload(name), digest), blob, what="upload")

    def _streamed(self, name: str, blob: bytes, digest: str) -> None:
        """As Docker does: it knows no length before the end."""
        target = self.start_upload(name)
        answer = self._timed(lambda: self._send_chunked("PATCH", target, blob), (202,), "PATCH upload")
        self.expect((201,), "PUT", with_digest(location(answer), digest), b"", what="upload")

    def _send_chunked(self, method: str, target: str, body: bytes) -> Answer:
        """On a connection of its own."""
        with Wire(self._port, self._timeout) as wire:
            head = request_head(method, target, {"Transfer-Encoding": "chunked"})
            wire.send(head)
            for start in range(0, len(body), PIECE):
                piece = body[start : start + PIECE]
                wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            wire.send(b"0\r\n\r\n")
            return wire.receive()

    def _in_chunks(self, name: str, blob: bytes, digest: str) -> None:
        target = self.start_upload(name)
        size = max(1, -(-len(blob) // self._source.randrange(2, 4)))
        for start in range(0, len(blob), size):
            chunk = blob[start : start + size]
            headers = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
            target = location(self.expect((202,), "PATCH", target, chunk, headers, what="upload"))
        self.expect((201,), "PUT", with_digest(target, digest), b"", what="upload")

    def _in_one(self, name: str, blob: bytes, digest: str) -> None:
        target = f"/v2/{name}/blobs/uploads/?digest={digest}"
        self.expect((201,), "POST", target, blob, what="upload")

    def _put_manifest(self, name: str, reference: str, image: Image) -> None:
        headers = {"Content-Type": MANIFEST_TYPE}
        path = f"/v2/{name}/manifests/{reference}"
        self.expect((201,), "PUT", path, image.manifest, headers, what="manifest")

    def _followed(self, name: str, digest: str) -> Answer:
        answer = self.expect((200, 307, 404), "GET", f"/v2/{name}/blobs/{digest}", what="blob")
        if answer.status != 307:
            return answer
        return self._timed(lambda: _object(answer.headers["location"]), (200,), "GET object")


def _object(url: str) -> Answer:
    parts = urlsplit(url)
    given = exchange(parts.netloc, "GET", f"{parts.path}?{parts.query}")
    if not given.whole:
        raise Disconnected("the store's answer ended early")
    return Answer(given.status, given.headers, given.body)


def code_of(answer: Answer) -> str:
    """The first code of an error answer, or nothing."""
    try:
        return str(json.loads(answer.body)["errors"][0]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
