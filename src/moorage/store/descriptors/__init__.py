"""Caches of resolved links, so that an object store is not asked again and again.

    base        the interface
    memory      entries in the memory of one process
    removals    how the workers of a server notify each other of what they removed
    redis       entries in Redis, shared by several processes
    scripts     what runs inside Redis
    circuit     how long to leave Redis alone while it is out of reach
    connecting  clients of Redis
    redispool   how many connections these have
    trust       a layer above either cache, which suspends it during garbage collections of other processes

Only `redis` and `connecting` import redis-py, which is optional. May import `digest` and, for `Blob`, `store.blobstore`.
Read `base`, then `trust`.
"""
