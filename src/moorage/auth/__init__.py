"""Who asks, and what they may do. Controllers take values, not requests, so each is tested without HTTP.

`base` says what a controller promises. `silly`, `htpasswd` and `token` are those of the reference implementation; `rules`
and `ruled` narrow any of them down by the `access:` list; `issuer` and `issued` are the built-in token endpoint. Read
`base`, then `ruled`.
"""
