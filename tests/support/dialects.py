"""How a proxy makes up for what a store says differently from the one it stands for."""

from __future__ import annotations

import asyncio
import re

from tests.support.heads import Head, read_head

# Whose bucket it is; that nobody signed does not matter to moto.
OWNER = (
    "AWS4-HMAC-SHA256 Credential=moto-key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
ABSENT = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Dialect:
    """Heads pass as they are."""

    def request(self, head: Head) -> Head:
        return head

    def answer(self, head: Head) -> Head:
        return head

    async def early(self, head: Head, host: str, port: int) -> bytes:
        """A whole answer that the store at `host` and `port` would not give; empty to have the store asked."""
        return b""


class PartialContent(Dialect):
    """rclone 1.75 gives the bytes of a range with 200; it has to be 206 (RFC 9110, section 15.3.7)."""

    def answer(self, head: Head) -> Head:
        if head.start[1] == "200" and head.header("content-range"):
            return Head((b"HTTP/1.1 206 Partial Content", *head.lines[1:]))
        return head


class GoogleToAmazon(Dialect):
    """Cloud Storage's XML API in front of a store that speaks S3, from which it differs in names of headers, in how one
    says who one is, and in that removing what is not there is an error (Cloud Storage, "XML API reference")."""

    def request(self, head: Head) -> Head:
        source, generation = head.header("x-goog-copy-source"), head.header("x-goog-if-generation-match")
        changed = head.without("x-goog-copy-source", "x-goog-if-generation-match").given(
            "authorization", OWNER
        )
        if source:
            changed = changed.given("x-amz-copy-source", source)
        if generation == "0":
            changed = changed.given("if-none-match", "*")
        return changed

    async def early(self, head: Head, host: str, port: int) -> bytes:
        method, target, version = head.start
        if method != "DELETE" or "uploadId=" in target:
            return b""
        asked = Head((f"HEAD {target} {version}".encode("latin-1"), f"host: {head.header('host')}".encode()))
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(bytes(self.request(asked)))
            answer = await read_head(reader)
        finally:
            writer.close()
        return ABSENT if answer and answer.start[1] == "404" else b""


class WholeKeys(Dialect):
    """MinIO lists unfinished uploads for a whole key or for no prefix, and none for the beginning of a key."""

    def request(self, head: Head) -> Head:
        method, target, version = head.start
        path, _, query = target.partition("?")
        if method == "GET" and "uploads" in re.split("[&=]", query):
            target = f"{path}?{_FOLDER.sub(_NOTHING, query)}"
            return Head((f"{method} {target} {version}".encode("latin-1"), *head.lines[1:]))
        return head


_FOLDER = re.compile(r"(?<![\w-])prefix=[^&]*(?:/|%2F)(?=&|$)", re.IGNORECASE)
_NOTHING = "prefix=no-such-key"
