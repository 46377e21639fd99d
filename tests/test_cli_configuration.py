"""What commands say of a configuration: where a mistake is, and what cannot be used of what it names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from moorage.cli.starting import load
from moorage.config import loading
from tests.support.server import moorage_command
from tests.support.tools import require
from tests.test_cli import CONFIG, run

WITHOUT_RIGHTS = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]
"""Makes of root a user who may read and write only what its mode lets it."""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(root=tmp_path / "root"))
    return str(path)


def test_checking_prints_the_effective_configuration(config: str) -> None:
    found = run("config", "check", config)
    assert found.returncode == 0, found.stderr
    assert "rootdirectory" in found.stdout
    assert found.stderr == f"moorage: no mistakes in {config}\n"


def test_checking_tells_every_mistake_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(
        "version: 0.1\nlog:\n  level: lowd\nstorage:\n  inmemory: {}\nhttp:\n  relativeurls: perhaps\n"
    )
    found = run("config", "check", str(path))
    assert found.returncode == 1
    assert "log.level" in found.stderr
    assert "http.relativeurls" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", [["config", "check"], ["serve"]])
def test_what_is_odd_is_told_beside_what_is_wrong(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("version: 0.1\nstorage: inmemory\nauth: {htpasswd: {relam: r, path: p}}\n")
    found = run(*command, str(path))
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        f"moorage: warning: {path}: line 3: auth.htpasswd.relam: is not a known key and is ignored (did you mean auth.htpasswd.realm?)",
        f"moorage: {path}: line 3: auth.htpasswd.realm: is required",
    ]


def test_checking_tells_what_no_server_would_start_with(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(
        "version: 0.1\nstorage: inmemory\nauth: {htpasswd: {realm: r, path: p}}\n"
        "access: [{repositories: Team/**, users: a, allow: pull}]\n"
        "middleware: {storage: [{name: rewrite, options: {scheme: 'ht tp'}}]}\n"
    )
    found = run("config", "check", str(path))
    assert (found.returncode, found.stdout) == (1, "")
    first, second = found.stderr.splitlines()
    assert first.startswith(f"moorage: {path}: access[0]: no repository matches 'Team/**'")
    assert second.startswith(f"moorage: {path}: middleware.storage[0].options: ")


def test_what_is_not_built_is_told_with_the_other_mistakes_and_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(
        "version: 0.1\nstorage: inmemory\nproxy:\n  remoteurl: https://h\nhttp: {relativeurls: perhaps}\n"
    )
    _, proxy, http = ["", *run("config", "check", str(path)).stderr.splitlines()]
    assert proxy.startswith(
        f"moorage: {path}: line 4: proxy.remoteurl: a pull-through cache is not supported"
    )
    assert http.startswith(f"moorage: {path}: line 5: http.relativeurls: ")
    path.write_text("version: 0.1\nstorage: inmemory\nproxy:\n  remoteurl: https://h\n")
    assert run("config", "check", str(path)).stderr == f"{proxy}\n"


def test_what_a_variable_says_is_told_with_its_name_and_not_with_the_file(config: str) -> None:
    done = subprocess.run(
        moorage_command("config", "check", config),
        check=False, capture_output=True, text=True, timeout=60,
        env={**os.environ, "REGISTRY_HTTP_RELATIVEURLS": "perhaps"},
    )  # fmt: skip
    assert done.stderr.startswith("moorage: REGISTRY_HTTP_RELATIVEURLS: ")


def test_copying_tells_which_of_its_two_files_is_wrong(config: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("version: 0.1\nstorage: {filesytem: {}}\n")
    for arguments in (["--from", config, "--to", str(wrong)], ["--from", str(wrong), "--to", config]):
        found = run("storage", "copy", *arguments)
        assert found.returncode == 2
        assert f"moorage: {wrong}: line 2: storage" in found.stderr


def test_a_configuration_that_may_not_be_read_is_told_like_one_that_is_not_there(
    config: str, tmp_path: Path
) -> None:
    Path(config).chmod(0)
    dropped = WITHOUT_RIGHTS if os.geteuid() == 0 else []
    if dropped:
        require("setpriv")
        os.chown(config, 1234, 1234)
    done = subprocess.run(
        [*dropped, *moorage_command("config", "check", config)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        f"moorage: {config}: cannot read the file: Permission denied\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [["serve"], ["config", "check"], ["garbage-collect"], ["storage", "copy", "--to", "c.yml", "--from"]],
)
def test_an_empty_argument_is_no_configuration_and_not_the_working_directory(arguments: list[str]) -> None:
    found = run(*arguments, "")
    assert (found.returncode, found.stdout) == (2, "")
    assert "is empty, where the path of a file is expected" in found.stderr
    assert "Is a directory" not in found.stderr


@pytest.mark.parametrize("command", ["serve", "garbage-collect"])
def test_a_folder_in_place_of_a_configuration_is_told_with_who_may_have_made_it(
    command: str, tmp_path: Path
) -> None:
    found = run(command, str(tmp_path))
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == (
        f"moorage: {tmp_path}: cannot read the file: Is a directory; Docker makes one where the file that it should mount is missing\n"
    )


@pytest.mark.parametrize("command", ["serve", "garbage-collect"])
def test_a_configuration_that_is_not_there_is_told_without_a_traceback(command: str, tmp_path: Path) -> None:
    found = run(command, str(tmp_path / "missing.yml"))
    assert found.returncode == 1
    assert "missing.yml" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_root_that_is_a_file_is_told_by_its_key(config: str, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    found = run("serve", config)
    assert found.returncode == 1
    assert "storage.filesystem.rootdirectory" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_queue_of_events_in_a_folder_that_is_not_there_is_refused(config: str, tmp_path: Path) -> None:
    with Path(config).open("a") as file:
        file.write(
            f"notifications: {{queue: {{path: {tmp_path}/elsewhere/q.db}}, endpoints: [{{name: a, url: 'http://h'}}]}}\n"
        )
    found = run("serve", config)
    assert (found.returncode, found.stdout) == (1, "")
    assert (
        f"moorage: notifications.queue.path: {tmp_path}/elsewhere/q.db: there is no such folder; "
        in found.stderr
    )
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_a_file_that_a_server_may_not_read_is_told_with_its_whole_path(config: str, tmp_path: Path) -> None:
    require("setpriv")
    secret = tmp_path / "root/moorage/secret"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(b"of another user")
    (tmp_path / "root").chmod(0o777)
    secret.chmod(0o600)
    os.chown(secret, 1234, 1234)
    done = subprocess.run(
        [*WITHOUT_RIGHTS, *moorage_command("serve", config)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"moorage: storage.filesystem.rootdirectory: {secret}: Permission denied; "
        "give it and its folder to the registry's user, or set http.secret\n"
    )


def test_a_command_tells_first_which_file_it_found(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REGISTRY_CONFIGURATION_PATH", raising=False)
    monkeypatch.setattr(loading, "USUAL_PLACES", (Path(f"{config}.no"), Path(config)))
    with Path(config).open("a") as file:
        file.write("qqqqq: 1\n")
    load(None)
    told, warning = capsys.readouterr().err.splitlines()
    assert told == f"moorage: configuration: {config}"
    assert "qqqqq" in warning


def test_a_command_does_not_repeat_the_file_that_was_named(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load(Path(config))
    monkeypatch.setenv("REGISTRY_CONFIGURATION_PATH", config)
    load(None)
    monkeypatch.delenv("REGISTRY_CONFIGURATION_PATH")
    monkeypatch.setattr(loading, "USUAL_PLACES", ())
    load(None)
    assert capsys.readouterr().err == ""


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("command", [["serve"], ["config", "check"], ["garbage-collect"]])
def test_a_root_that_the_locale_cannot_write_is_told_with_what_helps(
    command: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(root=tmp_path / "größe"))
    done = subprocess.run(
        moorage_command(*command, str(path)),
        check=False, capture_output=True, timeout=60, env={**os.environ, **ASCII},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    told = f"storage.filesystem.rootdirectory: {tmp_path}/gr\\xf6\\xdfe cannot be written in this locale; set LC_ALL=C.UTF-8\n"
    assert done.stderr.decode().endswith(told)
    assert done.stderr.count(b"\n") == 1
