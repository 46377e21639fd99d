"""Moorage, a container registry.

ARCHITECTURE.md describes the design and draws the layers; the import-linter contract in pyproject.toml enforces them.
To read the code, begin with `api/routes.py`, `api/endpoint.py`, `store/repository.py`, `store/layout.py`,
`drivers/base.py` and `app.py`, in this order.
"""

__version__ = "0.1.0"
