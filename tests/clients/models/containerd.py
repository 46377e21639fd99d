"""containerd's resolver (`core/remotes/docker`), and nerdctl's `login`, which uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.clients.asking import Asking, Refused, basic, bearer, challenge, errors, reason, verified
from tests.clients.models.base import (
    ACCEPT,
    BINARY,
    MANIFEST,
    TAG,
    asking_for,
    code,
    everything,
    with_parameters,
)
from tests.clients.smallimages import SmallImage
from tests.support.exchange import Answer
from tests.support.images import digest_of


class Containerd:
    """Asks without a token first. For a token it sends the password in a form, and again in a header where forms are refused; one
    token for each set of scopes, until it ends. Without a user, the secret is a refresh token."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.begun: Callable[[], None] = lambda: None
        self.received: Callable[[str], str] = str
        self._user = self._secret = self._refresh = ""
        self._common: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def remember(self, user: str, secret: str) -> None:
        self._user, self._secret = user, secret

    def login(self, user: str, password: str) -> None:
        self._user, self._secret = user, password
        answer = self._ask("GET", "/v2/", [], offline=True)
        if answer.status != 200:
            raise Refused(f"unexpected status code {answer.status}")
        if self._refresh:
            self._user, self._secret = "", self._refresh

    def push(self, name: str, image: SmallImage, source: str = "") -> None:
        scopes = [f"repository:{name}:pull,push"]
        for digest, content in image.blobs.items():
            self._push_blob(name, digest, content, scopes, source)
        if not self._exists(f"/v2/{name}/manifests/{TAG}", digest_of(image.manifest), scopes):
            path = f"/v2/{name}/manifests/{TAG}"
            self._expected(self._ask("PUT", path, scopes, MANIFEST, image.manifest), "PUT", path, 201)

    def pull(self, name: str) -> frozenset[str]:
        scopes, path = [f"repository:{name}:pull"], f"/v2/{name}/manifests/{TAG}"
        try:
            answer = self._ask("HEAD", path, scopes, ACCEPT)
        except _NotAuthorized as error:
            raise Refused(
                f"pull access denied, repository does not exist or may require authorization: {error}"
            ) from None
        digest = self._expected(answer, "HEAD", path, 200).headers["docker-content-digest"]

        def get(kind: str, one: str) -> bytes:
            path = f"/v2/{name}/{kind}/{one}"
            return verified(self._expected(self._ask("GET", path, scopes, ACCEPT), "GET", path, 200), one)

        return everything(digest, get)

    def _exists(self, path: str, digest: str, scopes: Sequence[str]) -> bool:
        try:
            answer = self._ask("HEAD", path, scopes, ACCEPT)
        except _NotAuthorized:
            return False
        if answer.status == 404:
            return False
        return self._expected(answer, "HEAD", path, 200).headers["docker-content-digest"] == digest

    def _push_blob(self, name: str, digest: str, content: bytes, scopes: Sequence[str], source: str) -> None:
        if self._exists(f"/v2/{name}/blobs/{digest}", digest, scopes):
            return
        path = f"/v2/{name}/blobs/uploads/"
        answer = self._mounted(path, digest, scopes, source) if source else None
        try:
            answer = answer or self._ask("POST", path, scopes)
        except _NotAuthorized as error:
            raise Refused(
                f"push access denied, repository does not exist or may require authorization: {error}"
            ) from None
        if self._expected(answer, "POST", path, 202, 201).status == 202:
            self.begun()
            place = with_parameters(answer.headers["location"], digest=digest)
            self._expected(self._ask("PUT", place, scopes, BINARY, content), "PUT", path, 201)

    def _mounted(self, path: str, digest: str, scopes: Sequence[str], source: str) -> Answer | None:
        """Without it, if that is not allowed."""
        wanted = [*scopes, f"repository:{source}:pull"]
        try:
            return self._ask("POST", with_parameters(path, mount=digest, **{"from": source}), wanted)
        except _NotAuthorized:
            return None

    def _ask(
        self,
        method: str,
        url: str,
        scopes: Sequence[str],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        offline: bool = False,
    ) -> Answer:
        refused = 0
        for _ in range(5):
            own = bearer(self._token(scopes, offline)) if self._common else {}
            answer = self.asking(method, url, {**(headers or {}), **own}, body)
            if answer.status == 401:
                refused += 1
                self._learn(challenge(answer), again=refused > 1)
            elif answer.status != 429:
                break
        return answer

    def _learn(self, told: dict[str, str], *, again: bool) -> None:
        """What is told of the first challenge stays, until one says that a token was not enough."""
        if error := told.get("error"):
            if again:
                raise _NotAuthorized(f"server message: {error}: authorization failed")
            self._common, self._tokens = {}, {}
        self._common = self._common or told

    def _token(self, scopes: Sequence[str], offline: bool) -> str:
        wanted = sorted({*scopes, *self._common.get("scope", "").split()})
        key = " ".join(wanted)
        token, end = self._tokens.get(key, ("", 0.0))
        if time.time() < end:
            return token
        told = self._fetched(wanted, offline)
        self._refresh = told.get("refresh_token", "")
        token = self.received(told["access_token"])
        self._tokens[key] = token, time.time() + int(told["expires_in"])
        return token

    def _fetched(self, scopes: Sequence[str], offline: bool) -> dict[str, Any]:
        realm, service = self._common["realm"], self._common["service"]
        who = "failed to fetch oauth token" if self._secret else "failed to fetch anonymous token"
        if self._secret:
            form = {"service": service, "client_id": "containerd-client", "scope": " ".join(scopes)}
            form |= {"access_type": "offline"} if offline else {}
            if self._user:
                form |= {"grant_type": "password", "username": self._user, "password": self._secret}
            else:
                form |= {"grant_type": "refresh_token", "refresh_token": self._secret}
            answer = self.asking.form(realm, form)
            if answer.status not in (400, 401, 404) and not (answer.status == 405 and self._user):
                return _json(answer, f"{who}: unexpected status from POST request to {realm}")
        own = basic(self._user, self._secret) if self._secret else {}
        answer = self.asking("GET", asking_for(realm, service, scopes), own)
        return _json(answer, f"{who}: unexpected status from GET request to {realm}")

    def _expected(self, answer: Answer, method: str, path: str, *statuses: int) -> Answer:
        if answer.status not in statuses:
            told = "".join(f"\n{code(one)}: {one['message']}" for one in errors(answer))
            raise Refused(f"unexpected status from {method} request to {path}: {reason(answer)}{told}")
        return answer


class _NotAuthorized(Refused):
    """A token was not enough."""


def _json(answer: Answer, failure: str) -> dict[str, Any]:
    if answer.status != 200:
        raise Refused(f"{failure}: {reason(answer)}")
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found
