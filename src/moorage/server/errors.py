"""Why a server cannot start."""


class ServerError(Exception):
    """The server cannot start; the text tells the operator why."""
