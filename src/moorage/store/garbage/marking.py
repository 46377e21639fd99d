"""Decides what of a repository must stay, on values alone, without the storage.

A tag keeps the manifest it names. A kept index keeps its children, a kept manifest its referrers, and so on; each
manifest is visited once, whatever the shape of the graph.

A client without the referrers API keeps the referrers of a manifest in an index under the tag `<algorithm>-<hex>`
(OCI distribution-spec, "Referrers Tag Schema"). Such a tag is removed together with its subject. A
tag whose subject this repository never had is a tag like any other: signatures may be kept apart from the images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from moorage.digest import ALGORITHMS
from moorage.names import Tag
from moorage.store.contents import Contents, Key, digest_of
from moorage.store.referrers import TAG_HEX, referrers_tag

_REFERRERS_TAG: Final = re.compile(f"({'|'.join(ALGORITHMS)})-[0-9a-f]{{{TAG_HEX}}}")


def kept(contents: Contents, roots: Iterable[Key] = ()) -> set[Key]:
    """The manifests to keep when untagged ones are removed: those that tags and `roots` lead to, or all of them if the
    repository could not be read whole."""
    if not contents.whole:
        return set(contents.manifests)
    bound = referrers_tags(contents)
    followers = _followers(contents, bound)
    waiting = [target for tag, targets in contents.tags.items() if tag not in bound for target in targets]
    waiting += roots
    keep: set[Key] = set()
    while waiting:
        manifest = waiting.pop()
        manifest = contents.aliases.get(manifest, manifest)
        if manifest in keep or manifest not in contents.manifests:
            continue
        keep.add(manifest)
        waiting += followers.get(manifest, ())
        waiting += contents.manifests[manifest].children or ()
    return keep


def _followers(contents: Contents, bound: dict[Tag, Key]) -> dict[Key, list[Key]]:
    """By subject: its referrers, and the indexes under its referrers tag."""
    followers: dict[Key, list[Key]] = {}
    for manifest, references in contents.manifests.items():
        if references.subject is not None:
            subject = contents.aliases.get(references.subject, references.subject)
            followers.setdefault(subject, []).append(manifest)
    for tag, subject in bound.items():
        followers.setdefault(subject, []).extend(contents.tags[tag])
    return followers


def expired_tags(contents: Contents, keep: set[Key]) -> list[Tag]:
    """Referrers tags whose subject the repository no longer has, or is about to lose."""
    if not contents.whole:
        return []
    return [tag for tag, subject in referrers_tags(contents).items() if subject not in keep]


def referrers_tags(contents: Contents) -> dict[Tag, Key]:
    """Tags that name an index of the referrers of a manifest that the repository has or had, with that manifest."""
    candidates = [tag for tag in contents.tags if _REFERRERS_TAG.fullmatch(tag)]
    subjects = _subjects(contents) if candidates else {}
    return {
        tag: subjects[tag]
        for tag in candidates
        if tag in subjects
        # Otherwise a manifest is pinned by a tag of its own digest.
        and subjects[tag] not in contents.tags[tag]
        and all(_is_index(contents, target) for target in contents.tags[tag])
    }


def _subjects(contents: Contents) -> dict[str, Key]:
    """Manifests by the tag under which clients would look for their referrers."""
    subjects: dict[str, Key] = {referrers_tag(digest_of(found)): found for found in contents.former}
    subjects |= {referrers_tag(digest_of(alias)): found for alias, found in contents.aliases.items()}
    return subjects | {referrers_tag(digest_of(found)): found for found in contents.manifests}


def _is_index(contents: Contents, target: Key) -> bool:
    found = contents.manifests.get(contents.aliases.get(target, target))
    return found is not None and found.children is not None


def named_by(contents: Contents, keep: Iterable[Key]) -> Iterator[Key]:
    """The keys, of any algorithm, of the kept manifests and of all content that they name."""
    for manifest in keep:
        references = contents.manifests[manifest]
        yield manifest
        yield from references.blobs
        yield from references.children or ()
