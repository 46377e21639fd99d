"""How fast, at what cost in processor and memory, and against whom: the workloads W1 to W10 and W12,
T1 and T2 over TLS, A1 to A3 of access control and N1 and N2 of what is told (against Moorage without it), and O1 to O3 over S3.

    __main__    the command line: `python -m benchmarks`
    measuring   the two parts of a run, on files and over S3
    runner      rounds x workloads x servers, one fresh process per run
    workloads/  what is sent, in which mix, and the goals; read `base` first, then any one of the others
    objectstore/ the workloads over S3, with a runner of their own
    load/       the clients: wrk for GET, crane and curl for what they do, our own for everything else
    peers       who can be measured here; `build` makes what has to be built
    servers     Moorage, distribution v3.1.1, Debian's docker-registry 2.8.2 and nginx with plain files
    restartable a server that may be restarted while it is measured; `secure` one that speaks TLS
    seed        the content all of them serve, pushed over HTTP; `content` makes it
    measure     processor time, memory and latency quantiles; `syscalls` counts calls on the storage
    machine     what it was measured on; `warm` touches its memory once before
    results     what was measured, ratios and verdicts; `report` writes them for people
    page        RESULTS.json and RESULTS.md: what is measured is replaced, what is not is kept

Where a goal is missed, what stands in the way is written by hand in notes/ (W6.md, say): the report takes it in.

MB and GB are 10^6 and 10^9 bytes, KiB and MiB are 2^10 and 2^20.
"""
