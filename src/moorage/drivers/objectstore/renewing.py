"""Temporary credentials of Amazon's, renewed behind the requests that need them.

obstore lets all requests wait while it asks for credentials, and who gives them out may take minutes before he fails, as botocore lets
Amazon's token service. So what was given out last is used until it ends, whatever becomes of its renewal.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import Any, Final

from moorage.drivers.objectstore.network import GIVE_UP

log = logging.getLogger(__name__)

SOON_SECONDS: Final = 1.0
"""How long a renewal is waited for that could come later."""

LEFT_SECONDS: Final = 60.0
"""What ends sooner is not used any more: a request may take a while, and clocks differ."""


class Renewing:
    """`found` are credentials as botocore finds them. May be called from any thread."""

    def __init__(self, found: Any) -> None:
        self._found = found
        self._starting = threading.Lock()
        self._renewal: Future[Any] | None = None
        # What botocore has by now. All of its methods ask for others first if these end soon, and that may fail, or take minutes.
        self._last: Any = getattr(found, "_frozen_credentials", None)

    def __call__(self) -> Any:
        """What to sign with, as botocore freezes it. Raises what botocore raises, and TimeoutError."""
        if not self._ends():
            self._last = self._found.get_frozen_credentials()
            return self._last
        renewal, begun = self._renewed()
        usable = self._last is not None and not self._ends(LEFT_SECONDS)
        patience = GIVE_UP.total_seconds() if not usable else SOON_SECONDS if begun else 0.0
        try:
            self._last = renewal.result(patience)
        except Exception as error:
            if not usable and not renewal.done():
                raise TimeoutError("nobody gave out credentials in time") from error
            if not usable:
                raise
            if begun and not renewal.done():
                log.warning("new credentials do not come; the last ones are used until they end")
        return self._last

    def _ends(self, seconds: float | None = None) -> bool:
        """Whether they end within so many seconds, or within the time in which botocore wants others. Some never do."""
        return hasattr(self._found, "refresh_needed") and self._found.refresh_needed(seconds)

    def _renewed(self) -> tuple[Future[Any], bool]:
        """The renewal that is under way, and whether it begins now."""
        with self._starting:
            if self._renewal is not None and not self._renewal.done():
                return self._renewal, False
            self._renewal = Future()
            # A daemon: the end of the process does not wait for it.
            thread = threading.Thread(target=self._renew, args=(self._renewal,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._renewal.set_exception(error)
            return self._renewal, True

    def _renew(self, renewal: Future[Any]) -> None:
        try:
            renewal.set_result(self._found.get_frozen_credentials())
        except Exception as error:
            renewal.set_exception(error)
