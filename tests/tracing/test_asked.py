"""Which variables ask for traces, and what they may ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from moorage.tracing.asked import TracingError, exporters
from tests.support.server import moorage_server

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
TRACES_ENDPOINT = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}
SOURCE = Path(__file__).parents[2] / "src"


def names(environment: Mapping[str, str]) -> list[str]:
    return [found.name for found in exporters(environment)]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_SERVICE_NAME": "images", "OTEL_TRACES_SAMPLER": "always_on"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "none", **ENDPOINT},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp", **ENDPOINT},
        {"OTEL_SDK_DISABLED": "TRUE", **ENDPOINT},
    ],
    ids=str,
)
def test_nobody_asks_for_traces(environment: dict[str, str]) -> None:
    assert names(environment) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (ENDPOINT, ["otlp_proto_http"]),
        (TRACES_ENDPOINT, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "", **ENDPOINT}, ["otlp_proto_http"]),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **ENDPOINT}, ["otlp_proto_http"]),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                **ENDPOINT,
            },
            ["otlp_proto_http"],
        ),
        ({"OTEL_TRACES_EXPORTER": "console", **ENDPOINT}, ["console"]),
        ({"OTEL_TRACES_EXPORTER": "otlp, console,otlp"}, ["otlp_proto_http", "console"]),
        ({"OTEL_SDK_DISABLED": "no", **ENDPOINT}, ["otlp_proto_http"]),
    ],
    ids=str,
)
def test_the_standard_variables_ask_for_traces(environment: dict[str, str], expected: list[str]) -> None:
    assert names(environment) == expected


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "PROTOCOL=grpc needs a package",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "http/json is not known",
        ),
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER=jaeger"),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_refused_by_name(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(TracingError, match=sentence):
        exporters(environment)


def without_opentelemetry(folder: Path) -> Path:
    """The libraries of this environment, except those of the extra."""
    library = Path(pytest.__file__).parents[1]
    folder.mkdir()
    for entry in library.iterdir():
        if not entry.name.startswith("opentelemetry"):
            (folder / entry.name).symlink_to(entry)
    return folder


def attempted(function: str, variables: Mapping[str, str], *options: str, library: Path | None = None) -> str:
    """What `tracing.build` or `tracing.check` says in a process of its own, and whether OpenTelemetry is loaded then."""
    program = (
        f"import sys; sys.path[:0] = {[str(path) for path in (SOURCE, library) if path]}\n"
        "from moorage import tracing\n"
        f"try: tracing.{function}()\n"
        "except tracing.TracingError as error: print(error)\n"
        "print('loaded' if 'opentelemetry' in sys.modules else 'nothing loaded')\n"
    )
    told = subprocess.run(
        [sys.executable, *options, "-c", program],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "otlp", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout + told.stderr


@pytest.mark.parametrize("function", ["build", "check"])
def test_a_missing_extra_is_named(function: str, tmp_path: Path) -> None:
    library = without_opentelemetry(tmp_path / "library")
    # Without the libraries that are installed.
    assert "pip install 'moorage[tracing]'" in attempted(function, {}, "-S", "-I", library=library)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "nothing loaded"),
        ({"OTEL_PROPAGATORS": "tracecontext,pigeon"}, "Propagator pigeon not found"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "max_queue_size must be a positive integer"),
        (
            {"OTEL_SPAN_EVENT_COUNT_LIMIT": "many"},
            "OTEL_SPAN_EVENT_COUNT_LIMIT must be a non-negative integer",
        ),
    ],
    ids=str,
)
def test_a_check_finds_what_cannot_be_and_loads_nothing(variables: dict[str, str], sentence: str) -> None:
    told = attempted("check", variables)
    assert sentence in told
    assert "nothing loaded" in told
    assert "Traceback" not in told


def test_a_server_does_not_start_with_variables_that_cannot_be(tmp_path: Path) -> None:
    variables = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    server = moorage_server(tmp_path, environment=variables)
    with pytest.raises(RuntimeError, match="opentelemetry-exporter-otlp-proto-grpc"):
        server.start()
    server.kill()
