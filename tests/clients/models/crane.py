"""crane (go-containerregistry, `pkg/v1/remote`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from tests.clients.asking import Asking, Refused, basic, bearer, challenge, errors, reason, verified
from tests.clients.models.base import (
    ACCEPT,
    BINARY,
    MANIFEST,
    TAG,
    asking_for,
    everything,
    spelt,
    with_parameters,
)
from tests.clients.smallimages import SmallImage
from tests.support.exchange import Answer
from tests.support.images import digest_of


class Crane:
    """Asks `GET /v2/` first, then for a token, before anything else. When that does not do, it asks for another one, with the scopes
    that the challenge tells added in front. `login` only writes down."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.begun: Callable[[], None] = lambda: None
        self.received: Callable[[str], str] = str
        self._user = self._secret = ""
        self._realm = self._service = self._token = ""
        self._scopes: list[str] = []

    def remember(self, user: str, secret: str) -> None:
        """Without a user, the secret is an identity token."""
        self._user, self._secret = user, secret

    login = remember

    def push(self, name: str, image: SmallImage, source: str = "") -> None:
        self._begin([f"repository:{name}:push,pull"])
        path = f"/v2/{name}/manifests/{TAG}"
        found = self._expected(self._ask("HEAD", path, ACCEPT), "HEAD", path, 200, 403, 404)
        if found.headers.get("docker-content-digest") == digest_of(image.manifest):
            return
        for digest, content in image.blobs.items():
            self._push_blob(name, digest, content, source)
        self._expected(self._ask("PUT", path, MANIFEST, image.manifest), "PUT", path, 200, 201, 202)

    def pull(self, name: str) -> frozenset[str]:
        self._begin([f"repository:{name}:pull"])
        path = f"/v2/{name}/manifests/{TAG}"
        answer = self._expected(self._ask("GET", path, ACCEPT), "GET", path, 200)

        def get(kind: str, one: str) -> bytes:
            if kind == "manifests":
                return verified(answer, one)
            path = f"/v2/{name}/{kind}/{one}"
            return verified(self._expected(self._ask("GET", path), "GET", path, 200), one)

        return everything(digest_of(answer.body), get)

    def _push_blob(self, name: str, digest: str, content: bytes, source: str) -> None:
        path = f"/v2/{name}/blobs/{digest}"
        if self._expected(self._ask("HEAD", path), "HEAD", path, 200, 404).status == 200:
            return
        path = f"/v2/{name}/blobs/uploads/"
        if source and f"repository:{source}:pull" not in self._scopes:
            self._begin([*self._scopes, f"repository:{source}:pull"])
        mount = {"mount": digest, "from": source, "origin": self.asking.host}
        answer = self._ask("POST", with_parameters(path, **mount) if source else path)
        if source and answer.status not in (201, 202):
            answer = self._ask("POST", path)
        if self._expected(answer, "POST", path, 201, 202).status == 201:
            return
        self.begun()
        answer = self._ask("PATCH", answer.headers["location"], BINARY, content)
        place = self._expected(answer, "PATCH", path, 201, 202, 204).headers["location"]
        self._expected(self._ask("PUT", with_parameters(place, digest=digest), BINARY), "PUT", path, 201)

    def _begin(self, scopes: list[str]) -> None:
        answer = self._expected(self.asking("GET", "/v2/"), "GET", "/v2/", 200, 401)
        told = challenge(answer)
        self._realm, self._service, self._scopes = told["realm"], told["service"], scopes
        # It takes no address of a private network but the registry's own.
        assert urlsplit(self._realm).netloc == self.asking.host
        self._refresh()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        answer = self.asking(method, url, {**(headers or {}), **bearer(self._token)}, body)
        if told := challenge(answer):
            wanted = told.get("scope", "")
            self._scopes = [*([wanted] if wanted and wanted not in self._scopes else []), *self._scopes]
            self._refresh()
            answer = self.asking(method, url, {**(headers or {}), **bearer(self._token)}, body)
        return answer

    def _refresh(self) -> None:
        if self._secret and not self._user:
            form = {"scope": " ".join(self._scopes), "service": self._service, "client_id": "crane"}
            form |= {"grant_type": "refresh_token", "refresh_token": self._secret}
            answer = self._expected(self.asking.form(self._realm, form), "POST", self._realm, 200)
        else:
            own = basic(self._user, self._secret) if self._user else {}
            url = asking_for(self._realm, self._service, self._scopes)
            answer = self._expected(self.asking("GET", url, own), "GET", self._realm, 200)
        told = json.loads(answer.body)
        self._token = self.received(told.get("access_token") or told["token"])

    def _expected(self, answer: Answer, method: str, path: str, *statuses: int) -> Answer:
        if answer.status in statuses:
            return answer
        told = "; ".join(spelt(one["code"], one, "; ") for one in errors(answer))
        if not told:
            told = f"unexpected status code {reason(answer)}"
            told += " (HEAD responses have no body, use GET for details)" if method == "HEAD" else ""
        raise Refused(f"{method} {path}: {told}")
