"""What every answer to a fuzzed request must hold to, whatever the request was."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.faults.fuzz_requests import Request
from tests.faults.wire import Answer

KNOWN_CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DENIED",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "MANIFEST_UNVERIFIED",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "PAGINATION_NUMBER_INVALID",
        "RANGE_INVALID",
        "SIZE_INVALID",
        "TAG_INVALID",
        "TOOMANYREQUESTS",
        "UNAUTHORIZED",
        "UNAVAILABLE",
        "UNKNOWN",
        "UNSUPPORTED",
    }
)


@dataclass(frozen=True)
class Oracle:
    """`secrets`: texts that no answer may hold, such as the folder of the storage."""

    secrets: tuple[bytes, ...]

    def fault(self, request: Request, answer: Answer) -> str:
        """What is wrong with the answer, or an empty string."""
        if answer.status >= 500 and not _deliberate(answer):
            return f"status {answer.status}"
        for secret in self.secrets:
            if secret in answer.body or any(secret.decode() in value for value in answer.headers.values()):
                return f"the answer holds {secret!r}"
        if answer.status >= 400 and request.plain and request.under_v2 and request.method != "HEAD":
            return error_body_fault(answer.body)
        return ""


def _deliberate(answer: Answer) -> bool:
    return answer.status == 507 or (answer.status == 503 and "retry-after" in answer.headers)


def error_body_fault(body: bytes) -> str:
    """What keeps `body` from being an error body of the registry API (distribution spec, error codes)."""
    try:
        errors = json.loads(body)["errors"]
        unknown = [error["code"] for error in errors if error["code"] not in KNOWN_CODES]
        silent = [error for error in errors if not isinstance(error.get("message", ""), str)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return "the body of the error is not an error body"
    if not errors or silent:
        return "the body of the error says nothing"
    return f"unknown codes {unknown}" if unknown else ""
