"""Objects in a cloud or a compatible store: one driver over obstore, for S3, Azure and Google Cloud Storage.

Keys are laid out as by the reference implementation: the root directory, then the path. A growing upload is a chain of segments,
of which one object is made at its end. Read `driver` first: it implements the interface.

Reading
    reading       open objects
    confirming    small objects that are read again and again
    resuming      goes on with answers that broke off
    listing       folders
    everyname     listings with keys that obstore refuses

Writing
    writing       new objects
    putting       sends their bytes
    acl           sends them with an ACL
    notes         what is noted beside them
    segments      the chain of an upload
    joining       makes one object of the chain
    settling      looks whether an object is there that the store would not take
    partmemory    bounds what all uploads hold in memory
    limits        what a store allows for one object
    removal       removes objects, many with one call
    unfinished    finds what an interrupted writer left

Copies inside S3, the only store that can join objects by itself
    parts         plans them
    partcopies    makes them
    multipart     the calls for them

Stores
    s3, azure, gcs make a driver from options
    options       what all of them tell the driver
    leading       recognises trees of Docker Registry 2 on Azure
    environment   keeps variables from overriding the configuration
    characters    which characters configured values may have
    accounts      Azure's, and where their blobs are
    addresses     Amazon's, and which buckets fit into a host
    trust         whose certificates are trusted
    sas           signs URLs of Azure

Support
    translation   errors of obstore
    network       timeouts and retries
    proxies       which proxy leads to the store
    again         repeats requests whose answer broke off
    together      concurrent calls
    sdk           boto3, for what obstore cannot ask of S3 and Google
    bearer        who asks, for Google
    renewing      credentials of Amazon's that end
    answers       what it returns and raises
"""
