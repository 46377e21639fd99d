"""The whole HTTP API in one table: the handler of each path and method, and what a client must be allowed to do.

    path                              methods
    /v2/                              GET HEAD
    /v2/_catalog                      GET HEAD
    /v2/<name>/tags/list              GET HEAD
    /v2/<name>/manifests/<reference>  GET HEAD PUT DELETE
    /v2/<name>/blobs/<digest>         GET HEAD DELETE
    /v2/<name>/referrers/<digest>     GET HEAD
    /v2/<name>/blobs/uploads/         POST
    /v2/<name>/blobs/uploads/<id>     GET HEAD PATCH PUT DELETE
    /auth/token                       GET POST

A name may contain slashes, and components such as `manifests` or `blobs`, so paths are parsed from the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from moorage.api import blobs, catalog, manifests, referrers, root, tags, tokens, uploads
from moorage.api.admission import Need
from moorage.api.answer import Answer
from moorage.api.exchange import Exchange

Handler = Callable[[Exchange], Awaitable[Answer]]


@dataclass(frozen=True)
class Operation:
    """One method of a route. `needs`: what a client must be allowed to do; an operation that needs `delete` is refused unless
    deleting is enabled. `writes`: refused while the registry is read-only."""

    handler: Handler
    needs: Need
    writes: bool = False


@dataclass(frozen=True)
class Route:
    """`name`: as in the metrics of the reference implementation. `template`: the path, with its variable parts in braces."""

    name: str
    template: str
    operations: dict[str, Operation]


def _read(handler: Handler, needs: Need = "pull", head: Handler | None = None) -> dict[str, Operation]:
    return {"GET": Operation(handler, needs), "HEAD": Operation(head or handler, needs)}


TOKEN_PATH: Final = "/auth/token"  # noqa: S105 - a path

BASE: Final = Route("base", "/v2/", _read(root.get, needs="known"))
CATALOG: Final = Route("catalog", "/v2/_catalog", _read(catalog.get, needs="catalog"))
TAGS: Final = Route("tags", "/v2/{name}/tags/list", _read(tags.get))
MANIFESTS: Final = Route(
    "manifest",
    "/v2/{name}/manifests/{reference}",
    {
        **_read(manifests.get),
        "PUT": Operation(manifests.put, "push", writes=True),
        "DELETE": Operation(manifests.delete, "delete", writes=True),
    },
)
BLOBS: Final = Route(
    "blob",
    "/v2/{name}/blobs/{digest}",
    {**_read(blobs.get, head=blobs.head), "DELETE": Operation(blobs.delete, "delete", writes=True)},
)
REFERRERS: Final = Route("referrers", "/v2/{name}/referrers/{digest}", _read(referrers.get))
UPLOADS: Final = Route(
    "blob_upload", "/v2/{name}/blobs/uploads/", {"POST": Operation(uploads.post, "push", writes=True)}
)
UPLOAD: Final = Route(
    "blob_upload_chunk",
    "/v2/{name}/blobs/uploads/{id}",
    {
        **_read(uploads.get, needs="push"),
        "PATCH": Operation(uploads.patch, "push", writes=True),
        "PUT": Operation(uploads.put, "push", writes=True),
        # A client that ends its own upload takes nothing from anybody, so this needs `push`, not `delete`.
        "DELETE": Operation(uploads.delete, "push", writes=True),
    },
)
TOKEN: Final = Route(
    "token",
    TOKEN_PATH,
    {"GET": Operation(tokens.get, "nothing"), "POST": Operation(tokens.post, "nothing")},
)

_KINDS: Final = {"manifests": MANIFESTS, "blobs": BLOBS, "referrers": REFERRERS}


def match(path: str) -> tuple[Route, str, str] | None:
    """The route of a path, the name of the repository and the reference, both unchecked; None for a path outside the API. The
    path begins with `/v2` or is `/auth/token`."""
    if path in ("/v2/", "/v2"):
        return BASE, "", ""
    parts = path[4:].rsplit("/", 2)
    if len(parts) == 3:
        name, kind, reference = parts
        if kind == "uploads" and name.endswith("/blobs"):
            return (UPLOAD if reference else UPLOADS), name[:-6], reference
        if reference:
            if kind == "blobs" and reference == "uploads":
                return UPLOADS, name, ""
            if kind in _KINDS:
                return _KINDS[kind], name, reference
            if kind == "tags" and reference == "list":
                return TAGS, name, ""
    if path == "/v2/_catalog":
        return CATALOG, "", ""
    if path == TOKEN_PATH:
        return TOKEN, "", ""
    return match(path[:-1]) if path.endswith("/") and not path.endswith("//") else None
