"""The same registries over S3: the workloads O1 to O3, every registry on one and the same MinIO.

    workloads   what is sent, and the goals; `cases` has what these cases have beyond the others
    runner      rounds x workloads x registries, a fresh registry and a fresh MinIO for each run
    s3server    MinIO as a child process, with one bucket
    registries  the registries' configurations for it
    content     images for many tags
    delay       a longer way to the store; `remembered` keeps what the store answered, so that it takes no processor time
    operations  the client of O3: small calls to the store, with the driver or with boto3

All registries read the same bucket in O2: it has the tree of the reference implementation.
"""
