"""Storage drivers: bytes under paths, and nothing else.

`base` is the interface, with its errors. `filesystem` implements it, over the system calls in `disk`, the open files in
`files` and the known folders in `folders`; so does `inmemory`; `readonly` stands before another one. May import nothing of the package. Read `base` first.
"""
