"""A repository: its blobs, uploads, manifests, tags and referrers, over one driver."""

from __future__ import annotations

from dataclasses import dataclass, field

from moorage.drivers.base import Driver
from moorage.names import Name
from moorage.store.blobs import RepositoryBlobs
from moorage.store.blobstore import BlobStore
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.hashing import Hashing
from moorage.store.linked import Linked
from moorage.store.links import Links
from moorage.store.manifestcache import ManifestCache
from moorage.store.manifests import Manifests
from moorage.store.policy import ReferencePolicy
from moorage.store.referrers import Referrers
from moorage.store.tags import Tags
from moorage.store.uploads import Batches, OneMebibyte, Uploads


@dataclass
class Stock:
    """What all repositories of a process share. `batches` decides how many bytes of an upload are written at a time;
    `lasting` means that no client may delete; `tag_lookups` is the number of tags to read at a time over a network
    (0: the default)."""

    driver: Driver
    policy: ReferencePolicy = field(default_factory=ReferencePolicy)
    cache: ManifestCache = field(default_factory=ManifestCache)
    hashing: Hashing = field(default_factory=Hashing)
    batches: Batches = field(default_factory=OneMebibyte)
    descriptors: Descriptors = field(default_factory=Nothing)
    lasting: bool = False
    tag_lookups: int = 0

    def __post_init__(self) -> None:
        self.blobs = BlobStore(self.driver)
        self.linked = Linked(Links(self.driver), self.blobs, self.descriptors, lasting=self.lasting)


class Repository:
    """One repository. Its parts hold no state but the name, and what was logged already; creating it does not touch the
    storage."""

    def __init__(self, name: Name, stock: Stock) -> None:
        self.name = name
        self.driver = stock.driver
        self.store = stock.blobs
        self.tags = Tags(name, stock.driver, lookups=stock.tag_lookups)
        self.blobs = RepositoryBlobs(name, stock.driver, stock.blobs, stock.linked)
        self.uploads = Uploads(name, stock.driver, self.blobs, stock.hashing, stock.batches)
        self.manifests = Manifests(
            name, stock.driver, stock.blobs, stock.linked, self.blobs, self.tags, stock.cache, stock.policy
        )
        self.referrers = Referrers(name, stock.driver, self.manifests, self.tags)
