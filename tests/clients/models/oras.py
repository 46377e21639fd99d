"""ORAS (oras-go, `registry/remote`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from tests.clients.asking import Asking, Refused, basic, bearer, challenge, errors, reason, verified
from tests.clients.models.base import (
    ACCEPT,
    BINARY,
    MANIFEST,
    TAG,
    asking_for,
    code,
    everything,
    spelt,
    with_parameters,
)
from tests.clients.smallimages import SmallImage
from tests.support.exchange import Answer
from tests.support.images import digest_of


class Oras:
    """Asks without a token first, and keeps what it gets for each set of scopes: those that it knows it will need, with those that a
    challenge tells. The upload of a blob goes on with the token with which it began."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.begun: Callable[[], None] = lambda: None
        self.received: Callable[[str], str] = str
        self._user = self._secret = ""
        self._tokens: dict[str, str] = {}

    def remember(self, user: str, secret: str) -> None:
        """Without a user, the secret is a refresh token."""
        self._user, self._secret = user, secret

    def login(self, user: str, password: str) -> None:
        self._user, self._secret = user, password
        answer, _ = self._ask("GET", "/v2/", [])
        self._expected(answer, "GET", "/v2/", 200)

    def push(self, name: str, image: SmallImage, source: str = "") -> None:
        path = f"/v2/{name}/manifests/{digest_of(image.manifest)}"
        if self._exists(name, path):
            return
        for digest, content in image.blobs.items():
            if not self._exists(name, f"/v2/{name}/blobs/{digest}"):
                self._push_blob(name, digest, content, source)
        path = f"/v2/{name}/manifests/{TAG}"
        answer, _ = self._ask("PUT", path, [f"repository:{name}:pull,push"], MANIFEST, image.manifest)
        self._expected(answer, "PUT", path, 201)

    def pull(self, name: str) -> frozenset[str]:
        scopes, path = [f"repository:{name}:pull"], f"/v2/{name}/manifests/{TAG}"
        answer, _ = self._ask("HEAD", path, scopes, ACCEPT)
        digest = self._expected(answer, "HEAD", path, 200).headers["docker-content-digest"]

        def get(kind: str, one: str) -> bytes:
            path = f"/v2/{name}/{kind}/{one}"
            answer, _ = self._ask("GET", path, scopes, ACCEPT)
            return verified(self._expected(answer, "GET", path, 200), one)

        return everything(digest, get)

    def _exists(self, name: str, path: str) -> bool:
        answer, _ = self._ask("HEAD", path, [f"repository:{name}:pull"], ACCEPT)
        return self._expected(answer, "HEAD", path, 200, 404).status == 200

    def _push_blob(self, name: str, digest: str, content: bytes, source: str) -> None:
        scopes, path = [f"repository:{name}:pull,push"], f"/v2/{name}/blobs/uploads/"
        mount = {"mount": digest, "from": source}
        more = [f"repository:{source}:pull"] if source else []
        answer, own = self._ask("POST", with_parameters(path, **mount) if source else path, [*scopes, *more])
        if source and answer.status == 201:
            return
        self._expected(answer, "POST", path, 202)
        self.begun()
        place = with_parameters(answer.headers["location"], digest=digest)
        self._expected(self.asking("PUT", place, {**BINARY, **own}, content), "PUT", path, 201)

    def _ask(
        self,
        method: str,
        url: str,
        scopes: Sequence[str],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[Answer, dict[str, str]]:
        """With the header by which it was let in."""
        tried = _cleaned(scopes)
        own = bearer(self._tokens[tried]) if tried in self._tokens else {}
        answer = self.asking(method, url, {**(headers or {}), **own}, body)
        told = challenge(answer)
        if answer.status != 401 or not told:
            return answer, own
        wanted = _cleaned([*scopes, *told.get("scope", "").split()])
        if wanted != tried and wanted in self._tokens:
            own = bearer(self._tokens[wanted])
            answer = self.asking(method, url, {**(headers or {}), **own}, body)
            if answer.status != 401:
                return answer, own
        self._tokens[wanted] = self._fetched(told, wanted.split())
        own = bearer(self._tokens[wanted])
        return self.asking(method, url, {**(headers or {}), **own}, body), own

    def _fetched(self, told: Mapping[str, str], scopes: Sequence[str]) -> str:
        realm, service = told["realm"], told["service"]
        if self._secret and not self._user:
            form = {"grant_type": "refresh_token", "refresh_token": self._secret, "client_id": "oras-go"}
            form |= {"service": service, "scope": " ".join(scopes)}
            answer = self._expected(self.asking.form(realm, form), "POST", realm, 200)
        else:
            own = basic(self._user, self._secret) if self._user else {}
            url = asking_for(realm, service, scopes)
            answer = self._expected(self.asking("GET", url, own), "GET", realm, 200)
        got = json.loads(answer.body)
        return self.received(got.get("access_token") or got["token"])

    def _expected(self, answer: Answer, method: str, path: str, *statuses: int) -> Answer:
        if answer.status in statuses:
            return answer
        told = "; ".join(spelt(code(one), one, ": ") for one in errors(answer))
        raise Refused(f"{method} {path}: response status code {answer.status}: {told or reason(answer)}")


def _cleaned(scopes: Sequence[str]) -> str:
    """One scope for each resource, sorted; and so its actions."""
    resources: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, actions = scope.rpartition(":")
        resources.setdefault(resource, set()).update(actions.split(","))
    return " ".join(sorted(f"{one}:{','.join(sorted(actions))}" for one, actions in resources.items()))
