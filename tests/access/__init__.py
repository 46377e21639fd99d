"""Who may do what, asked of the whole registry over HTTP: every route as everybody, and what befell other registries.

`table` says what is expected, in the words of the documentation; `registries` has the registries that are asked.
"""
