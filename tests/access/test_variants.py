"""Other ways to write the same request: whatever the Host, and however the path is spelled, nobody gets more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.cases import Case, Upload, cases
from tests.access.credentials import HOST
from tests.access.outcomes import refusal
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import NEEDS
from tests.api.client import Answer

SOME = ("anonymous", "pull A", "pull A, push B")
HOSTS = (
    "", " ", "*", ".", "/", "evil.example", "evil.example:80", "REGISTRY.EXAMPLE.ORG", "registry.example.org.", "registry.example.org:99999",
    "registry.example.org:-1", "registry.example.org:80:80", "localhost", "127.0.0.1", "[::1]", "[::1", "0x7f.1", "evil.example/?", "evil.example/v2/",
    "evil.example#", "evil.example\\@registry.example.org", "ann:secret@registry.example.org", "http://evil.example/", "//evil.example",
    "evil.example, registry.example.org", 'evil.example"', "evil.example\r\nX-Evil: 1", "evil.example\0", "\t", "\u00e9vil.example", "%2f", "<script>",
    "registry.example.org/v2/_catalog", "x" * 5_000,
)  # fmt: skip
REALM = re.compile(
    r'Bearer realm="(?:/auth/token|http://[A-Za-z0-9.\[\]:-]{1,1024}/auth/token)"(?:,[a-z]+="[^"\\]*")+'
)


def some(uploads: dict[str, Upload]) -> Iterator[Case]:
    """One case for each route and method, with what is in A."""
    for route in NEEDS:
        for case in cases(route, "A", uploads):
            if case.state == "in A" and case.body == "none" and case.method not in ("OPTIONS", "FETCH"):
                yield case


async def asked(registry: Registry, identity: str, case: Case, target: str, host: str = HOST) -> Answer:
    """And in the storage is what was there before, if the answer is no success."""
    answer = await registry.ask(identity, case.method, target, case.content, case.headers, host=host)
    if answer.status >= 300:
        assert not registry.differences(), (identity, case.method, target, host)
    registry.restore()
    return answer


async def test_no_host_opens_anything(tmp_path: Path) -> None:
    async with (
        open_registry(tmp_path) as (plain, uploads),
        guarded("rules", tmp_path / "a", plain) as registry,
    ):
        for case in some(uploads):
            for identity in ("anonymous", "pull A"):
                usual = await asked(registry, identity, case, case.target)
                for host in HOSTS:
                    answer = await asked(registry, identity, case, case.target, host)
                    if not host:
                        assert answer.status in (400, 404, 405), (identity, case)
                        continue
                    assert answer.status == usual.status, (host, identity, case)
                    if "token" not in case.route and "upload" not in case.route:
                        assert answer.body == usual.body, (host, identity, case)
                    headers = dict(answer.headers)
                    challenge = headers.pop("www-authenticate", "")
                    assert challenge.startswith("Basic ") or not challenge or REALM.fullmatch(challenge), (
                        challenge
                    )
                    assert "evil" not in repr(headers).lower(), (
                        "a Host is told to its sender only, in a realm"
                    )


SLASHES = (
    *("//", "/./", "/../", "/x/../", "/%2e/", "/%2e%2e/", "%2f", "%2F"),
    *("%252f", "\\", "%5c", "/;x/", "/;/", "/%00/", "/%20/", "%c0%af"),
)  # fmt: skip
"""In place of one in the path."""
ENDS = (
    *("/", "//", "/.", "/..", ";x", ";x=y", "%00", "%20", "%09", "%0a"),
    *("?", "%3f", "#", "%23", ".json", "%2f", "%252f", "/index.html", "*", "~", "%7e"),
)  # fmt: skip
"""Behind the path."""
STARTS = (
    *("/", "//", "/v2", "/v2/v2", "/v1", "/auth/token/../.."),
    *("/healthz/../", "/v2/../", "/x/..", "/%76%32/..", "/;", "/.", "/%2e"),
)  # fmt: skip
"""Before the path."""
WORDS = (
    *(("v2", "%76%32"), ("v2", "v2;x"), ("v2", "v2%00")),
    *(("/v2/", "/v2"), ("alpha", "ALPHA"), ("alpha", "al%70ha"), ("app", "app%0a")),
    *(("app", "%c3%a0pp"), ("manifests", "Manifests"), ("sha256:", "SHA256:"), ("sha256:", "sha256%3a")),
    ("blobs", "blobs/uploads/../../blobs"),
)  # fmt: skip
"""What stands in it, and another spelling."""


def variants(path: str) -> Iterator[str]:
    """Of a path, with its query left out. Most lead nowhere, some to the same."""
    for index, letter in enumerate(path):
        if letter == "/":
            yield from (path[:index] + slash + path[index + 1 :] for slash in SLASHES)
    yield from (path + end for end in ENDS)
    yield from (start + path for start in STARTS)
    yield from (path.replace(word, other) for word, other in WORDS)
    yield path.upper()
    yield path.title()
    yield path.replace("v2", "V2").replace("auth", "AUTH")
    yield "/http://evil.example" + path


@pytest.mark.parametrize("route", NEEDS)
async def test_no_spelling_of_a_path_gives_more_than_the_path(route: str, tmp_path: Path) -> None:
    async with (
        open_registry(tmp_path) as (plain, uploads),
        guarded("rules", tmp_path / "a", plain) as registry,
    ):
        for case in some(uploads):
            if case.route != route:
                continue
            path, mark, query = case.target.partition("?")
            for identity in SOME:
                usual = await asked(registry, identity, case, case.target)
                for other in {one for one in variants(path) if one.startswith("/")}:
                    answer = await asked(registry, identity, case, f"http://{HOST}{other}{mark}{query}")
                    if answer.status < 400:
                        assert answer.status == usual.status, (identity, case.method, other)
                        assert "token" in route or "upload" in route or answer.body == usual.body, (
                            identity,
                            other,
                        )
                    elif refusal("rules", identity, case) is not None:
                        assert answer.status in (400, 401, 403, 404, 405), (identity, case.method, other)
