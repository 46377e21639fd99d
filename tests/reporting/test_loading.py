"""What is loaded: nothing that is not configured, and nothing of a library that looks around by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import json, logging, sys, threading
import moorage.app
from moorage import reporting
from moorage.config.sections.reporting import Reporting

LIBRARIES = {"bugsnag", "newrelic", "sentry_sdk"}

def hooks():
    return [
        sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__,
        sys.gettrace() is None, sys.getprofile() is None, threading.active_count(),
        [repr(finder) for finder in sys.meta_path], [repr(handler) for handler in logging.root.handlers],
        [name for name in LIBRARIES for handler in logging.getLogger(name).handlers
         if type(handler) is not logging.NullHandler],
    ]

def built(sections):
    class Configuration:
        reporting = Reporting.model_validate(sections)
    made = reporting.build(Configuration) is not None
    agent = {"newrelic.core.agent", "newrelic.api.import_hook"} & sys.modules.keys()
    return [made, sorted(LIBRARIES & sys.modules.keys()), hooks(), sorted(agent)]

print(json.dumps([[False, [], hooks(), []], *map(built, json.loads(sys.argv[1]))]))
"""


def loading(*sections: dict[str, Any]) -> list[Any]:
    """Of one process that builds reporters of these sections, one after the other: whether there was one, the libraries that
    are loaded, who looks at errors, imports, calls and logs (and how many threads there are), and what runs of New Relic's agent."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(sections)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[Any] = json.loads(done.stdout)
    return found


def test_a_library_is_loaded_with_its_key_only_and_looks_at_nothing_by_itself() -> None:
    first, unset, bugsnag, newrelic, sentry = loading(
        {"bugsnag": {"releasestage": "s"}, "newrelic": {"name": "n"}, "sentry": {"environment": "e"}},
        {"bugsnag": {"apikey": "k"}},
        {"newrelic": {"licensekey": "k"}},
        {"sentry": {"dsn": "https://k@example.com/1"}},
    )
    before = first[2]
    assert before[:5] == [True, True, True, True, 1]
    assert unset == [False, [], before, []]
    assert bugsnag == [True, ["bugsnag"], before, []]
    assert newrelic == [True, ["bugsnag", "newrelic"], before, []]
    assert sentry == [True, ["bugsnag", "newrelic", "sentry_sdk"], before, []]
