"""Ctrl-C while a command still loads what it needs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from moorage import __version__
from tests.support.server import moorage_command

INTERRUPTING = """
import os, signal, sys
os.kill(os.getpid(), signal.SIGINT)
sys.path.remove(os.path.dirname(__file__))
del sys.modules[__name__]
__import__(__name__)
"""
"""Takes the place of a module of the standard library, and sends the signal when that is loaded."""


def interrupted(module: str, folder: Path, disposition: signal.Handlers) -> subprocess.CompletedProcess[str]:
    """`moorage version`, started with this disposition of SIGINT."""
    (folder / f"{module}.py").write_text(INTERRUPTING)
    return subprocess.run(
        moorage_command("version"),
        check=False, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, disposition),
    )  # fmt: skip


@pytest.mark.parametrize("module", ["logging", "asyncio", "pathlib"])
def test_an_interrupt_while_modules_are_loaded_ends_the_process_without_a_word(
    module: str, tmp_path: Path
) -> None:
    done = interrupted(module, tmp_path, signal.SIG_DFL)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_interrupt_that_the_shell_has_ignored_stays_ignored(tmp_path: Path) -> None:
    done = interrupted("logging", tmp_path, signal.SIG_IGN)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"moorage {__version__}\n", "")


def test_an_interrupt_after_modules_are_loaded_ends_the_command_as_before(tmp_path: Path) -> None:
    done = interrupted("typer", tmp_path, signal.SIG_DFL)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
