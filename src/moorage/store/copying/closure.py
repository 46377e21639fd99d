"""Finds the manifests that lack something, themselves or through what they name, on values alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moorage.digest import Digest


def lacking(children: Mapping[Digest, Iterable[Digest]], short: Iterable[Digest]) -> dict[Digest, Digest]:
    """All manifests that lack something, each with the one of `short` that is the cause. `short` are the manifests that lack
    something themselves, and `children` is what each index names."""
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
