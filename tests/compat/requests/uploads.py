"""Uploads: in one request, in chunks, mounted, cancelled; and everything that can be wrong with one."""

from tests.compat.cargo import noise
from tests.compat.steps import Step
from tests.support.images import digest_of

BLOB = noise("blob", 5000)
OTHER = noise("other", 100)
EMPTY = b""
DIGEST = digest_of(BLOB)
NAME = "/v2/harbour/quay/blobs/uploads"
BYTES = {"content-type": "application/octet-stream"}
UNKNOWN = f"{NAME}/00000000-0000-4000-8000-000000000000"
ABSENT = digest_of(b"absent")


def chunk(start: int, stop: int) -> dict[str, str]:
    """Headers of the bytes from `start` to before `stop`."""
    return {**BYTES, "content-range": f"{start}-{stop - 1}"}


def after_a_part(name: str, step: Step) -> tuple[Step, ...]:
    """`step`, sent to a session of its own that holds the first 2000 bytes, and the session's state after it."""
    return (
        Step(f"{name}: session", "POST", f"{NAME}/", b"", save="part"),
        Step(f"{name}: first part", "PATCH", "{part}", BLOB[:2000], chunk(0, 2000), save="part"),
        step,
        Step(f"{name}: afterwards", "GET", "{part}"),
    )


def bad_chunk(name: str, content_range: str, body: bytes) -> tuple[Step, ...]:
    step = Step(name, "PATCH", "{part}", body, {**BYTES, "content-range": content_range})
    return after_a_part(name, step)


STEPS = (
    # In chunks, looking in between.
    Step("upload opens", "POST", f"{NAME}/", b"", save="one"),
    Step("upload status at first", "GET", "{one}"),
    Step("upload status by head", "HEAD", "{one}"),
    Step("upload first chunk", "PATCH", "{one}", BLOB[:2000], chunk(0, 2000), save="one"),
    Step("upload status of a part", "GET", "{one}"),
    Step("upload second chunk", "PATCH", "{one}", BLOB[2000:], chunk(2000, 5000), save="one"),
    Step("upload completes", "PUT", f"{{one}}&digest={DIGEST}", b""),
    Step("upload status afterwards", "GET", "{one}"),
    Step("upload completes twice", "PUT", f"{{one}}&digest={DIGEST}", b""),
    *bad_chunk("chunk that leaves a gap", "3000-4999", BLOB[3000:]),
    *bad_chunk("chunk sent again", "0-1999", BLOB[:2000]),
    *bad_chunk("chunk with a range that is none", "two-three", b"x"),
    *bad_chunk("chunk with a backward range", "2000-1999", b"x"),
    *bad_chunk("chunk shorter than its range", "2000-2499", BLOB[2000:2400]),
    *bad_chunk("chunk longer than its range", "2000-2299", BLOB[2000:2400]),
    # Streamed, then completed with the last bytes.
    Step("stream opens", "POST", f"{NAME}/", b"", save="two"),
    Step("stream sends", "PATCH", "{two}", OTHER[:60], BYTES, save="two"),
    Step("stream completes with the rest", "PUT", f"{{two}}&digest={digest_of(OTHER)}", OTHER[60:], BYTES),
    # POST then PUT, and the empty blob.
    Step("whole opens", "POST", f"{NAME}/", b"", save="three"),
    Step("whole completes", "PUT", f"{{three}}&digest={DIGEST}", BLOB, BYTES),
    Step("empty opens", "POST", f"{NAME}/", b"", save="four"),
    Step("empty completes", "PUT", f"{{four}}&digest={digest_of(EMPTY)}", EMPTY, BYTES),
    # One request.
    Step("single request", "POST", f"{NAME}/?digest={digest_of(b'single')}", b"single", BYTES),
    Step("single request with a wrong digest", "POST", f"{NAME}/?digest={ABSENT}", b"single", BYTES),
    Step("single request with a bad digest", "POST", f"{NAME}/?digest=sha256:12", b"single", BYTES),
    # Digests at completion.
    Step("wrong digest opens", "POST", f"{NAME}/", b"", save="five"),
    Step("wrong digest", "PUT", f"{{five}}&digest={ABSENT}", b"something else", BYTES),
    Step("after a wrong digest", "GET", "{five}"),
    Step("no digest opens", "POST", f"{NAME}/", b"", save="six"),
    Step("no digest", "PUT", "{six}", b"x", BYTES),
    Step("bad digest", "PUT", "{six}&digest=nonsense", b"x", BYTES),
    Step("short digest", "PUT", "{six}&digest=sha256:1234", b"x", BYTES),
    Step("digest of an unknown algorithm", "PUT", f"{{six}}&digest=md5:{'0' * 32}", b"x", BYTES),
    Step("upload cancelled", "DELETE", "{six}"),
    Step("upload cancelled twice", "DELETE", "{six}"),
    # Sessions that do not exist or are not one's own.
    Step("unknown upload status", "GET", UNKNOWN),
    Step("unknown upload chunk", "PATCH", UNKNOWN, b"x", BYTES),
    Step("unknown upload completes", "PUT", f"{UNKNOWN}?digest={DIGEST}", b"", BYTES),
    Step("unknown upload cancelled", "DELETE", UNKNOWN),
    Step("upload id that is none", "GET", f"{NAME}/not*an*id"),
    Step("tampered opens", "POST", f"{NAME}/", b"", save="seven"),
    Step("tampered state", "PATCH", "{seven}tampered", b"x", BYTES),
    # Mounts.
    Step("mount", "POST", f"/v2/harbour/pier/blobs/uploads/?mount={DIGEST}&from=harbour/quay", b""),
    Step("mounted blob", "HEAD", f"/v2/harbour/pier/blobs/{DIGEST}"),
    Step("mount of an unknown blob", "POST", f"{NAME}/?mount={ABSENT}&from=harbour/pier", b""),
    Step("mount without a source", "POST", f"/v2/harbour/jetty/blobs/uploads/?mount={DIGEST}", b""),
    Step("mount from an invalid name", "POST", f"{NAME}/?mount={ABSENT}&from=HARBOUR", b""),
    Step("mount of a bad digest", "POST", f"{NAME}/?mount=sha256:x&from=harbour/pier", b""),
    Step("mount from itself", "POST", f"{NAME}/?mount={DIGEST}&from=harbour/quay", b""),
    # Routes.
    Step("upload without slash", "POST", NAME, b""),
    Step("upload to an invalid name", "POST", "/v2/HARBOUR/blobs/uploads/", b""),
    Step("uploads listed", "GET", f"{NAME}/"),
    Step("upload by put", "PUT", f"{NAME}/", b""),
    Step("upload session posted to", "POST", UNKNOWN, b""),
)
