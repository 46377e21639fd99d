"""The state that a client carries between the requests of an upload: `_state` in the Location.

It is signed, so that any process with the same key can trust it: base64url(HMAC-SHA256 ∥ JSON). The JSON is an array in a fixed
order, so the signed bytes of two different states always differ.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError
from moorage.errors import DigestInvalid, UploadInvalid
from moorage.names import Name, UploadId
from moorage.store.hashing import Progress
from moorage.store.secret import make_secret, read_secret
from moorage.wire import encode

log = logging.getLogger(__name__)

_PURPOSE = "moorage upload 2"
_LIMIT = 4096

TOLD_SECONDS: Final = 60.0
"""How long it is not logged again that another registry has signed a state: anybody can make one up."""


class State(msgspec.Struct, array_like=True, frozen=True):
    """The signed state. `boot` identifies the run of the machine that hashed the bytes: after a power cut the file may lack some
    of them, so the digests count only in the same run, unless `mark` names the bytes (drivers.base.Writer)."""

    purpose: str
    name: str
    upload: str
    size: int
    algorithms: list[str]
    digests: dict[str, str]
    boot: str
    mark: str
    user: str = ""
    time: float = 0.0


class Beginning(NamedTuple):
    """Who began an upload (empty for anonymous clients), and when, in seconds since 1970."""

    user: str = ""
    time: float = 0.0


UNKNOWN = Beginning()


class Known(NamedTuple):
    """What a state says about its upload."""

    progress: Progress
    algorithms: list[str]
    beginning: Beginning


class States:
    """Signs states, and verifies them. `clock` returns seconds."""

    def __init__(self, key: bytes, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._clock = clock
        self._quiet_until = float("-inf")
        self._boot = _boot()
        self._decode = msgspec.json.Decoder(State).decode

    def sign(
        self,
        name: Name,
        upload: UploadId,
        progress: Progress,
        algorithms: list[str],
        beginning: Beginning = UNKNOWN,
    ) -> str:
        state = State(
            purpose=_PURPOSE,
            name=name,
            upload=upload,
            size=progress.size,
            algorithms=algorithms,
            digests=dict(progress.digests),
            boot=self._boot,
            mark=progress.mark,
            user=beginning.user,
            time=beginning.time,
        )
        payload = encode(state)
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode().rstrip("=")

    def verify(self, text: str, name: Name, upload: UploadId) -> Known:
        """Raises UploadInvalid for a state that this registry did not sign for this very upload."""
        try:
            if len(text) > _LIMIT:
                raise UploadInvalid("the upload's state is too long")
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            payload = raw[32:]
            if not hmac.compare_digest(raw[:32], self._mac(payload)):
                self._tell_of_another(payload, name, upload)
                raise UploadInvalid("the upload's state was not signed by this registry")
            state = self._decode(payload)
            known = {algorithm: Digest.parse(digest) for algorithm, digest in state.digests.items()}
        except (binascii.Error, ValueError, msgspec.MsgspecError, DigestInvalid):
            raise UploadInvalid("the upload's state cannot be read") from None
        if (state.purpose, state.name, state.upload) != (_PURPOSE, name, upload):
            raise UploadInvalid("the upload's state belongs to another upload")
        believed = state.mark or state.boot == self._boot
        progress = Progress(state.size, state.mark, known if believed else {})
        return Known(progress, state.algorithms, Beginning(state.user, state.time))

    def _tell_of_another(self, payload: bytes, name: Name, upload: UploadId) -> None:
        """Log it if the state is one of this very upload but for its signature, as from a replica with another key."""
        now = self._clock()
        if now < self._quiet_until:
            return
        try:
            state = self._decode(payload)
        except (ValueError, msgspec.MsgspecError):
            return
        if (state.purpose, state.name, state.upload) == (_PURPOSE, name, upload):
            self._quiet_until = now + TOLD_SECONDS
            log.warning(
                "an upload's state was signed by another registry: "
                "have all replicas the same http.secret, bucket and rootdirectory?",
                extra={"repository": name, "upload": upload},
            )

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return secrets.token_hex(16)


async def signing_key(secret: str, driver: Driver, *, settling: float = 0.0) -> bytes:
    """The key derived from the configured secret; without a secret, from a random one that is kept in the storage, so that all
    processes on it agree and uploads survive a restart. `settling`: see `make_secret`. Raises DriverError."""
    if secret:
        return hashlib.sha256(secret.encode()).digest()
    kept = await read_secret(driver)
    if not kept:
        try:
            kept = await make_secret(driver, settling=settling)
        except DriverError:
            log.warning("the key of upload states cannot be kept: uploads end when the registry does")
            kept = secrets.token_bytes(32)
    return hashlib.sha256(kept).digest()
