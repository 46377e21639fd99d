"""`moorage htpasswd`."""

from __future__ import annotations

import getpass
import io
import sys
from typing import Annotated, NoReturn

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

    from moorage.auth.basic import CONTROL

    _utf8("a user name", user)
    if ":" in user or not user.isprintable() or not user:
        fail("a user name must be printable, and not be empty or contain a colon")
    if user.startswith("#") or user != user.strip():
        fail(
            "a user name must not begin with #, which is a remark in a password file, nor have blanks before or after it"
        )
    given = _asked() if password is None else password
    secret = _utf8("a password", given)
    if not 0 < len(secret) <= 72 or b"\0" in secret:
        fail("a password must have 1 to 72 bytes, none of them NUL: bcrypt looks at no more")
    if CONTROL.search(given):
        fail("a password must have no control characters, such as tabs: nobody could sign in with it")
    line = f"{user}:{bcrypt.hashpw(secret, bcrypt.gensalt(cost, prefix=b'2b')).decode().replace('$2b$', '$2y$', 1)}"
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whatever the terminal's encoding is: password files are read as UTF-8.
        sys.stdout.reconfigure(encoding="utf-8")
    print(line)


def _asked() -> str:
    if sys.stdin is None:
        fail("a password is needed: write it after the name, or into standard input, which is closed")
    try:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        first, second = getpass.getpass("Password: "), getpass.getpass("Once more: ")
        if first != second:
            fail("the two passwords differ: try again")
        return first
    except UnicodeDecodeError:
        _not_utf8("a password")


def _utf8(what: str, text: str) -> bytes:
    """The text in UTF-8. Bytes of arguments that are not UTF-8 appear as lone surrogates, which cannot be encoded."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        _not_utf8(what)


def _not_utf8(what: str) -> NoReturn:
    fail(f"{what} must be UTF-8: write it in a terminal or file of that encoding, or without accents")
