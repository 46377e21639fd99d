"""boto3, Amazon's own client, for credentials and for requests that obstore cannot make, to Google's buckets as well. It blocks, and takes
half a second to load."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.network import CONNECT, GIVE_UP, PROMPT, SILENCE
from moorage.drivers.objectstore.proxies import proxy_for
from moorage.drivers.objectstore.translation import reason
from moorage.drivers.objectstore.trust import bundle_with

CONNECTIONS: Final = 80
"""How many a client keeps open: one for each thread that may use it."""

TRIES: Final = 7
"""Enough for `GIVE_UP`, after which there are no more, with the pauses of botocore's standard mode."""

_BEGAN, _LAST = "moorage-began", "moorage-last"


class S3Clients:
    """Clients of one bucket's service, for any number of threads.

    They share a session, and so the credentials that it has found: a client that looked for its own would go without for ever if
    the service that gives them out did not answer just then. `arguments` are those of boto3's client, and `addressing_style`
    and `user_agent`. With `authorize`, a handler of botocore's event before-send, nothing is signed with Amazon's credentials.
    """

    def __init__(self, arguments: Mapping[str, Any], authorize: Callable[..., None] | None = None) -> None:
        self._arguments = arguments
        self._authorize = authorize
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
            raise DriverError("storage.s3", f"no credentials: {reason(error)}") from None

    @cached_property
    def _session(self) -> Any:
        import boto3

        # The same one each time counts once.
        logging.getLogger("botocore.credentials").addFilter(_ONE_LINE)
        return boto3.Session(region_name=self._arguments["region_name"], botocore_session=self._core)

    @cached_property
    def _core(self) -> Any:
        from botocore.session import get_session

        return get_session()

    def _client(self, silence_seconds: float) -> Any:
        with self._making:
            if silence_seconds not in self._made:
                self._made[silence_seconds] = self._new(silence_seconds)
            return self._made[silence_seconds]

    def _new(self, silence_seconds: float) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        given = dict(self._arguments)
        if given.get("verify") is None:
            given["verify"] = bundle_with(self._core.get_config_variable("ca_bundle"))
        proxy = proxy_for(given["endpoint_url"], os.environ)
        config = Config(
            proxies={urlsplit(given["endpoint_url"]).scheme: proxy} if proxy else {},
            signature_version=None if self._authorize is None else UNSIGNED,
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
        if self._authorize is not None:
            events.register("before-send.s3", self._authorize)
        events.register("before-call.s3", _began)
        events.register_first("needs-retry.s3", _failed)
        events.register("request-created.s3", _again)
        return client


class _OneLine(logging.Filter):
    """botocore tells of credentials that it cannot replace with a traceback, again for each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{record.getMessage()} {record.exc_info[1]}".partition("\n")[0]
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


_ONE_LINE: Final = _OneLine()


# botocore bounds the tries of a request, not their time: seven tries of a silent store may take minutes.


def _began(context: dict[str, Any], **_: Any) -> None:
    context[_BEGAN] = time.monotonic()


def _failed(
    request_dict: Mapping[str, Any], response: Any, caught_exception: Any, operation: Any, **_: Any
) -> None:
    """After each try, also one that has not failed."""
    context = request_dict["context"]
    context[_LAST] = caught_exception
    if response is not None and "Error" in response[1]:
        from botocore.exceptions import ClientError

        context[_LAST] = ClientError(response[1], operation.name)
    _end_late(context)


def _again(request: Any, **_: Any) -> None:
    """Before each try: the pause may have taken the rest of the time."""
    _end_late(request.context)


def _end_late(context: Mapping[str, Any]) -> None:
    """Raise the error of the last try if there is no time for another one."""
    last = context.get(_LAST)
    if last is not None and time.monotonic() - context[_BEGAN] > GIVE_UP.total_seconds():
        raise last
