"""Requests made from the words: any route with any method, query, header and body."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tests.faults import fuzz_words as words

VISIBLE = frozenset(range(0x21, 0x7F))
FITTING_METHODS = 0.8  # the others ask for what no route offers
READING = ("GET", "GET", "HEAD")
UPLOAD_METHODS = ("PATCH", "PATCH", "PUT", "PUT", "GET", "DELETE")
LONGEST_TARGET = 4000  # longer ones may be refused below the application, without a body
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))

QUERY: Final = {
    "n": words.NUMBERS,
    "last": words.LASTS,
    "digest": words.DIGESTS + words.UNKNOWN_DIGESTS + words.BAD_DIGESTS,
    "mount": words.DIGESTS + words.BAD_DIGESTS,
    "from": words.NAMES + words.BAD_NAMES,
    "_state": words.STATES,
    "artifactType": words.MEDIA_TYPES,
    "digest-algorithm": ["sha256", "sha512", "md5", "", "../x"],
    "tag": words.TAGS + words.BAD_TAGS,
    "ns": ["docker.io", "\x00"],
}

HEADERS: Final = {
    "Range": words.RANGES,
    "Content-Range": words.CONTENT_RANGES,
    "Content-Type": words.MEDIA_TYPES,
    "Accept": words.MEDIA_TYPES,
    "If-None-Match": words.ETAGS,
    "If-Range": words.ETAGS,
    "Authorization": ["Basic", "Basic é", "Bearer " + "a" * 5000, "Basic Og==", "x"],
    "X-Forwarded-Proto": ["https", "gopher", "https,http", ""],
    "X-Forwarded-Host": words.HOSTS,
    "Forwarded": ["for=127.0.0.1;host=evil.example", 'host="', ";;;=,", "proto=x;proto=y"],
    "Content-Encoding": ["gzip", "br, gzip", "x"],
    "Docker-Upload-UUID": words.UPLOAD_IDS,
    "X-Request-Id": ["a" * 3000, "../", "1"],
}


@dataclass(frozen=True)
class Request:
    """One request as bytes. `plain`: it is good HTTP/1.1, so that an answer with a body is owed. `whole`:
    its framing is true, so that the connection can go on after it."""

    method: str
    target: str
    raw: bytes
    plain: bool
    whole: bool

    @property
    def under_v2(self) -> bool:
        return self.target.startswith("/v2/")


class RequestGrammar:
    """A stream of requests from one seed, and from the `Location`s the registry gave out."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._sessions: list[str] = []

    def learn(self, target: str) -> None:
        """An upload session to be used, and misused, by later requests."""
        self._sessions = [*self._sessions[-20:], target]

    def request(self) -> Request:
        source = self._random
        target, fitting = self._target()
        method = source.choice(fitting if source.random() < FITTING_METHODS else words.METHODS)
        headers = self._headers()
        body = self._body() if method in ("PUT", "POST", "PATCH") or source.random() < 0.03 else b""
        framing, body, whole = self._framing(method, body)
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in headers + framing)
        encoded = head.encode("utf-8", "surrogateescape")
        odd = not VISIBLE.issuperset(target.encode()) or len(target) > LONGEST_TARGET
        plain = whole and not odd and not any(_odd_header(line) for line in headers)
        return Request(method, target, encoded + b"\r\n" + body, plain, whole)

    def _pick(self, good: list[str], bad: list[str], chance: float = 0.25) -> str:
        source = self._random
        return words.written(source.choice(bad if source.random() < chance else good), source)

    def _target(self) -> tuple[str, tuple[str, ...]]:
        """A target and the methods it is made for."""
        source = self._random
        if self._sessions and source.random() < 0.15:
            return self._session_target(), UPLOAD_METHODS
        path, methods = source.choice(
            [
                (self._manifest, (*READING, "PUT", "PUT", "DELETE")),
                (self._manifest, (*READING, "PUT", "PUT", "DELETE")),
                (self._blob, (*READING, "DELETE")),
                (self._uploads, ("POST",)),
                (self._upload, UPLOAD_METHODS),
                (self._tags, READING),
                (self._referrers, READING),
                (self._other, READING),
            ]
        )
        return path() + self._query(), methods

    def _session_target(self) -> str:
        """A real session, as it was given, with a digest to finish it, or with a spoilt state."""
        source = self._random
        target = source.choice(self._sessions)
        choice = source.random()
        if choice < 0.4:
            return target
        if choice < 0.7:
            separator = "&" if "?" in target else "?"
            return f"{target}{separator}digest={self._digest()}"
        place = source.randrange(len(target))
        return target[:place] + source.choice("abcXYZ019%/&=") + target[place + 1 :]

    def _name(self) -> str:
        return self._pick(words.NAMES, words.BAD_NAMES, 0.15)

    def _digest(self) -> str:
        return self._pick(words.DIGESTS, words.UNKNOWN_DIGESTS + words.BAD_DIGESTS, 0.4)

    def _manifest(self) -> str:
        tag = self._pick(words.TAGS, words.BAD_TAGS)
        return f"/v2/{self._name()}/manifests/{self._random.choice([tag, self._digest()])}"

    def _blob(self) -> str:
        return f"/v2/{self._name()}/blobs/{self._digest()}"

    def _uploads(self) -> str:
        return f"/v2/{self._name()}/blobs/uploads{self._random.choice(['/', '/', '/', ''])}"

    def _upload(self) -> str:
        return f"/v2/{self._name()}/blobs/uploads/{self._pick(words.UPLOAD_IDS, words.UPLOAD_IDS)}"

    def _tags(self) -> str:
        return f"/v2/{self._name()}/tags/list"

    def _referrers(self) -> str:
        return f"/v2/{self._name()}/referrers/{self._digest()}"

    def _other(self) -> str:
        known = ["/v2/", "/v2", "/v2/_catalog", "/", "/v1/_ping", "/metrics", "/debug/health", "/v2/a/b/c"]
        odd = ["//v2/", "/v2//_catalog", "/v2/../canary/secret", "/../../canary/secret", "*", "http://x/v2/"]
        odd += [
            "/v2/%2F%2F..%2F..%2Fcanary/secret",
            "/%2e%2e/%2e%2e/canary/secret",
            "/v2/" + "a/" * 1500,
            "/é",
        ]
        return self._random.choice(self._random.choice([known, odd]))

    def _query(self) -> str:
        source = self._random
        chosen = source.choices(list(QUERY), k=source.choice([0, 0, 0, 1, 1, 2, 3]))
        pairs = [f"{key}={words.written(source.choice(QUERY[key]), source)}" for key in chosen]
        return "?" + source.choice(["&", "&", ";", "&&"]).join(pairs) if pairs else ""

    def _headers(self) -> list[str]:
        source = self._random
        host = source.choice(words.HOSTS) if source.random() < 0.1 else "127.0.0.1"
        chosen = source.sample(list(HEADERS), k=source.choice([0, 0, 1, 1, 2, 3]))
        return [f"Host: {host}"] + [f"{name}: {_inline(source.choice(HEADERS[name]))}" for name in chosen]

    def _body(self) -> bytes:
        source = self._random
        choice = source.random()
        if choice < 0.2:
            return b""
        if choice < 0.55:
            return words.manifest_body(source)
        if choice < 0.85:
            return source.choice(words.BLOBS)
        return source.randbytes(source.choice([1, 100, 70_000]))

    def _framing(self, method: str, body: bytes) -> tuple[list[str], bytes, bool]:
        """The lines that say how long the body is, the body so framed, and whether they say the truth."""
        source = self._random
        choice = source.random()
        if choice < 0.02:
            return [f"Content-Length: {len(body) + source.choice([-1, 1, 1000])}"], body, False
        if choice < 0.03:
            return [f"Content-Length: {source.choice(['-1', 'x', '', '1 1', '9' * 30, '+5'])}"], body, False
        if choice < 0.15 and body:
            return ["Transfer-Encoding: chunked"], b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), True
        if body or method in ("PUT", "POST", "PATCH"):
            return [f"Content-Length: {len(body)}"], body, True
        return [], b"", True


def _inline(value: str) -> str:
    """A header value on one line; what would end the line is escaped."""
    return value if value.isascii() else quote(value, safe=PRINTABLE)


def _odd_header(line: str) -> bool:
    name, _, value = line.partition(": ")
    return not (line.isascii() and line.isprintable()) or (name == "Host" and value in words.HOSTS[2:])
