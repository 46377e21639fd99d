"""Objects in a cloud or a compatible store: one driver over obstore, for S3, Azure and Google Cloud Storage.

`driver` implements the interface, with `reading` for open objects, `writing` for new ones, `listing` for folders, `removal`, and
`translation` for errors. A growing upload is a chain of `segments`, and `joining` makes one object of it; `settling` looks whether
an object is there that the store would not take. `partmemory` bounds what all uploads hold. `s3`, `azure` and `gcs` make a driver
from options. Only S3 can join objects by itself: `parts` plans the copies, and `partcopies` makes them. `leading` recognises trees
of Docker Registry 2 on Azure.

Keys are laid out as by the reference implementation: the root directory, then the path.
"""
