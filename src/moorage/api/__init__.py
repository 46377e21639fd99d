"""HTTP: requests in, answers out. Handlers here, rules in `store`.

`routes` is the API in one table, `endpoint` what every request passes, `exchange` the request, `answer` the answer,
`rendering` errors; one module of handlers per resource. May import `store`, `drivers.base`, the pure values and
Starlette's types. Read `routes`, then `endpoint`.
"""
