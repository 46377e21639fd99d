"""Values that must not be shown: keys and passwords, and the user and password inside a URL."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainSerializer, SecretStr

from moorage.config.values.kind import Kind

HIDDEN = "***"
_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"(?<=\?)[^#]+")

Secret = Annotated[SecretStr, PlainSerializer(lambda _: HIDDEN, return_type=str), Kind("secret", secret=True)]
"""A text whose repr and printed form hide it; `get_secret_value()` gives it."""


def revealed(secret: SecretStr | None) -> str:
    """The text, for who signs in with it; empty for one that is not set."""
    return secret.get_secret_value() if secret else ""


class HiddenURL(str):
    """A URL whose repr shows no user, no password and no query. As a str it is whole, for the client that connects."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.shown)

    @property
    def shown(self) -> str:
        """The URL with `***` in place of user and password, and of a query, which may be a signature. A path as it is."""
        shown = _USERINFO.sub(f"{HIDDEN}@", str(self))
        return _QUERY.sub(HIDDEN, shown) if "://" in shown else shown


class HiddenHost(HiddenURL):
    """A host, with a port or not, whose repr shows no user and no password before it."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """The host with `***` in place of user and password."""
        _, at, host = str(self).rpartition("@")
        return f"{HIDDEN}@{host}" if at else host


def without_query(url: str) -> str:
    """The URL, for a value to which paths are added. Raises ValueError if it has a query or a fragment, an empty one too."""
    if "?" in url or "#" in url:
        raise ValueError("must have no query (?) and no fragment (#); remove them")
    return url


def _check(url: str) -> HiddenURL:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ValueError("must be an http:// or https:// URL with a host")
    return HiddenURL(url)


_SHOWN = PlainSerializer(lambda text: HiddenURL(text).shown, return_type=str)
"""Of defaults, too, which are not validated."""

URL = Annotated[
    str,
    AfterValidator(_check),
    _SHOWN,
    Kind("URL", secret=True),
]
"""An absolute http or https URL; user and password are hidden where the configuration is printed."""

BaseURL = Annotated[URL, AfterValidator(without_query)]
"""A URL to which paths are added."""

Place = Annotated[
    str,
    AfterValidator(HiddenURL),
    _SHOWN,
    Kind("path or URL", secret=True),
]
"""A path, or a URL of which is hidden what is of any."""


NameOrURL = Annotated[
    str,
    AfterValidator(HiddenURL),
    _SHOWN,
    Kind("name or URL", secret=True),
]
"""A name that is often a URL, of which is hidden what is of any."""

Host = Annotated[
    str,
    AfterValidator(HiddenHost),
    PlainSerializer(lambda host: HiddenHost(host).shown, return_type=str),
    Kind("host", secret=True),
]
"""A host as it is put into a URL; user and password are hidden."""


def _hidden(value: Any) -> Any:
    """The same mapping or list, with nothing but names in it."""
    if isinstance(value, dict):
        return {key: _hidden(inner) for key, inner in value.items()}
    return [_hidden(inner) for inner in value] if isinstance(value, list) else HIDDEN


Options = Annotated[dict[str, Any], PlainSerializer(_hidden)]
"""Values of another package, of which nobody here knows which are secret."""
