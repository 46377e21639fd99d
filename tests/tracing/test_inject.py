"""Requests to others tell which trace they belong to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.exchange import exchange
from tests.support.server import moorage_server, running
from tests.tracing.collector import asking, collecting

IN_A_SPAN = """
from moorage import tracing
from moorage.observe import outward
tracing.build()
from opentelemetry import trace
with trace.get_tracer("tests").start_as_current_span("asking") as span:
    headers = outward.headers()
context = span.get_span_context()
assert headers == {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}, headers
after = outward.headers()
assert after == {}, after
"""
WITHOUT = """
from moorage import tracing
from moorage.observe import outward
assert tracing.build() is None
headers = outward.headers()
assert headers == {}, headers
"""


def run(program: str, **variables: str) -> None:
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **variables}, check=True)


def test_a_request_in_a_span_carries_it() -> None:
    run(IN_A_SPAN, OTEL_TRACES_EXPORTER="console")


def test_without_traces_a_request_carries_nothing() -> None:
    run(WITHOUT, OTEL_TRACES_EXPORTER="none")


def test_a_server_may_believe_no_caller(tmp_path: Path) -> None:
    with collecting() as collector:
        variables = asking(collector, OTEL_PROPAGATORS="none", OTEL_TRACES_SAMPLER="parentbased_always_off")
        with running(moorage_server(tmp_path, environment=variables)) as started:
            headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
            assert exchange(started.address, "GET", "/v2/", headers=headers).status == 200
            assert started.stop() == 0
        assert collector.spans == []
