"""`moorage access explain`: as a shell calls it once, and as a function for whatever else is asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from moorage.cli.commands import main_app
from tests.support import forking

CONFIG = """\
version: 0.1
storage: inmemory
auth:
  htpasswd: {{realm: Registry, path: {folder}/htpasswd}}
  groupfile: {folder}/groups
access:
- {{repositories: ["public/**"], anonymous: true, allow: [pull]}}
- {{repositories: ["team/**"], users: ["*"], allow: [pull, catalog]}}
- {{repositories: ["team/**"], groups: [builders], allow: [push]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The password file is not looked at: it may be that of another machine."""
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "groups").write_text("builders: alice\n")
    return path


def explain(config: Path, *arguments: str) -> Result:
    """In this process: what is decided is the same, and a process of its own takes ten times as long."""
    return CliRunner().invoke(main_app, ["access", "explain", *arguments, str(config)])


def explained(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forking.command("access", "explain", *arguments, str(config))


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ("alice push team/app", 0, "allowed: alice (builders) may push team/app, by access[2]"),
        ("bob push team/app", 1, "denied: no rule lets bob push team/app"),
        ("bob push team/app", 1, "access[2] lets others push team/app"),
        ("bob push team/app --group builders", 0, "by access[2]"),
        ("bob pull team/app", 0, "by access[1]"),
        ("bob delete team/app", 1, "access[1] is about this user and repository, but allows something else"),
        ("anonymous pull public/a/b", 0, "by access[0]"),
        ("anonymous pull team/app", 1, "access[0] is about this user and action, but about other repositories"),
        ("bob catalog", 0, "may list the repositories"),
        ("bob catalog -", 0, "may list the repositories"),
        ("anonymous catalog -", 1, "no rule lets anonymous list the repositories"),
    ],
)  # fmt: skip
def test_the_deciding_rule_is_told(config: Path, asked: str, code: int, words: str) -> None:
    found = explain(config, *asked.split())
    assert (found.exit_code, found.stderr) == (code, "")
    assert words in found.stdout


def test_scripts_read_it_as_json(config: Path) -> None:
    done = explained(config, "--json", "alice", "push", "team/app")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["allowed"], found["groups"], found["by"]["rule"]) == (True, ["builders"], "access[2]")
    done = explained(config, "--json", "bob", "push", "team/app")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert (found["allowed"], found["by"]) == (False, None)
    assert {"rule": "access[2]", "lacks": "user"}.items() <= found["near"][1].items()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("bob eat team/app", "eat is no action"),
        ("bob pull Team", "Team is no name of a repository"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(config: Path, asked: str, words: str) -> None:
    found = explain(config, *asked.split())
    assert found.exit_code == 2
    assert words in found.stderr


def test_without_rules_it_says_so(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage: inmemory\n")
    found = explain(config, "bob", "pull", "app")
    assert found.exit_code == 2
    assert "there are no rules" in found.stderr


def test_only_the_catalog_needs_no_repository(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_CONFIGURATION_PATH", str(config))
    assert CliRunner().invoke(main_app, ["access", "explain", "bob", "catalog"]).exit_code == 0
    found = CliRunner().invoke(main_app, ["access", "explain", "bob", "pull"])
    assert found.exit_code == 2
    assert "which repository? moorage access explain bob pull NAME" in found.stderr


def test_a_file_that_is_missing_is_not_taken_for_a_repository(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yml"
    found = CliRunner().invoke(main_app, ["access", "explain", "bob", "catalog", str(missing)])
    assert found.exit_code == 2
    assert str(missing) in found.stderr
