"""Which exporters the variables ask for (OpenTelemetry, "Environment Variable Specification"). Does not load OpenTelemetry,
because most servers trace nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "opentelemetry_traces_exporter"
"""The group of entry points in which packages offer exporters."""

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP: Final = "http/protobuf"
_OFFERED_AS: Final = {_HTTP: "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_OURS: Final = ("otlp_proto_http", "console")
MISSING: Final = (
    "traces are asked for by OTEL_* variables, but OpenTelemetry is not installed: pip install 'moorage[tracing]', "
    "or set OTEL_TRACES_EXPORTER=none"
)


class TracingError(Exception):
    """The variables ask for something impossible. The text is for the operator, and names the variable."""


def exporters(environment: Mapping[str, str]) -> list[EntryPoint]:
    """The exporters of traces; none unless a variable asks for one. Raises TracingError."""
    return [_offered(name, environment) for name in _names(environment)]


def _names(environment: Mapping[str, str]) -> list[str]:
    names = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if _first(environment, ("OTEL_SDK_DISABLED",)).lower() == "true" or "none" in names:
        return []
    if not names and _first(environment, _ENDPOINTS):
        names = ["otlp"]
    return list(dict.fromkeys(names))


def _offered(name: str, environment: Mapping[str, str]) -> EntryPoint:
    protocol = ""
    if name == "otlp":
        protocol = _first(environment, _PROTOCOLS) or _HTTP
        name = _OFFERED_AS.get(protocol, "")
    # Only here: it takes two megabytes of each process.
    from importlib.metadata import entry_points

    for found in entry_points(group=GROUP, name=name):
        return found
    if name in _OURS:
        raise TracingError(MISSING)
    if protocol == "grpc":
        raise TracingError(
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs a package that is not installed: pip install "
            f"opentelemetry-exporter-otlp-proto-grpc, or set it to {_HTTP} and name the port for HTTP (4318 mostly)"
        )
    if protocol:
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} is not known here: {' and '.join(_OFFERED_AS)} are"
        )
    raise TracingError(
        f"OTEL_TRACES_EXPORTER={name}: no package offers that: otlp, console and none are known"
    )


def _first(environment: Mapping[str, str], keys: tuple[str, ...]) -> str:
    """The first of the variables that is set. By the specification, an empty variable counts as not set."""
    return next((value for key in keys if (value := environment.get(key, "").strip())), "")
