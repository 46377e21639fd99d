"""boto3, Amazon's own client, for credentials and for requests that obstore cannot make, and what its errors mean. It blocks, and
takes half a second to load."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused
from moorage.drivers.objectstore.network import CONNECT, GIVE_UP, PROMPT, SILENCE
from moorage.drivers.objectstore.translation import NOT_THE_STORE, forbids, full, meaning, reason

CONNECTIONS: Final = 48
"""How many a client keeps open: one for each thread that may use it."""

TRIES: Final = 7
"""Enough for `GIVE_UP`, after which there are no more, with the pauses of botocore's standard mode."""

_BEGAN, _LAST = "moorage-began", "moorage-last"


class S3Clients:
    """Clients of one bucket's service, for any number of threads.

    They share a session, and so the credentials that it has found: a client that looked for its own would go without for ever if
    the service that gives them out did not answer just then. `arguments` are those of boto3's client, and `addressing_style`
    and `user_agent`.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        # boto3's sessions are not for several threads (boto3, "Session reference").
        self._making = threading.Lock()
        self._made: dict[float, Any] = {}

    @property
    def prompt(self) -> Any:
        """For what a store answers at once."""
        return self._client(PROMPT.total_seconds())

    @property
    def patient(self) -> Any:
        """For what moves many bytes."""
        return self._client(SILENCE.total_seconds())

    def credentials(self) -> Any:
        """What Amazon's own tools would sign with; None if they find nothing. Raises DriverError for a profile that is not there, or a
        file that cannot be read."""
        from botocore.exceptions import BotoCoreError

        try:
            with self._making:
                return self._session.get_credentials()
        except BotoCoreError as error:
            told = str(error).partition("\n")[0]
            raise DriverError("storage.s3", f"no credentials: {told}") from None

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session(region_name=self._arguments["region_name"])

    def _client(self, silence_seconds: float) -> Any:
        with self._making:
            if silence_seconds not in self._made:
                self._made[silence_seconds] = self._new(silence_seconds)
            return self._made[silence_seconds]

    def _new(self, silence_seconds: float) -> Any:
        from botocore.config import Config

        given = dict(self._arguments)
        config = Config(
            s3={"addressing_style": given.pop("addressing_style")},
            user_agent=given.pop("user_agent"),
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            connect_timeout=CONNECT.total_seconds(),
            read_timeout=silence_seconds,
            # Other stores refuse the checksums that boto3 adds by default since 1.36.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = self._session.client("s3", config=config, **given)
        events = client.meta.events
        events.register("before-call.s3", _began)
        events.register_first("needs-retry.s3", _failed)
        events.register("request-created.s3", _once_more)
        return client


# botocore bounds the tries of a request, not their time: seven tries of a silent store may take five minutes.


def _began(context: dict[str, Any], **_: Any) -> None:
    context[_BEGAN] = time.monotonic()


def _failed(
    request_dict: Mapping[str, Any], response: Any, caught_exception: Any, operation: Any, **_: Any
) -> None:
    """After each try. Raises its error if there is no time for another one."""
    context = request_dict["context"]
    context[_LAST] = caught_exception
    if response is not None and "Error" in response[1]:
        from botocore.exceptions import ClientError

        context[_LAST] = ClientError(response[1], operation.name)
    _once_more(context)


def _once_more(context: dict[str, Any] | None = None, request: Any = None, **_: Any) -> None:
    """Before each try: the pause before it may have taken the rest of the time."""
    context = request.context if context is None else context
    last = context.get(_LAST)
    if last is not None and time.monotonic() - context[_BEGAN] > GIVE_UP.total_seconds():
        raise last


def told(answer: Mapping[str, Any], name: str) -> str:
    """What an answer says about `name`. Raises DriverError if it is silent: a page of some proxy may have the status of success, too."""
    try:
        return str(answer[name])
    except KeyError:
        raise DriverError("storage.s3", f"an answer without {name}: {NOT_THE_STORE}") from None


def code(error: Exception) -> str:
    """The store's error code in what boto3 raises, or an empty string."""
    found = _part(error, "Error").get("Code", "")
    # Without a body botocore puts the status there.
    return "" if str(found).isdigit() else str(found)


def status(error: Exception) -> int:
    """The status of the answer in what boto3 raises; 0 if there was none."""
    return int(_part(error, "ResponseMetadata").get("HTTPStatusCode", 0))


def _part(error: Exception, name: str) -> Mapping[str, Any]:
    response = getattr(error, "response", None)
    return response.get(name, {}) if isinstance(response, dict) else {}


def explained(error: Exception) -> str:
    """One line for the operator about what boto3 raises."""
    if found := code(error):
        return meaning(found)
    return f"{status(error)} without a code: {NOT_THE_STORE}" if status(error) else reason(error)


def failure(path: str, error: Exception) -> DriverError:
    """The driver's error for what boto3 raises for a write."""
    if isinstance(error, DriverError):
        return error
    if code(error) == "NoSuchKey":
        return PathNotFound(path)
    said = f"{code(error)} {_part(error, 'Error').get('Message', '')}"
    if status(error) == 507 or full(said):
        return StorageFull(path, explained(error))
    if forbids(code(error)):
        return WriteRefused(path, explained(error))
    return DriverError(path, explained(error))
