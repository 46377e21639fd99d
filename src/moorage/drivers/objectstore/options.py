"""What the makers of drivers tell the driver, for every kind of store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from obstore.store import AzureStore, GCSStore, S3Store

from moorage.drivers.objectstore.limits import USUAL, Limits

CloudStore = S3Store | AzureStore | GCSStore


@dataclass(frozen=True)
class Options:
    """Options of the driver that do not depend on the kind of store."""

    name: str
    root: str = ""
    """The folder of the bucket that holds `docker/registry/v2`."""
    part_bytes: int = 10 << 20
    """The least size of a part."""
    attributes: dict[str, str] = field(default_factory=dict)
    """The attributes of every new object."""
    links_for: timedelta | None = timedelta(minutes=20)
    """How long a signed URL is valid; None if clients are never redirected to the store."""
    public: CloudStore | None = None
    """The store under the address that clients know, if that is another one; used to sign URLs."""
    limits: Limits = USUAL
    prompt: CloudStore | None = None
    """The same store with a shorter timeout, for all small requests."""
    hasty: Callable[[], CloudStore] | None = None
    """Makes the same store with few retries, to look whether it is there at all."""
    signed: Callable[[str, timedelta], str] | None = None
    """Makes the URL to read the object with a key by, if obstore should not sign it."""
