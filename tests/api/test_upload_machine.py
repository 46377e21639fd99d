"""Uploads against a model: any order of right and wrong requests, on both drivers.

The model is a table of sessions and a table of blobs. After every request the answer's status and headers, and now and
then the bytes that are served, must be what the model says.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from moorage.digest import Digest
from tests.api.client import DISCONNECT, Answer, Body, Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.contracts.disk import fast_folder

REPOSITORIES = st.sampled_from(["a", "a/b", "c"])
ALGORITHM = st.sampled_from(["sha256", "sha512"])
DATA = st.binary(max_size=12) | st.sampled_from([b"x" * 40_000, b"y" * 200_000])


@dataclass
class Session:
    """`data` is what the storage has; `location` the newest one that was answered, `older` an earlier one, of when
    the session had `older_size` bytes."""

    name: str
    location: str
    older: str = ""
    older_size: int = 0
    size: int = 0
    data: bytes = b""
    open: bool = True


class Uploading(RuleBasedStateMachine):
    storage: ClassVar[str] = ""
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[tuple[str, Digest], bytes] = {}
        self.aliases: set[tuple[str, Digest]] = set()
        self.stack = ExitStack()
        self.runner = self.stack.enter_context(asyncio.Runner())
        folder = self.stack.enter_context(fast_folder())
        self.context = serving(application(Path(folder), self.storage.format(root=folder / "root")))
        handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
        self.client: Client = self.runner.run(self.context.__aenter__())
        logging.getLogger().handlers[:], logging.getLogger().level = handlers, level

    def teardown(self) -> None:
        self.runner.run(self.context.__aexit__(None, None, None))
        self.stack.close()

    def ask(self, method: str, target: str, body: Body = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.runner.run(self.client(method, target, body, named))
        assert answer.status < 500, answer.body
        return answer

    def keep(self, name: str, data: bytes, digest: Digest) -> None:
        """A blob is there under the canonical digest, and under each other one by which it ever came, if that was not deleted."""
        if not digest.canonical:
            self.aliases.add((name, digest))
        self.blobs[name, Digest.of(data)] = data
        alias = name, Digest.of(data, "sha512")
        if alias in self.aliases:
            self.blobs[alias] = data

    @initialize()
    def start_empty(self) -> None:
        assert self.ask("GET", "/v2/").status == 200

    @rule(target=sessions, name=REPOSITORIES, query=st.sampled_from(["", "?digest-algorithm=sha512"]))
    def post(self, name: str, query: str) -> Session:
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/{query}")
        assert (answer.status, answer.headers["range"]) == (202, "0-0")
        return Session(name, answer.headers["location"])

    @rule(session=sessions, data=DATA, form=st.sampled_from(["streamed", "chunk", "plain"]))
    def patch(self, session: Session, data: bytes, form: str) -> None:
        size = len(session.data)
        if form == "chunk" and data:
            headers = {"content_range": f"{size}-{size + len(data) - 1}"}
            answer = self.ask("PATCH", session.location, data, **headers)
        else:
            half = len(data) // 2
            body: Body = [data[:half], data[half:]] if form == "streamed" else data
            answer = self.ask("PATCH", session.location, body)
        if not session.open:
            assert answer.status == 404
            return
        session.data += data
        self.moved(session, answer, 202)

    @rule(session=sessions, data=st.binary(min_size=1, max_size=9), shift=st.integers(-5, 5).filter(bool))
    def patch_elsewhere(self, session: Session, data: bytes, shift: int) -> None:
        at = len(session.data) + shift
        if at < 0:
            return
        answer = self.ask("PATCH", session.location, data, content_range=f"{at}-{at + len(data) - 1}")
        if not session.open:
            assert answer.status == 404
            return
        self.moved(session, answer, 416)

    @rule(session=sessions, data=st.binary(min_size=1, max_size=9))
    def patch_stale(self, session: Session, data: bytes) -> None:
        if not session.older or session.older_size == len(session.data):
            return
        answer = self.ask("PATCH", session.older, data)
        assert answer.status == (416 if session.open else 404)

    @rule(session=sessions, data=st.binary(min_size=1, max_size=9))
    def patch_and_leave(self, session: Session, data: bytes) -> None:
        answer = self.ask("PATCH", session.location, [data, DISCONNECT])
        if not session.open:
            assert answer.status == 404
            return
        session.data += data
        answer = self.ask("GET", urlsplit(session.location).path)
        self.moved(session, answer, 204)

    def moved(self, session: Session, answer: Answer, status: int) -> None:
        assert answer.status == status, answer.body
        assert answer.headers["range"] == f"0-{max(0, len(session.data) - 1)}"
        session.older, session.older_size = session.location, session.size
        session.location, session.size = answer.headers["location"], len(session.data)

    @rule(session=sessions, data=DATA, algorithm=ALGORITHM)
    def put(self, session: Session, data: bytes, algorithm: str) -> None:
        digest = Digest.of(session.data + data, algorithm)
        answer = self.ask("PUT", f"{session.location}&digest={digest}", data)
        if not session.open:
            assert answer.status == self.repeated(session, digest, data)
            return
        assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest), answer.body
        session.open = False
        session.data += data
        self.keep(session.name, session.data, digest)

    @rule(session=sessions, data=st.binary(max_size=9), algorithm=ALGORITHM)
    def put_wrong_digest(self, session: Session, data: bytes, algorithm: str) -> None:
        digest = Digest.of(session.data + data + b"!", algorithm)
        answer = self.ask("PUT", f"{session.location}&digest={digest}", data)
        assert answer.status == (400 if session.open else self.repeated(session, digest, data))
        session.open = False

    def repeated(self, session: Session, digest: Digest, data: bytes) -> int:
        """The status where a session has ended: as if it had ended now, if its blob is there and ends with these bytes."""
        blob = self.blobs.get((session.name, digest))
        if blob is None:
            return 404
        return 201 if not data or blob[session.size :] == data else 400

    @rule(session=sessions, query=st.sampled_from(["", "&digest=", "&digest=sha256:zz"]))
    def put_no_digest(self, session: Session, query: str) -> None:
        assert self.ask("PUT", session.location + query).codes == ["DIGEST_INVALID"]

    @rule(session=sessions)
    def status(self, session: Session) -> None:
        answer = self.ask("GET", session.location)
        assert answer.status == (204 if session.open else 404)
        if session.open:
            assert answer.headers["range"] == f"0-{max(0, len(session.data) - 1)}"

    @rule(session=sessions)
    def cancel(self, session: Session) -> None:
        assert self.ask("DELETE", session.location).status == (204 if session.open else 404)
        session.open = False

    @rule(session=sessions, method=st.sampled_from(["GET", "PATCH", "PUT", "DELETE"]))
    def elsewhere(self, session: Session, method: str) -> None:
        """A session of one repository in another one."""
        foreign = session.location.replace(f"/v2/{session.name}/", "/v2/foreign/", 1)
        query = f"&digest={Digest.of(session.data)}"
        assert self.ask(method, foreign + query).status == 400
        assert self.ask(method, urlsplit(foreign).path + "?" + query).status == 404

    @rule(session=sessions, position=st.integers(0, 60), letter=st.sampled_from("Aa0_-"))
    def tampered(self, session: Session, position: int, letter: str) -> None:
        path, _, state = session.location.partition("_state=")
        if state[position] == letter:
            return
        bad = f"{path}_state={state[:position]}{letter}{state[position + 1 :]}"
        assert self.ask("PATCH", bad, b"evil").codes == ["BLOB_UPLOAD_INVALID"]

    @rule(name=REPOSITORIES, data=DATA, algorithm=ALGORITHM)
    def post_whole(self, name: str, data: bytes, algorithm: str) -> None:
        digest = Digest.of(data, algorithm)
        assert self.ask("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data).status == 201
        self.keep(name, data, digest)

    @rule(target=sessions, name=REPOSITORIES, source=REPOSITORIES, data=DATA, algorithm=ALGORITHM)
    def mount(self, name: str, source: str, data: bytes, algorithm: str) -> Any:
        digest = Digest.of(data, algorithm)
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/?mount={digest}&from={source}")
        if (source, digest) in self.blobs:
            assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest)
            self.keep(name, data, digest)
            return multiple()
        assert answer.status == 202
        return Session(name, answer.headers["location"])

    @rule(name=REPOSITORIES, data=DATA, algorithm=ALGORITHM)
    def delete_blob(self, name: str, data: bytes, algorithm: str) -> None:
        digest = Digest.of(data, algorithm)
        answer = self.ask("DELETE", f"/v2/{name}/blobs/{digest}")
        assert answer.status == (202 if (name, digest) in self.blobs else 404)
        if answer.status == 202:
            self.aliases.discard((name, digest))
            for one in ("sha256", "sha512"):
                self.blobs.pop((name, Digest.of(data, one)), None)

    @rule(name=REPOSITORIES, data=DATA, algorithm=ALGORITHM)
    def get_blob(self, name: str, data: bytes, algorithm: str) -> None:
        digest = Digest.of(data, algorithm)
        answer = self.ask("GET", f"/v2/{name}/blobs/{digest}")
        assert answer.status == (200 if (name, digest) in self.blobs else 404)
        if answer.status == 200:
            assert answer.body == data

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        for (name, digest), data in self.blobs.items():
            answer = self.ask("HEAD", f"/v2/{name}/blobs/{digest}")
            assert (answer.status, answer.headers["content-length"]) == (200, str(len(data)))


class UploadingToFiles(Uploading):
    storage: ClassVar[str] = FILESYSTEM


SETTINGS = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("machine", [Uploading, UploadingToFiles], ids=["inmemory", "filesystem"])
def test_uploads_in_any_order_are_what_the_model_says(machine: type[Uploading]) -> None:
    run_state_machine_as_test(machine, settings=SETTINGS)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [Uploading, UploadingToFiles], ids=["inmemory", "filesystem"])
def test_uploads_in_any_order_are_what_the_model_says_in_long(machine: type[Uploading]) -> None:
    long = settings(SETTINGS, max_examples=1_000, stateful_step_count=60)
    run_state_machine_as_test(machine, settings=long)
