"""A mirror of hundreds of repositories with one client that keeps one token for the registry, as regclient does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Final
from urllib.parse import urlencode

import pytest

from tests.access.servers import ask, served
from tests.access.test_served import ADMIN, sections
from tests.auth.hashing import header
from tests.support.server import Server

REPOSITORIES: Final = [f"mirror/some-long-repository-name-of-a-team-{number}" for number in range(300)]
SCOPE: Final = re.compile(r'scope="([^"]+)"')
INDEX: Final = "application/vnd.oci.image.index.v1+json"
EMPTY: Final = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
LINE: Final = 8 << 10
"""The most that nginx and others take as one header, unless configured."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("many")
    with served(folder / "server", sections(folder)) as started:
        yield started


class Mirroring:
    """Asks for a token when it is challenged, with all scopes so far, each in a parameter of its own."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.connection = connection
        self.scopes: list[str] = []
        self.authorization = ""

    def get(self, target: str) -> int:
        status, challenge = self._answer(target, self.authorization)
        if status == 401:
            self.scopes += SCOPE.findall(challenge)
            self._sign_in()
            status, _ = self._answer(target, self.authorization)
        return status

    def _sign_in(self) -> None:
        query = urlencode([("service", "moorage"), *(("scope", scope) for scope in self.scopes)])
        self.connection.request("GET", f"/auth/token?{query}", headers={"Authorization": header(*ADMIN)})
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        self.authorization = f"Bearer {json.loads(body)['token']}"

    def _answer(self, target: str, authorization: str) -> tuple[int, str]:
        self.connection.request(
            "GET", target, headers={"Authorization": authorization} if authorization else {}
        )
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("WWW-Authenticate", "")


def test_one_token_grows_to_hundreds_of_repositories(server: Server) -> None:
    for name in (REPOSITORIES[0], REPOSITORIES[-1]):
        headers = {"Authorization": header(*ADMIN), "Content-Type": INDEX}
        assert ask(server, "PUT", f"/v2/{name}/manifests/latest", EMPTY, headers).status == 201
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        client = Mirroring(connection)
        statuses = [client.get(f"/v2/{name}/manifests/latest") for name in REPOSITORIES]
        assert statuses == [200, *[404] * (len(REPOSITORIES) - 2), 200]
        assert len(client.scopes) == len(REPOSITORIES)
        assert len(f"Authorization: {client.authorization}\r\n") < LINE
        last = client.authorization
        assert client.get(f"/v2/{REPOSITORIES[0]}/manifests/latest") == 200
        assert client.authorization == last


def test_more_than_that_is_refused_with_the_limit(server: Server) -> None:
    """By the registry, not by the server before it, whose answer would have no reason."""
    basic = {"Authorization": header(*ADMIN)}
    for scope, status, reason in (
        ("a" * (60 << 10), 431, "the query is longer than 61440 bytes: ask for fewer repositories"),
        ("&scope=" * 2010, 400, "the query has more than 2010 parameters"),
        ("+".join(["repository:a:pull"] * 2001), 400, "more than 2000 scopes: ask for fewer repositories"),
    ):
        answer = ask(server, "GET", f"/auth/token?scope={scope}", headers=basic)
        assert (answer.status, answer.codes) == (status, ["UNSUPPORTED"])
        assert answer.json["errors"][0]["message"].endswith(reason)
    answer = ask(server, "GET", f"/auth/token?scope={'+'.join(['repository:a:pull'] * 2000)}", headers=basic)
    assert answer.status == 200


def test_other_routes_keep_their_limits(server: Server) -> None:
    basic = {"Authorization": header(*ADMIN)}
    for query, status in (("n=1&" * 99, 200), ("n=1&" * 100, 400), ("last=" + "a" * 8192, 431)):
        assert ask(server, "GET", f"/v2/_catalog?{query}", headers=basic).status == status
