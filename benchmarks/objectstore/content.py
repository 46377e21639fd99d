"""Images for many tags: a manifest of its own for each, over few blobs."""

from __future__ import annotations

from itertools import islice, permutations

from benchmarks.content import ContentFolder, Image, Repository
from benchmarks.load.images import image_manifest

TAGS_PER_REPOSITORY = 10
"""As in the traces (workloads)."""
LAYERS = 9
LAYERS_PER_IMAGE = 4
"""3,024 orders of four of nine layers: as many manifests that differ."""


def tags(folder: ContentFolder, count: int) -> list[Repository]:
    """So many tags at least, in repositories of `TAGS_PER_REPOSITORY`."""
    return [_repository(folder, number) for number in range(-(-count // TAGS_PER_REPOSITORY))]


def _repository(folder: ContentFolder, number: int) -> Repository:
    config = folder.blob(f"config-{number}", 2000)
    layers = [folder.blob(f"layer-{number}-{k}", 1000) for k in range(LAYERS)]
    images = [
        Image(f"v1.{k}", image_manifest([(blob.digest, blob.size) for blob in (config, *chosen)]))
        for k, chosen in enumerate(islice(permutations(layers, LAYERS_PER_IMAGE), TAGS_PER_REPOSITORY))
    ]
    return Repository(f"bench/team-{number % 7}/service-{number}", [config, *layers], images)
