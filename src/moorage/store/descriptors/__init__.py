"""What is remembered of links in an object store, so that it need not be asked again.

`base` is the interface. `memory` keeps entries in the process, and learns by `removals` what other workers delete; `redis` shares them, over the scripts in `scripts`, with
`circuit` for a server that is out of reach, `connecting` for a client of it, and `redispool` for how busy that is. `trust` stands before either and keeps
garbage collections of other processes apart from what is remembered. Only `redis` and `connecting` import redis-py,
which is optional. May import `digest` and `drivers.base`. Read `base`, then `trust`.
"""
