"""Translates what obstore raises into the driver's errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from obstore.exceptions import BaseError

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused

_OTHER_MISSING: Final = (
    "NoSuchBucket",
    "ContainerNotFound",
    "The specified bucket does not exist",
    "ContainerBeingDeleted",
    "NoSuchUpload",
)
"""What is missing instead of the file: the bucket, or a multipart upload."""

_FULL: Final = ("XMinioStorageFull", "QuotaExceeded", "507 Insufficient Storage", "No space left on device")
_CODE: Final = re.compile(r"(?:<Code>|\(code: )([A-Za-z]+)(?:</Code>|\))")
"""In the body of an answer, or in what obstore says of one object of many that were to be removed."""
_STATUS: Final = re.compile(r"status code: (\d{3} [A-Za-z ]+)")
_REDIRECTED: Final = "redirect without LOCATION"
"""What obstore says of Amazon's answer to requests for a bucket of another region."""
_NO_BYTES: Final = ("InvalidRange", "416 Range", "non-partial", "CONTENT_RANGE")
"""What obstore says of the answers of the four stores and their emulators to the request for the first byte of none."""
_WRITING: Final = re.compile(r"Error performing (PUT|POST|DELETE) |DeleteObjects request failed")
_NO_LISTING: Final = re.compile(
    r"Generic (\w+) error: (?:Error performing list request: .*status code: (?:400|404|405) |Got invalid list response)"
)
"""What obstore says when it asked for a listing, and who answered did not take the address for that of a bucket."""
_LOOK: Final = {
    "S3": "look at bucket and regionendpoint: the address of the service's API alone, without the bucket",
    "MicrosoftAzure": "look at container and serviceurl: the address of the service, with the account where it wants that, "
    "without the container",
    "GCS": "look at bucket",
}
_REQUEST: Final = re.compile(r"Error performing (\w+) \S+ in \S+ - ")
_URL: Final = re.compile(r'(https?://)([^/?#\s"]*@)?([^?\s"]*)(\?[^\s"]*)?')
_SENDING: Final = "error sending request"
"""What obstore says, without a cause, when a request did not reach the store. What follows tells more."""
_CAUSES: Final = (
    (
        re.compile(r"InvalidCertificate\(\s*(UnknownIssuer)"),
        "the certificate is not trusted ({0}): the variable SSL_CERT_FILE names the file of an authority",
    ),
    (re.compile(r"InvalidCertificate\(\s*(\w+?)(?:Context)?\b"), "the certificate is not trusted ({0})"),
    (
        re.compile(r"InvalidMessage\(\s*InvalidContentType"),
        "it does not speak TLS: is it http:// instead of https://?",
    ),
    (re.compile(r'error: "(failed to lookup address[^"]*)"'), "{0}"),
    (re.compile(r'(\S+:\d+),\s*Os \{[^}]*message: "([^"]+)"'), "{0}: {1}"),
    (re.compile(r'Os \{[^}]*message: "([^"]+)"'), "{0}"),
    (re.compile(r"\bTimedOut\b"), "it did not answer in time"),
)
"""What obstore's long text, the first line apart, tells of a connection that was not made or broke off."""
_OTHER_404: Final = re.compile(r"status code: 404 Not Found: (?=[^\s{])(?!.*<Code>)", re.DOTALL)
"""A 404 whose body is neither the store's, in XML with a code, nor JSON. Answers to HEAD have no body to tell by."""
NOT_THE_STORE: Final = "something else answers in the place of the store, look at the endpoint"
_PANIC: Final = "RustPanic"
_FORBIDDEN: Final = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "InsufficientAccountPermissions",
    }
)
"""Codes for credentials that are valid but lack the permission. Only conclusive for writes: without the permission to list,
a store also answers a read of a missing object with them."""

