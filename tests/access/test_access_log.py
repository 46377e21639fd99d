"""The access log shows of a request what a reader needs, and nothing by which he could act for somebody."""

from __future__ import annotations

from typing import Any, Final

import pytest

from moorage.observe import access

SECRET: Final = "hunter2-eyJhbGciOiJFZERTQSJ9"
KEPT: Final = (
    "n=5", "last=a%2Fb", "digest=sha256:00", "mount=sha256:00&from=team/app", "artifactType=x", "tag=1&tag=2", "digest-algorithm=sha512", "service=moorage",
    "scope=repository:a:pull&scope=repository:b:pull", "account=ann", "client_id=docker", "offline_token=true",
)  # fmt: skip
HIDDEN: Final = (
    "_state={0}", "_st%61te={0}", "%5Fstate={0}", "_state={0}&_state={0}", "_state=a={0}", "token={0}", "TOKEN={0}", "access_token={0}", "refresh_token={0}", "id_token={0}",
    "password={0}", "p%61ssword={0}", "username=ann&password={0}", "passwd={0}", "pw={0}", "secret={0}", "client_secret={0}", "authorization=Bearer%20{0}", "auth={0}", "key={0}",
    "api_key={0}", "sig={0}", "X-Amz-Signature={0}", "X-Amz-Security-Token={0}", "code={0}", "assertion={0}", "jwt={0}", "{0}", "{0}=", "{0}=1", "={0}", "&&{0}", "n=5;token={0}",
    "n=5&{0}", "%6e={0}", "n=5?token={0}", "n=5#token={0}", "n=5%26token={0}", "digest=x&unknown={0}&a=b", "last=x%0a&N={0}", "from=http://ann:{0}@hub.example/x", "scope=x&scop={0}", "n={0}",
    "x" * 2_040 + "&token={0}", "n=1&" * 600 + "token={0}", "last=" + "x" * 2_040 + "&password={0}",
)  # fmt: skip


def line(query: str = "", path: str = "/v2/", **headers: str) -> str:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {
        "method": "GET", "http_version": "1.1", "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": sent, "client": ("192.0.2.1", 9),
    }  # fmt: skip
    return access.line(scope, 200, 0, 0.0, "id", "ann").decode()


@pytest.mark.parametrize("query", KEPT)
def test_what_the_api_knows_is_shown(query: str) -> None:
    assert f"/v2/?{query} HTTP" in line(query)


@pytest.mark.parametrize("query", HIDDEN)
def test_what_else_a_query_holds_is_hidden(query: str) -> None:
    """Clients that are confused send passwords and tokens there."""
    told = line(query.format(SECRET))
    assert SECRET not in told
    assert "***" in told or len(told) > 2_000


@pytest.mark.parametrize(
    ("referer", "shown"),
    [
        ("https://ui.example/images", "https://ui.example/images"), (f"https://ui.example/?token={SECRET}", "https://ui.example/?***"),
        (f"https://ui.example/#access_token={SECRET}", "https://ui.example/#***"), (f"https://ann:{SECRET}@ui.example/x", "https://***@ui.example/x"),
        (f"//ann:{SECRET}@ui.example/x", "//***@ui.example/x"), (f"https://ann:a@{SECRET}@ui.example/x", "https://***@ui.example/x"),
    ],
)  # fmt: skip
def test_a_page_is_named_without_what_is_secret_in_its_address(referer: str, shown: str) -> None:
    assert f'"{shown}"' in line(referer=referer)


def test_headers_with_credentials_are_not_shown() -> None:
    told = line(authorization=f"Bearer {SECRET}", cookie=SECRET, proxy_authorization=SECRET, x_api_key=SECRET)
    assert SECRET not in told
