"""Which manifests lack something, by themselves or through what they name: decided on values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moorage.digest import Digest


def lacking(children: Mapping[Digest, Iterable[Digest]], short: Iterable[Digest]) -> dict[Digest, Digest]:
    """`short` are the manifests that lack something themselves, `children` what each index names. Returns all that
    lack something, with the one of `short` through which they do."""
    parents: dict[Digest, list[Digest]] = {}
    for parent, named in children.items():
        for child in named:
            parents.setdefault(child, []).append(parent)
    found = {digest: digest for digest in short}
    waiting = list(found)
    while waiting:
        digest = waiting.pop()
        for parent in parents.get(digest, ()):
            if parent not in found:
                found[parent] = found[digest]
                waiting.append(parent)
    return found
