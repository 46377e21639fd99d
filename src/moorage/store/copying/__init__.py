"""The copy of a whole registry to another storage, while it serves.

    registry    the order: every blob, then each repository
    blobs       content, hashed while it is sent, which appears at the target only if its digest is right
    staged      how, for a storage that has no way of its own to complete or to drop a file
    source      one repository as the source has it, read so that what a tag leads to is found in spite of pushes
    closure     which of its manifests are whole at the target
    links       small files, which are not written twice
    repository  what of a repository is written, and in which order, so that the target is always consistent
    report      what was copied, and what could not be

No content is removed at the target, and nothing is changed at the source. Read `registry`, then `repository`.
"""
