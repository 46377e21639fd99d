"""What the models have in common: their verbs, an image with all that it refers to, and addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from tests.clients.asking import Asking
from tests.clients.smallimages import SmallImage
from tests.support.images import DOCKER_MANIFEST, references

TAG = "1"
ACCEPT = {"accept": f"{DOCKER_MANIFEST}, */*"}
BINARY = {"content-type": "application/octet-stream"}
MANIFEST = {"content-type": DOCKER_MANIFEST}


class Model(Protocol):
    """`begun` is called after each upload has begun, `received` changes tokens that came in. All raise Refused."""

    asking: Asking
    begun: Callable[[], None]
    received: Callable[[str], str]

    def remember(self, user: str, secret: str) -> None:
        """Credentials as from a login of before."""
        ...

    def login(self, user: str, password: str) -> None: ...

    def push(self, name: str, image: SmallImage, source: str = "") -> None:
        """`source`: a repository to mount layers from."""
        ...

    def pull(self, name: str) -> frozenset[str]:
        """The digests of everything, checked."""
        ...


def everything(digest: str, get: Callable[[str, str], bytes]) -> frozenset[str]:
    """The digests of a manifest and of what it refers to, once `get` has got all of it."""
    found = {digest}
    for kind, one in references(json.loads(get("manifests", digest))):
        get(kind, one)
        found.add(one)
    return frozenset(found)


def with_parameters(url: str, **parameters: str) -> str:
    """Added to those that are there, as clients do that take a URL apart and put it together again."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()])
    return urljoin(url, parts._replace(query=query).geturl())


def asking_for(realm: str, service: str, scopes: Sequence[str]) -> str:
    return f"{realm}?{urlencode([('service', service), *(('scope', scope) for scope in scopes)])}"


def code(error: Mapping[str, Any]) -> str:
    return str(error["code"]).replace("_", " ").lower()


def spelt(code: str, error: Mapping[str, Any], before_detail: str) -> str:
    detail = f"{before_detail}{error['detail']}" if error.get("detail") is not None else ""
    return f"{code}: {error['message']}{detail}"
