"""The domain: repositories, manifests, tags, blobs, uploads and referrers over a driver.

    registry       all repositories over one driver, and their listing
    repository     one repository, put together from its parts
    blobs          the blobs that one repository may serve
    uploads        upload sessions, until they become blobs
    manifests      the manifests of one repository
    tags           the tags of one repository
    referrers      the manifests that name another one as their subject

    layout         the tree on disk, and the paths in it
    links          link files, and the repair of torn ones
    linked         links resolved to content, and cached where a lookup is expensive
    descriptors    the caches of resolved links
    blobstore      the content of the whole registry, by canonical digest

    policy         which references of a manifest must exist
    parsing        manifests parsed from pushed or stored bytes
    kind           the media type of stored bytes that do not parse
    manifestcache  parsed manifests, kept in memory
    notes          small manifests stored with the tags that lead to them
    hashing        the running hashes of uploads, and reading content for its digest

    tree           the tree read through its listings, for code that removes what it does not find
    live           the same, for a registry that is being written to
    contents       one repository reduced to the references between its parts
    torn           the last target of a torn tag, from its history
    listing        the names and digests in a folder that may not exist, and the folders of all repositories
    removal        the removal of a path that may be gone
    ages           what counts as written just now, by clocks that may be wrong
    ahead          answers in order, with the next ones in flight
    abreast        work on many items, a few at a time
    patience       when failures in a row mean that the storage does not work

    garbage        garbage collection
    checking       the search for damage, and its repair
    copying        the copy of a registry to another storage
    findings       what a copy or a check reports
    announcing     how a collection keeps others away, and announces itself to servers
    purge          the removal of unfinished uploads
    secret         the random text that only the processes of one registry know

May import the pure values and `drivers.base`. Read `repository`, `layout`, then the part you need.
"""
