"""Pydantic's plugins are not looked for."""

from __future__ import annotations

import subprocess
import sys


def test_a_server_does_not_load_what_looks_for_plugins_of_pydantic() -> None:
    program = "import sys, moorage.app, moorage.server; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
