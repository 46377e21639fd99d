"""Why a server cannot start."""


class ServerError(Exception):
    """The server cannot start. The message tells the operator why."""
