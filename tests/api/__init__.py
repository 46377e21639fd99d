"""The HTTP API, in process; one module per module of handlers."""
