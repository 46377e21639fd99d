"""Storage drivers: bytes under paths, and nothing else. Read `base` first: it is the interface, with its errors.

Drivers:

    filesystem     local or mounted disks: system calls in `disk`, open files in `files`, cached contents in `small`,
                   atomic writes in `staging`, durable folders in `folders`, worker threads in `threads`
    inmemory       memory of one process; shares `inplace` with `filesystem`
    objectstore    S3, Azure and Google Cloud Storage

Wrappers around another driver:

    readonly       refuses to change anything
    redirects      changes where clients are redirected to, on top of `delegating`;
    cloudfront     so does this one, with the addresses of `awsranges`

This package imports nothing from the rest of Moorage.
"""
