"""Types of single values: Duration, Size, Secret, URL, BaseURL, Network, HostPort, names and values of headers. Each parses and prints itself.

They import only pydantic and the standard library. Their parse functions raise ValueError with a message
that is shown to the person as it is.
"""

from moorage.config.values.duration import DURATION, MINUTES, Duration, format_duration, nanoseconds
from moorage.config.values.header import HeaderName, HeaderSecret, HeaderValue, header_pairs
from moorage.config.values.kind import Kind
from moorage.config.values.network import HostPort, Network, host_and_port
from moorage.config.values.secret import (
    HIDDEN,
    URL,
    BaseURL,
    HiddenURL,
    Host,
    NameOrURL,
    Options,
    Place,
    Secret,
    revealed,
)
from moorage.config.values.size import SIZE, Size, format_size

__all__ = [
    "DURATION",
    "HIDDEN",
    "MINUTES",
    "SIZE",
    "URL",
    "BaseURL",
    "Duration",
    "HeaderName",
    "HeaderSecret",
    "HeaderValue",
    "HiddenURL",
    "Host",
    "HostPort",
    "Kind",
    "NameOrURL",
    "Network",
    "Options",
    "Place",
    "Secret",
    "Size",
    "format_duration",
    "format_size",
    "header_pairs",
    "host_and_port",
    "nanoseconds",
    "revealed",
]
