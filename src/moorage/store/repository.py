"""A repository: its blobs, uploads, manifests, tags and referrers, over one driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from moorage.drivers.base import Driver
from moorage.names import Name
from moorage.store.blobs import BlobStore, RepositoryBlobs
from moorage.store.links import Links
from moorage.store.manifests import ManifestCache, Manifests
from moorage.store.policy import ReferencePolicy
from moorage.store.referrers import Referrers
from moorage.store.tags import Tags
from moorage.store.uploads import Hashing, Uploads


@dataclass
class Stock:
    """What all repositories of a process share. `batch` tells how many bytes of an upload to write at a time."""

    driver: Driver
    policy: ReferencePolicy = field(default_factory=ReferencePolicy)
    cache: ManifestCache = field(default_factory=ManifestCache)
    hashing: Hashing = field(default_factory=Hashing)
    batch: Callable[[], int] = lambda: 1 << 20

    def __post_init__(self) -> None:
        self.blobs = BlobStore(self.driver)
        self.links = Links(self.driver)


class Repository:
    """Made for one request; making it touches no storage, and its parts are made when they are asked for."""

    __slots__ = ("_stock", "blobs", "manifests", "name", "tags")

    def __init__(self, name: Name, stock: Stock) -> None:
        self.name = name
        self._stock = stock
        self.tags = Tags(name, stock.driver)
        self.blobs = RepositoryBlobs(name, stock.driver, stock.blobs, stock.links)
        self.manifests = Manifests(
            name, stock.driver, stock.blobs, stock.links, self.blobs, self.tags, stock.cache, stock.policy
        )

    @property
    def driver(self) -> Driver:
        return self._stock.driver

    @property
    def store(self) -> BlobStore:
        return self._stock.blobs

    @property
    def uploads(self) -> Uploads:
        stock = self._stock
        return Uploads(self.name, stock.driver, stock.blobs, self.blobs, stock.hashing, stock.batch)

    @property
    def referrers(self) -> Referrers:
        return Referrers(self.name, self._stock.driver, self.manifests, self.tags)
