"""wrk with a generated script: it picks at random among serialised requests and prints its summary as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.load.specs import Outcome, Target

SCRIPT = """\
local requests = {{
{requests}
}}
math.randomseed(1)
function request()
  return requests[math.random(#requests)]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('OUTCOME {{"operations":%d,"bytes":%d,"seconds":%.6f,"p50_ms":%.6f,"p99_ms":%.6f,' ..
    '"max_ms":%.6f,"errors":%d}}\\n', summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def write_script(path: Path, requests: Sequence[bytes]) -> None:
    # A JSON string of ASCII is a Lua string too.
    path.write_text(SCRIPT.format(requests=",\n".join(json.dumps(raw.decode("ascii")) for raw in requests)))


def command(script: Path, target: Target) -> list[str]:
    """One thread, so that the loader takes one core at most."""
    return [
        *("wrk", "--threads", "1", "--connections", str(target.clients), "--timeout", "30s"),
        *("--duration", f"{max(1, round(target.seconds))}s", "--script", str(script)),
        f"{'https' if target.tls else 'http'}://127.0.0.1:{target.port}/",
    ]


def parse(output: str) -> Outcome:
    found = re.search(r"^OUTCOME (.*)$", output, re.MULTILINE)
    if found is None:
        raise ValueError(f"wrk printed no outcome:\n{output[-2000:]}")
    parsed = msgspec.json.decode(found.group(1), type=Outcome)
    if not parsed.operations:
        parsed.p50_ms = parsed.p99_ms = parsed.max_ms = None
    parsed.note = f"wrk counted {parsed.errors} errors" if parsed.errors else ""
    return parsed
