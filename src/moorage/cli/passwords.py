"""`moorage htpasswd`."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from moorage.cli.starting import fail


def htpasswd(
    user: Annotated[str, typer.Argument(help="The user's name.")],
    password: Annotated[
        str | None, typer.Argument(help="Else asked for, or read from standard input.")
    ] = None,
    cost: Annotated[int, typer.Option(min=5, max=17, help="Work per check, as a power of two.")] = 10,
) -> None:
    """Print a line for a password file (bcrypt)."""
    import bcrypt

    if ":" in user or not user:
        fail("a user name must not be empty or contain a colon")
    if password is None:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    secret = password.encode()
    if not 0 < len(secret) <= 72 or b"\0" in secret:
        fail("a password must have 1 to 72 bytes, none of them NUL: bcrypt looks at no more")
    print(
        f"{user}:{bcrypt.hashpw(secret, bcrypt.gensalt(cost, prefix=b'2b')).decode().replace('$2b$', '$2y$', 1)}"
    )
