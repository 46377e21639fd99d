"""A journal of small files, so that each write waits for one sync instead of one for each file and folder.

What a write is going to change is first appended to a file that all processes share, and synced with it (`segments`). Then the files get
their names without a sync, those of one path in the same order (`writing`, `turns`). Every few seconds one process has the kernel sync the
whole file system (`device`), and drops that part of the journal (`journal`, `keeper`). If they all come to an end before, because the power
fails or they are killed, the next one notices that nobody is there (`presence`), and writes again what the journal holds (`records`). Files
that a process keeps open are `held`. What goes wrong is told by `naming` it.

Only where the file system is known for a `local` one.
"""
