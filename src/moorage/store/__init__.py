"""The domain: repositories, manifests, tags, blobs, uploads and referrers over a driver.

`layout` draws the tree on disk and is the only module that knows it; `repository` puts the parts of one repository
together; `registry` lists repositories. May import the pure values and `drivers.base`. Read `repository`,
`layout`, then the part you need.
"""
