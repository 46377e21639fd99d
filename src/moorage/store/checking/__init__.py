"""A registry looked through for damage, while it serves; and what can be put right without losing anything.

    registry    the order: every blob, then each repository, then what was left behind; and a second look at each suspect
    blobs       whether content is what its digest says
    repository  whether links lead somewhere, and manifests name what is there
    suspects    each kind of damage: how it is looked at again, and repaired
    state       what is known of the registry by then, and how to ask for the rest
    report      what was found

Nothing is told, and nothing repaired, on a first look: what looks damaged can be a push that is under way. Read
`registry`, then `suspects`.
"""
