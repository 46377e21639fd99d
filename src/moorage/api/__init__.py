"""HTTP: requests in, answers out. The handlers are here, the rules of the registry in `store`.

    routes      the whole API in one table
    endpoint    the way of every request: gates, handler, error boundary
    framing     heads that could be understood in two ways
    admission   access control: from a route to a grant, from a refusal to an error
    refusals    which refusals the log is told
    exchange    the request, with its `body`
    leftover    what a refused request still sends
    answer      the answer, and how it is sent
    rendering   errors as answers
    service     the parts that handlers work with, within `limits` and `memory`
    observing   the interface of the access log, metrics and traces
    telling     events of what happened

There is one module of handlers for each resource: `root`, `catalog`, `tags`, `manifests`, `blobs`, `referrers`, `uploads`,
`tokens`. They share `conditions`, `ranges`, `pages`, `resume`, `location` and `proxies`; `preflight` answers browsers. The
package may import `store`, `auth.base`, `auth.scopes`, `events.base`, `drivers.base`, `observe.shown`, the pure values and Starlette's
types. Read `routes`, then `endpoint`.
"""
