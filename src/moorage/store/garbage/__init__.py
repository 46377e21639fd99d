"""Garbage collection, while nothing is pushed: find what no manifest needs, then remove it.

    collection  the order of a collection, and its result
    search      what may go, over the whole registry
    tagged      a repository, with manifests that only a tag leads to
    marking     what of one repository must stay
    sweeping    the order in which garbage is removed
    history     what past collections did, kept in the storage

Everything that will be removed is known before the first removal, and any failure of the storage until then aborts the
collection: content that cannot be read is not garbage. The work grows with manifests plus tags plus links plus blobs. Read
`collection`, then `search`.
"""
