"""The search for damage in a registry while it serves, and the repair of what can be repaired without losing anything.

    registry    the order: every blob, then each repository, then a second look at each suspect; last, what was left behind
    blobs       whether content matches its digest
    repository  whether links lead somewhere, and manifests name what exists
    suspects    each kind of damage: how it is confirmed and repaired
    state       what is known of the registry so far, and how to ask for the rest
    report      what was found

A suspect is neither reported nor repaired on a first look, since it can be a push that is under way. Read `registry`,
then `suspects`.
"""
