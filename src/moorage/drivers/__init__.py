"""Storage drivers: bytes under paths, and nothing else.

`base` is the interface, with its errors. `filesystem` implements it, over the system calls in `disk`: open files in `files`,
contents kept in `small`, files on their way to their names in `staging`, known folders in `folders`, `threads` for what may wait.
So does `inmemory`; `readonly` stands before another one. May import nothing of the package. Read `base` first.
"""
