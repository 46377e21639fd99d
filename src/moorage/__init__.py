"""Moorage, a container registry.

Layers, arrows down only: cli, server / app / api / store / drivers / config, observe / pure values
(digest, names, manifest, errors). Read `api/routes.py`, `api/endpoint.py`, `store/repository.py`,
`store/layout.py`, `drivers/base.py`, `app.py` in this order, or ARCHITECTURE.md first.
"""

__version__ = "0.1.0"
