"""What the operator sees: `logging` (events on stderr), `access` (requests on stdout). Imports nothing of the package."""