REASONS: Final = {
    "NoSuchBucket": "the bucket does not exist",
    "ContainerNotFound": "the container does not exist",
    "InvalidAccessKeyId": "the access key is unknown",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AuthenticationFailed": "the account key or the shared access signature is wrong or has expired, "
    "or the clock of this machine is wrong",
    "ExpiredToken": "the credentials have expired",
    "InvalidToken": "the session token is wrong",
    "InvalidAuthenticationInfo": "the credentials are none that the store understands",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "AuthorizationHeaderMalformed": "the region is wrong",
    "PermanentRedirect": "the region or the endpoint is wrong",
    "AccessDenied": "access is denied",
    "AuthorizationFailure": "access is denied",
    "AuthorizationPermissionMismatch": "access is denied",
    "AccessControlListNotSupported": "the bucket takes no ACLs: remove `objectacl`, and write a bucket policy",
    "NotImplemented": "the store cannot do what it is asked: look at encrypt, keyid, objectacl and storageclass",
    "InvalidStorageClass": "the store does not know the storage class: look at storageclass; NONE sends none",
    "SlowDown": "the store asks to slow down",
}
"""Error codes of S3 and Azure on which an operator can act."""


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Raises PathNotFound, StorageFull, WriteRefused, DriverError for what obstore raises about `path`."""
    try:
        yield
    except FileNotFoundError as error:
        # A 404 may be about something else, which must not be mistaken for a missing file.
        if any(word in str(error) for word in _OTHER_MISSING):
            raise DriverError(path, reason(error)) from None
        if _OTHER_404.search(str(error)):
            raise DriverError(path, f"404 Not Found without a code: {NOT_THE_STORE}") from None
        raise PathNotFound(path) from None
    except (BaseError, OSError, ValueError, NotImplementedError) as error:
        if full(str(error)):
            raise StorageFull(path, reason(error)) from None
        raise failure(path, error) from None
    except Exception as error:
        # No module has the class to import it from.
        if type(error).__name__ != _PANIC:
            raise
        told = (
            "obstore panicked: look for a strange character in the bucket, the credentials and the endpoint"
        )
        raise DriverError(path, told) from None


def failure(path: str, error: Exception) -> DriverError:
    text = str(error)
    code = _CODE.search(text)
    if code is not None and _WRITING.search(text) is not None and forbids(code[1]):
        return WriteRefused(path, reason(error))
    return DriverError(path, reason(error))


def full(answer: str) -> bool:
    """Whether the store's code, or a text that contains it, means that the store is full."""
    return any(word in answer for word in _FULL)


def forbids(code: str) -> bool:
    """Whether the store's code, as an answer to a write, means that the credentials may not write."""
    return code in _FORBIDDEN


def reason(error: Exception) -> str:
    """One line for the operator: the store's code and its meaning, else the status, else the first line of obstore's message,
    without what URLs hide: user, password and query, which may be a signature. With where to look, if no bucket answers so."""
    text = str(error)
    code = _CODE.search(text)
    told = _told(text) if code is None else meaning(code[1])
    listing = _NO_LISTING.match(text)
    known = code is not None and code[1] in REASONS
    return told if listing is None or known else f"{told}: {_LOOK.get(listing[1], NOT_THE_STORE)}"


def _told(text: str) -> str:
    if _REDIRECTED in text:
        return meaning("PermanentRedirect")
    if (status := _STATUS.search(text)) is not None:
        return status[1].strip()
    line, _, more = text.partition("\n")
    told = _URL.sub(_shown, _REQUEST.sub(r"\1: ", line))[:300]
    return f"{told}: {cause}" if line.endswith(_SENDING) and (cause := _cause(more)) else told


def _cause(text: str) -> str:
    found = ((pattern.search(text), words) for pattern, words in _CAUSES)
    return next((words.format(*match.groups()) for match, words in found if match is not None), "")


def _shown(url: re.Match[str]) -> str:
    scheme, user, place, query = url.groups(default="")
    return f"{scheme}{'***@' if user else ''}{place}{'?***' if query else ''}"


def without_bytes(error: DriverError) -> bool:
    """Whether the store refused a range because the object is empty, or answered with all of nothing."""
    said = str(error).removeprefix(error.path)
    return any(word in said for word in _NO_BYTES)


def meaning(code: str) -> str:
    """The store's code with an explanation for the operator, if there is one."""
    return f"{REASONS[code]} ({code})" if code in REASONS else code
