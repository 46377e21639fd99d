"""Each case of the matrix as a request."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from moorage.digest import Digest
from moorage.manifest import OCI_MANIFEST
from tests.access.table import BODIES, METHODS, STATES
from tests.store.images import Image, image, noise

REPOSITORIES: Final = {"A": "alpha/app", "B": "beta/app"}
TAGS: Final = {"in A": "one", "only in B": "two", "missing": "three"}
IMAGES: Final = {state: image(state) for state in STATES}
REFERRERS: Final = {state: image(f"about {state}", subject=IMAGES[state]) for state in STATES}
HUGE: Final = (4 << 20) + 1
PIECES: Final = [bytes(1 << 20)] * 4 + [b"\0"]
CHUNK: Final = noise("chunk", 1000)


@dataclass(frozen=True)
class Upload:
    """`id` and `state` as its Location tells them; the state is empty for one that nobody began."""

    id: str
    state: str


@dataclass(frozen=True)
class Case:
    route: str
    method: str
    state: str
    body: str
    repository: str
    target: str
    content: bytes | Iterable[bytes] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


def cases(route: str, repository: str, uploads: dict[str, Upload]) -> Iterator[Case]:
    for method, state, body in itertools.product(METHODS, STATES, BODIES):
        target = target_of(route, state, repository, uploads)
        content, headers = _body(body, _fitting(route, state))
        if "manifest" in route:
            headers = (*headers, ("content-type", OCI_MANIFEST))
        yield Case(route, method, state, body, repository, target, content, headers)


def target_of(route: str, state: str, repository: str, uploads: dict[str, Upload]) -> str:
    name, other = REPOSITORIES[repository], REPOSITORIES["B" if repository == "A" else "A"]
    digest, blob = IMAGES[state].digest, Digest.of(IMAGES[state].blobs[1])
    upload = uploads[state]
    state_of = f"_state={quote(upload.state)}&" if upload.state else ""
    return {
        "base": "/v2/",
        "catalog": "/v2/_catalog",
        "tags": f"/v2/{name}/tags/list",
        "manifest by tag": f"/v2/{name}/manifests/{TAGS[state]}",
        "manifest by digest": f"/v2/{name}/manifests/{digest}",
        "blob": f"/v2/{name}/blobs/{blob}",
        "referrers": f"/v2/{name}/referrers/{digest}",
        "uploads": f"/v2/{name}/blobs/uploads/",
        "mount": f"/v2/{name}/blobs/uploads/?mount={blob}&from={other}",
        "mount of any": f"/v2/{name}/blobs/uploads/?mount={blob}",
        "blob in one": f"/v2/{name}/blobs/uploads/?digest={blob}",
        "upload": f"/v2/{name}/blobs/uploads/{upload.id}?{state_of}digest={Digest.of(CHUNK)}",
        "token": f"/auth/token?service=moorage&scope=repository:{name}:pull,push",
        "unknown": f"/v2/{name}/settings/{TAGS[state]}",
    }[route]


def _fitting(route: str, state: str) -> bytes:
    """What would be taken there."""
    found: Image = IMAGES[state]
    if "manifest" in route:
        return found.payload
    return found.blobs[1] if route == "blob in one" else CHUNK


def _body(body: str, fitting: bytes) -> tuple[bytes | Iterable[bytes], tuple[tuple[str, str], ...]]:
    if body == "chunked":
        middle = len(fitting) // 2
        return [fitting[:middle], fitting[middle:]], (("transfer-encoding", "chunked"),)
    if body == "huge":
        return PIECES, (("content-length", str(HUGE)),)
    return b"", (("content-length", "0"),) if body == "empty" else ()
