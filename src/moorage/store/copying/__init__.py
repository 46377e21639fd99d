"""A whole registry brought from one storage to another, while it serves.

    registry    the order: every blob, then each repository
    blobs       content, hashed on its way; it appears at the target only when its digest is right
    staged      how, where the storage has no way of its own to complete a file or to drop it
    source      one repository as the source has it, read so that what a tag leads to was there when it was read
    closure     which of its manifests are whole at the target
    links       small files, of which none is written twice
    repository  what of it is written, and in which order, so that the target is consistent at any time
    report      what was copied, and what could not be

Nothing is removed at the target, and nothing changed at the source. Read `registry`, then `repository`.
"""
