"""What a client may be told went wrong: a code, a status, a message, a detail.

    RegistryError                       UNKNOWN                     500
      Unsupported                       UNSUPPORTED                 405
      NotFound                          UNSUPPORTED                 404 (no such route)
      Unauthorized / Denied             UNAUTHORIZED / DENIED       401 / 403
      NameInvalid / NameUnknown         NAME_INVALID / NAME_UNKNOWN 400 / 404
      TagInvalid                        TAG_INVALID                 400
      DigestInvalid                     DIGEST_INVALID              400
      SizeInvalid                       SIZE_INVALID                400
        BodyEnded                       SIZE_INVALID                400 (logged as 499)
      ManifestInvalid / ManifestUnknown MANIFEST_INVALID / _UNKNOWN 400 / 404
      ManifestTooLarge                  MANIFEST_INVALID            413
      ManifestBlobUnknown               MANIFEST_BLOB_UNKNOWN       400
      BlobUnknown                       BLOB_UNKNOWN                404
      UploadInvalid / UploadUnknown     BLOB_UPLOAD_INVALID / _UNKNOWN 400 / 404
      RangeInvalid                      RANGE_INVALID               416
      PageSizeInvalid                   PAGINATION_NUMBER_INVALID   400
      RequestTimeout / PreconditionFailed / HeaderTooLarge UNSUPPORTED 408 / 412 / 431
      QueryInvalid / HeadInvalid        UNSUPPORTED                 400
      TooManyRequests / Unavailable     TOOMANYREQUESTS / UNAVAILABLE 429 / 503
      StorageExhausted                  DENIED                      507

Handlers and the store raise these; `moorage.api.rendering` is the only place that turns them into answers.
Codes and messages: Docker Registry HTTP API V2 and OCI distribution-spec, "Error codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class RegistryError(Exception):
    """Base of all. `detail` is JSON-able and goes to the client: never a path, never a backend's words."""

    code: ClassVar[str] = "UNKNOWN"
    status: ClassVar[int] = 500
    message: str = "unknown error"

    def __init__(
        self, message: str | None = None, *, detail: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.message = message or type(self).message
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def entries(self) -> list[dict[str, Any]]:
        """The members of `errors` in the answer; one, unless a subclass has several to tell."""
        return [{"code": self.code, "message": self.message, "detail": self.detail}]


class Unsupported(RegistryError):
    code, status, message = "UNSUPPORTED", 405, "The operation is unsupported."


class NotFound(RegistryError):
    code, status, message = "UNSUPPORTED", 404, "no such route"


class Unauthorized(RegistryError):
    code, status, message = "UNAUTHORIZED", 401, "authentication required"


class Denied(RegistryError):
    code, status, message = "DENIED", 403, "requested access to the resource is denied"


class NameInvalid(RegistryError):
    code, status, message = "NAME_INVALID", 400, "invalid repository name"


class NameUnknown(RegistryError):
    code, status, message = "NAME_UNKNOWN", 404, "repository name not known to registry"


class TagInvalid(RegistryError):
    code, status, message = "TAG_INVALID", 400, "invalid tag"


class DigestInvalid(RegistryError):
    code, status, message = "DIGEST_INVALID", 400, "provided digest did not match uploaded content"


class SizeInvalid(RegistryError):
    code, status, message = "SIZE_INVALID", 400, "provided length did not match content length"


class BodyEnded(SizeInvalid):
    """The connection ended, or its framing broke, before the body was whole. Most such clients are gone; one that
    only closed its sending half reads the answer."""

    message = "the request ended before its body did"


class ManifestInvalid(RegistryError):
    code, status, message = "MANIFEST_INVALID", 400, "manifest invalid"


class ManifestTooLarge(RegistryError):
    code, status, message = "MANIFEST_INVALID", 413, "manifest too large"


class ManifestUnknown(RegistryError):
    code, status, message = "MANIFEST_UNKNOWN", 404, "manifest unknown"


class ManifestBlobUnknown(RegistryError):
    """A manifest refers to content that this repository lacks; one entry per missing digest."""

    code, status, message = (
        "MANIFEST_BLOB_UNKNOWN",
        400,
        "manifest references a manifest or blob unknown to registry",
    )

    def __init__(self, digests: list[str]) -> None:
        super().__init__()
        self.digests = digests

    def entries(self) -> list[dict[str, Any]]:
        return [
            {"code": self.code, "message": self.message, "detail": {"digest": digest}}
            for digest in self.digests
        ]


class BlobUnknown(RegistryError):
    code, status, message = "BLOB_UNKNOWN", 404, "blob unknown to registry"


class UploadUnknown(RegistryError):
    code, status, message = "BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"


class UploadInvalid(RegistryError):
    code, status, message = "BLOB_UPLOAD_INVALID", 400, "blob upload invalid"


class RangeInvalid(RegistryError):
    code, status, message = "RANGE_INVALID", 416, "invalid content range"


class PageSizeInvalid(RegistryError):
    code, status, message = "PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"


class PreconditionFailed(RegistryError):
    code, status, message = "UNSUPPORTED", 412, "the content is not the one that If-Match names"


class RequestTimeout(RegistryError):
    code, status, message = "UNSUPPORTED", 408, "the body of the request stopped or came too slowly"


class HeaderTooLarge(RegistryError):
    code, status, message = "UNSUPPORTED", 431, "the request's path, query or a header is too long"


class QueryInvalid(RegistryError):
    code, status, message = "UNSUPPORTED", 400, "the query of the request cannot be read"


class HeadInvalid(RegistryError):
    code, status, message = "UNSUPPORTED", 400, "the head of the request is ambiguous"


class TooManyRequests(RegistryError):
    code, status, message = "TOOMANYREQUESTS", 429, "too many requests"


class Unavailable(RegistryError):
    """`retry_after`: the seconds after which to try again."""

    code, status, message = "UNAVAILABLE", 503, "service unavailable"

    def __init__(self, message: str | None = None, *, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class StorageExhausted(RegistryError):
    code, status, message = (
        "DENIED",
        507,
        "the registry's storage is full; free space or add some, then push again",
    )
