"""The tree below the driver's root, which is that of the reference implementation, and the paths in it.

All other modules start from the paths that are made here. Those that walk the tree (`tree`, `registry`, `manifests`, `tags`,
`referrers`, `purge`, `checking`, `copying`, `garbage`) also know the names of a repository's folders, or that digests lie as
`<algorithm>/<hex>` in them.

    /docker/registry/v2
      blobs/sha256/<first two hex>/<hex>/data
      repositories/<name>/
        _layers/<algorithm>/<hex>/link                      this repository may serve that blob
        _manifests/revisions/<algorithm>/<hex>/link         this repository may serve that manifest
        _manifests/tags/<tag>/current/link                  what the tag names now
        _manifests/tags/<tag>/index/<algorithm>/<hex>/link  what it has named, now or before
        _uploads/<id>/{data,startedat}                      an upload that has not ended
        _referrers/<algorithm>/<hex>/<algorithm>/<hex>/link subject, then the manifest that refers to it
        _referrers/complete                                 all manifests of the repository are in `_referrers`
    /moorage/secret                                         a random text that only this registry knows
    /moorage/keys/<seconds since 1970>-<thumbprint>         a key that signs tokens
    /moorage/collection                                     locked or written by a garbage collection, copy or repair
    /moorage/clock                                          written to learn the time of an object store
    /moorage/collected                                      totals of the garbage collections so far, as JSON
    /moorage/aliases/<algorithm>/<first two hex>/<hex>      the sha256 digest of the same bytes
    /moorage/copying/<hex>                                  a blob that is being copied from another registry

Beside these, the filesystem driver has `.moorage`: files being written or removed, the journal, the leader's lock, and by default the
queue of events.

From the secret come the key that signs upload states and the registry's name in Redis.

A link holds a digest as text. The links of a tag hold the digest that the client used. All others hold the sha256
digest under which the content is stored, which is the digest in their own path if that is a sha256 one. The reference
implementation ignores `_referrers`, which can be removed at any time and is then derived again. An alias stays true
forever, whether its bytes are there or not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from moorage.digest import CANONICAL, Digest
from moorage.names import Name, Tag, UploadId

ROOT: Final = "/docker/registry/v2"
OWN: Final = "/moorage"
FOLDERS: Final = (ROOT, OWN)
"""The folders that hold all of a registry. Anything beside them belongs to the driver, or to others."""
REPOSITORIES: Final = f"{ROOT}/repositories"
BLOBS: Final = f"{ROOT}/blobs"
CANONICAL_BLOBS: Final = f"{BLOBS}/{CANONICAL}"
ALIASES: Final = f"{OWN}/aliases"
COLLECTION: Final = f"{OWN}/collection"
CLOCK: Final = f"{OWN}/clock"
COLLECTED: Final = f"{OWN}/collected"
COPYING: Final = f"{OWN}/copying"
SECRET: Final = f"{OWN}/secret"
TOKEN_KEYS: Final = f"{OWN}/keys"


@lru_cache(maxsize=16_384)
def blob_data(digest: Digest) -> str:
    hexadecimal = digest.hex
    return f"{BLOBS}/{digest.algorithm}/{hexadecimal[:2]}/{hexadecimal}/data"


def alias(digest: Digest) -> str:
    return f"{ALIASES}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def copying(digest: Digest) -> str:
    return f"{COPYING}/{digest.hex}"


def folder_of(path: str) -> str:
    """The folder of a file or of a folder. A link and the bytes of a blob lie alone in theirs."""
    return path.rpartition("/")[0]


def repository(name: Name) -> str:
    return f"{REPOSITORIES}/{name}"


def layer_link(name: Name, digest: Digest) -> str:
    return f"{REPOSITORIES}/{name}/_layers/{digest.folders}/link"


def layers(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_layers"


def manifests(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_manifests"


def revisions(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/revisions"


def revision_link(name: Name, digest: Digest) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/revisions/{digest.folders}/link"


def tags(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/tags"


def tag(name: Name, tag: Tag) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}"


def tag_link(name: Name, tag: Tag) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}/current/link"


def tag_index(name: Name, tag: Tag) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}/index"


def tag_index_link(name: Name, tag: Tag, digest: Digest) -> str:
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}/index/{digest.folders}/link"


def uploads(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_uploads"


def upload(name: Name, upload: UploadId) -> str:
    return f"{REPOSITORIES}/{name}/_uploads/{upload}"


def upload_data(name: Name, upload: UploadId) -> str:
    return f"{REPOSITORIES}/{name}/_uploads/{upload}/data"


def upload_started(name: Name, upload: UploadId) -> str:
    return f"{REPOSITORIES}/{name}/_uploads/{upload}/startedat"


def referrers(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_referrers"


def referrers_complete(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_referrers/complete"


def referrers_of(name: Name, subject: Digest) -> str:
    return f"{REPOSITORIES}/{name}/_referrers/{subject.folders}"


def referrer_link(name: Name, subject: Digest, referrer: Digest) -> str:
    return f"{referrers_of(name, subject)}/{referrer.folders}/link"
