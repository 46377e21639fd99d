"""Blobs: whole, in ranges, under conditions; unknown and malformed digests."""

from tests.compat.requests.uploads import ABSENT, BLOB, DIGEST
from tests.compat.steps import Step

URL = f"/v2/harbour/quay/blobs/{DIGEST}"
TAG = f'"{DIGEST}"'


def part(name: str, value: str, **more: str) -> Step:
    """A GET of the blob with a Range header."""
    return Step(name, "GET", URL, headers={"range": value, **more})


STEPS = (
    Step("blob", "GET", URL),
    Step("blob by head", "HEAD", URL),
    Step("blob of another repository", "GET", f"/v2/harbour/other/blobs/{DIGEST}"),
    Step("unknown blob", "GET", f"/v2/harbour/quay/blobs/{ABSENT}"),
    Step("unknown blob by head", "HEAD", f"/v2/harbour/quay/blobs/{ABSENT}"),
    part("range", "bytes=100-199"),
    part("range of the first byte", "bytes=0-0"),
    part("range to the end", "bytes=4000-"),
    part("range from the end", "bytes=-100"),
    part("range longer than the blob", "bytes=4000-9999"),
    part("range from the end, longer than the blob", "bytes=-9999"),
    part("range behind the end", f"bytes={len(BLOB)}-"),
    part("range far behind the end", "bytes=99999-"),
    part("range backward", "bytes=200-100"),
    part("range of several parts", "bytes=0-9,20-29"),
    part("range in another unit", "lines=1-2"),
    part("range that is none", "bytes=a-b"),
    part("range of nothing from the end", "bytes=-0"),
    part("range if the same", "bytes=0-9", **{"if-range": TAG}),
    part("range if another", "bytes=0-9", **{"if-range": '"another"'}),
    Step("range by head", "HEAD", URL, headers={"range": "bytes=100-199"}),
    Step("blob known already", "GET", URL, headers={"if-none-match": TAG}),
    Step("blob known already among others", "GET", URL, headers={"if-none-match": f'"a", {TAG}'}),
    Step("any blob known already", "GET", URL, headers={"if-none-match": "*"}),
    Step("another blob known already", "GET", URL, headers={"if-none-match": '"another"'}),
    Step("blob if the same", "GET", URL, headers={"if-match": TAG}),
    Step("blob if another", "GET", URL, headers={"if-match": '"another"'}),
    Step("blob since long ago", "GET", URL, headers={"if-modified-since": "Thu, 01 Jan 1998 00:00:00 GMT"}),
    Step("blob of a short digest", "GET", "/v2/harbour/quay/blobs/sha256:1234"),
    Step("blob of a digest that is none", "GET", "/v2/harbour/quay/blobs/nonsense"),
    Step("blob of a digest in capitals", "GET", f"/v2/harbour/quay/blobs/{DIGEST.upper()}"),
    Step("blob of an unknown algorithm", "GET", f"/v2/harbour/quay/blobs/md5:{'0' * 32}"),
    Step("blob by an unknown sha512", "GET", f"/v2/harbour/quay/blobs/sha512:{'0' * 128}"),
    Step("blob with an encoded colon", "GET", URL.replace(":", "%3A")),
    Step("blob posted", "POST", URL, b""),
    Step("blob put", "PUT", URL, b""),
    Step("blob patched", "PATCH", URL, b""),
    Step("blob with a slash behind", "GET", f"{URL}/"),
)
