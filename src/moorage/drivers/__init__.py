"""Storage drivers: bytes under paths, and nothing else. Read `base` first: it is the interface, with its errors.

Drivers:

    filesystem     local or mounted disks: system calls in `disk`, open files in `files`, cached contents in `small`,
                   recorded sizes in `sizes`, the order of writing in `writing`, atomic writes in `staging`, durable folders in
                   `folders`, what is durable before it has its name in `journal`, removal in `removing`, removal on a condition
                   in `taking`, what is no file in `obstacles`
    inmemory       memory of one process; shares `inplace` with `filesystem`
    objectstore    S3, Azure and Google Cloud Storage

`inmemory` and `objectstore` share `looking`, for files that are put in place whole; `filesystem` and `objectstore` the worker threads of
`threads`, and `bounded`, which bounds what they remember.

Wrappers around another driver:

    readonly       refuses to change anything
    limited        limits how many operations there are at a time, on top of `delegating`
    logged         logs each operation, on top of it, too
    redirects      changes where clients are redirected to, on top of `delegating`;
    cloudfront     so does this one, with the addresses of `awsranges`

Wrappers that watch what is done with the files that a driver opens, here and in other packages, share `opened`.

This package imports nothing from the rest of Moorage but its version.
"""
