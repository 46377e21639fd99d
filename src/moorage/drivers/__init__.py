"""Storage drivers: bytes under paths, and nothing else.

`base` is the interface, with its errors. `filesystem` implements it, over the system calls in `disk`: open files in `files`,
contents kept in `small`, files on their way to their names in `staging`, known folders in `folders`, `threads` for what may wait.
So does `inmemory`; `inplace` is what the two have in common. `objectstore` implements it for clouds. `readonly` stands before
another one, and so does what changes where clients are sent: `redirects`, and `cloudfront` with `awsranges`, on `delegating`.
May import nothing of the package. Read `base` first.
"""
