"""Objects in a cloud, or in what speaks its protocol: one driver over obstore, for S3, Azure and Google Cloud Storage.

`driver` implements the interface, with `reading` for open objects and `translation` for errors. `segments` holds uploads that
grow, of which `joining` makes one object. `s3`, `azure` and `gcs` turn options into a store; only S3 can join on its side
(`parts` tells how, `partcopies` does it). The same key layout as the reference implementation: the root directory, then the path.
"""
