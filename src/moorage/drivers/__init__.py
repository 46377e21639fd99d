"""Storage drivers: bytes under paths, and nothing else.

`base` is the interface, with its errors; `filesystem` (over the system calls in `disk` and the known folders in
`folders`) and `inmemory` implement it. May import nothing of the package. Read `base` first.
"""
