"""The command line: as a shell calls it, or, where that is no matter, in a process that has loaded it before."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest
from typer.main import get_command

from moorage import __version__
from moorage.cli.commands import main_app
from moorage.cli.serving import typed, welcoming
from moorage.cli.spellings import translated
from moorage.config.sections.http import Http
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.server import moorage_command

CONFIG = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"


def run(*arguments: str, given: str = "", program: str = "") -> subprocess.CompletedProcess[str]:
    """As a shell calls `program`, if that is said."""
    if not program:
        return forking.command(*arguments, given=given)
    command = moorage_command(*arguments)
    command[0] = str(Path(command[0]).with_name(program))
    return subprocess.run(command, check=False, input=given, capture_output=True, text=True, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(root=tmp_path / "root"))
    return str(path)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("moorage", ["version"]),
        ("registry", ["-version"]),
        # A container whose entry point is the program, and whose command names it again.
        ("registry", ["registry", "-version"]),
        ("registry", ["/bin/registry", "version"]),
    ],
)
def test_the_version(program: str, arguments: list[str]) -> None:
    assert run(*arguments, program=program).stdout == f"moorage {__version__}\n"


def test_the_package_can_be_run_as_a_module(config: str) -> None:
    module = [sys.executable, "-m", "moorage"]
    done = subprocess.run([*module, "config", "check", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "no mistakes" in done.stderr
    done = subprocess.run(
        [*module, "config", "check", f"{config}.no"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"moorage: {config}.no: cannot read the file")


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        (["-h"], "registry"),
        (["help"], "registry"),
        (["help", "serve"], "registry serve"),
        (["serve", "-h"], "registry serve"),
        (["garbage-collect", "-h"], "registry garbage-collect"),
        (["help", "storage", "check"], "registry storage check"),
        (["access", "explain", "-h"], "registry access explain"),
    ],
)
def test_every_spelling_of_a_question_for_help_is_answered(arguments: list[str], usage: str) -> None:
    found = run(*arguments, program="registry")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split("[")[0].strip() == f"Usage: {usage}"


def test_without_arguments_there_is_help() -> None:
    found = run(program="moorage")
    for command in ("serve", "config", "garbage-collect", "purge-uploads", "htpasswd", "version"):
        assert command in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("typed_so_far", "completed"),
    [("moorage ga", {"garbage-collect"}), ("moorage storage c", {"check", "copy"})],
)
def test_a_shell_completes_commands(typed_so_far: str, completed: set[str]) -> None:
    asked = {"COMP_WORDS": typed_so_far, "COMP_CWORD": str(typed_so_far.count(" "))}
    environment = {**os.environ, **asked, "_MOORAGE_COMPLETE": "complete_bash"}
    found = subprocess.run(
        moorage_command(), check=False, capture_output=True, text=True, timeout=60, env=environment
    )
    assert set(found.stdout.split()) == completed


@pytest.mark.parametrize("arguments", [["htpasswd", "alice", "s3cret"], ["htpasswd", "alice"]])
def test_a_password_line_is_bcrypt(arguments: list[str]) -> None:
    user, _, line = run(*arguments, given="s3cret\n").stdout.strip().partition(":")
    assert user == "alice"
    assert line.startswith("$2y$10$")
    assert bcrypt.checkpw(b"s3cret", line.replace("$2y$", "$2b$").encode())


@pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("a", "x" * 73)])
def test_what_would_be_no_password_is_refused(user: str, password: str) -> None:
    found = run("htpasswd", user, password)
    assert (found.returncode, found.stdout) == (1, "")
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("user", ["#bob", " bob", "bob "])
def test_a_user_name_that_a_password_file_would_read_otherwise_is_refused(user: str) -> None:
    found = run("htpasswd", user, "s3cret")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("moorage: a user name ")
    assert found.stderr.count("\n") == 1


def test_without_standard_input_a_password_is_asked_for_in_one_sentence() -> None:
    command = ["sh", "-c", 'exec "$0" "$@" <&-', *moorage_command("htpasswd", "alice")]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("moorage: a password is needed"), found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize(
    ("arguments", "given", "what"),
    [
        ([b"alice", b"caf\xe9"], b"", "a password"),
        ([b"alice"], b"caf\xe9\n", "a password"),
        ([b"caf\xe9", b"s3cret"], b"", "a user name"),
    ],
)
def test_what_is_not_utf_8_is_refused_in_one_sentence(
    arguments: list[bytes], given: bytes, what: str, locale: str
) -> None:
    done = subprocess.run(
        [*moorage_command("htpasswd"), *arguments],
        check=False,
        input=given,
        capture_output=True,
        timeout=60,
        env={**os.environ, "LC_ALL": locale},
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(f"moorage: {what} must be UTF-8".encode()), done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_user_name_cannot_become_two_lines() -> None:
    found = run("htpasswd", "alice\nbob", "s3cret")
    assert (found.returncode, found.stdout) == (1, "")


def test_collecting_and_purging_an_empty_registry(config: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    collected = run("garbage-collect", "--json", config)
    assert collected.returncode == 0, collected.stderr
    assert json.loads(collected.stdout)["removed_blobs"] == []
    purged = run("purge-uploads", "--json", "--age", "1", config)
    assert json.loads(purged.stdout) == {"dry_run": False, "uploads": [], "multipart_uploads": []}
    assert run("purge-uploads", "--dry-run", config).stdout == "0 uploads would be purged\n"


@pytest.mark.parametrize(
    "command", [["garbage-collect"], ["purge-uploads"], ["storage", "check"], ["storage", "copy"]]
)
def test_a_command_opens_no_log_file_of_the_server(command: list[str], tmp_path: Path) -> None:
    """As root it would make files that the server's user cannot write."""
    (tmp_path / "root/docker/registry/v2/repositories").mkdir(parents=True)
    config, target = tmp_path / "config.yml", tmp_path / "target.yml"
    log = f"log: {{output: {tmp_path}/log, accesslog: {{output: {tmp_path}/access}}}}\n"
    config.write_text(CONFIG.format(root=tmp_path / "root") + log)
    target.write_text(CONFIG.format(root=tmp_path / "target") + log)
    copying = ["--from", str(config), "--to", str(target)]
    found = run(*command, *(copying if command[-1] == "copy" else [str(config)]))
    assert found.returncode == 0, found.stderr
    assert not (tmp_path / "log").exists()
    assert not (tmp_path / "access").exists()


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--dry-run=true", "--delete-untagged=T"], True),
        (["-d=1", "-m=false"], True),
        (["--dry-run=FALSE", "-m=0", "--quiet=t"], False),
    ],
)
def test_flags_of_garbage_collection_may_have_values_as_those_of_go(
    config: str, tmp_path: Path, arguments: list[str], kept: bool
) -> None:
    digest = hashlib.sha256(b"garbage").hexdigest()
    tree = tmp_path / "root/docker/registry/v2"
    garbage = tree / "blobs/sha256" / digest[:2] / digest / "data"
    garbage.parent.mkdir(parents=True)
    (tree / "repositories").mkdir()
    garbage.write_bytes(b"garbage")
    found = run("garbage-collect", *arguments, config, program="registry")
    assert (found.returncode, garbage.exists()) == (0, kept), found.stderr


def test_a_value_that_is_no_boolean_is_refused(config: str) -> None:
    found = run("garbage-collect", "--delete-untagged=maybe", config)
    assert (found.returncode, found.stdout) == (2, "")
    assert "--delete-untagged" in found.stderr


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["-m", "--delete-untagged=false", "c.yml"], ["c.yml"]),
        (["--delete-untagged=false", "-m"], ["-m"]),
        (["-m=true", "--", "-m=true"], ["--delete-untagged", "--", "-m=true"]),
        (["--notice=1", "--json=true"], ["--notice=1", "--json=true"]),
    ],
)
def test_the_last_value_of_a_flag_decides(given: list[str], meant: list[str]) -> None:
    assert translated(["garbage-collect", *given]) == ["garbage-collect", *meant]


def test_a_server_starts_under_all_spellings(config: str) -> None:
    for spelled in ([config], ["serve", config], ["registry", "serve", config], ["/bin/registry", config]):
        assert translated(spelled) == ["serve", config]


def test_a_configuration_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("registry.conf", "version"):
        (tmp_path / name).touch()
    for file in ("registry.conf", "./version", "/etc/missing", "missing.yaml"):
        assert translated([file]) == translated(["registry", file]) == ["serve", file]
    for other in (["version"], ["missing"], ["-d/x"], ["--help"]):
        assert translated(other) == other


def test_a_file_named_like_a_command_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in get_command(main_app).commands:  # type: ignore[attr-defined]
        (tmp_path / name).touch()
        assert translated([name]) == [name]


def test_registry_alone_serves_what_the_variable_names() -> None:
    variables = {"REGISTRY_CONFIGURATION_PATH": "/config"}
    assert translated([], program="/bin/registry", environ=variables) == ["serve"]
    assert translated(["registry"], program="/bin/registry", environ=variables) == ["serve"]
    assert translated([], program="/bin/registry", environ={}) == []
    assert translated([], program="/bin/moorage", environ=variables) == []
    assert translated(["version"], program="/bin/registry", environ=variables) == ["version"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["storage", "check", "--repair"], 2), (["garbage-collect"], 1), (["purge-uploads"], 1)],
)
def test_a_root_that_is_not_there_is_no_healthy_registry(
    config: str, tmp_path: Path, arguments: list[str], status: int
) -> None:
    found = run(*arguments, config)
    assert (found.returncode, found.stdout) == (status, "")
    assert found.stderr == (
        f"moorage: storage.filesystem.rootdirectory: {tmp_path / 'root'}: No such file or directory; "
        "is the disk mounted, and the path right?\n"
    )
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("command", "done"),
    [
        (["garbage-collect"], "removed"),
        (["garbage-collect", "--dry-run", "--json"], "removed"),
        (["purge-uploads"], "purged"),
        (["storage", "check"], "checked"),
        (["storage", "copy", "--to", "target.yml", "--from"], "copied"),
    ],
)
def test_what_is_in_the_memory_of_a_server_is_not_taken_for_an_empty_registry(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], done: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(config).rename("target.yml")
    Path("memory.yml").write_text("version: 0.1\nstorage: inmemory\n")
    found = run(*command, str(tmp_path / "memory.yml"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"moorage: nothing was {done}: what is in memory is in another process\n"


def test_a_check_wants_a_folder_and_be_it_an_empty_one(config: str, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    found = run("storage", "check", config)
    assert (found.returncode, found.stdout) == (2, "")
    assert f"storage.filesystem.rootdirectory: {tmp_path / 'root'}: Not a directory" in found.stderr
    (tmp_path / "root").unlink()
    (tmp_path / "root").mkdir()
    assert run("storage", "check", config).returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "command"),
    [
        *(("--age", value, ["purge-uploads"]) for value in ("nan", "inf", "20000000", "-1")),
        *(("--notice", value, ["garbage-collect"]) for value in ("nan", "inf")),
        ("--age", "nan", ["storage", "check"]),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(
    config: str, tmp_path: Path, option: str, value: str, command: list[str]
) -> None:
    (tmp_path / "root").mkdir()
    found = run(*command, f"{option}={value}", config)
    assert (found.returncode, found.stdout) == (2, "")
    assert option in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:5000", "localhost:5000"),
        (":5001", "localhost:5001"),
        ("0.0.0.0:5000", "localhost:5000"),
        ("[::]:5000", "localhost:5000"),
        ("localhost:5000", "localhost:5000"),
        ("192.0.2.1:443", "192.0.2.1:443"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_the_welcome_says_what_can_be_typed(address: str, said: str) -> None:
    assert typed(address) == said


@pytest.mark.parametrize(
    ("http", "registry"),
    [
        ({}, "localhost:5000"),
        ({"host": "https://registry.example.com"}, "registry.example.com"),
        ({"host": "http://registry.example.com:8080/"}, "registry.example.com:8080"),
        ({"host": "https://registry.example.com", "prefix": "/images/"}, "registry.example.com"),
        ({"host": "https://registry.example.com", "net": "unix", "addr": "/run/x"}, "registry.example.com"),
        ({"host": "https://example.com/images/"}, ""),
        ({"prefix": "/images/"}, ""),
        ({"net": "unix", "addr": "/run/x"}, ""),
    ],
)
def test_the_welcome_has_commands_that_work_or_none(http: dict[str, str], registry: str) -> None:
    section = Http.model_validate({"addr": "127.0.0.1:5000", **http})
    said = welcoming(section, section.addr)
    assert re.findall(r"docker push (.*)/hello-world\n", said) == ([registry] if registry else [])
    assert "localhost:/" not in said


def test_a_port_that_the_system_chose_is_told(tmp_path: Path) -> None:
    text = f"{CONFIG.format(root=tmp_path / 'root')}http: {{addr: 127.0.0.1:0, workers: 1}}\n"
    (tmp_path / "config.yml").write_text(text)
    command = moorage_command("serve", "--welcome", str(tmp_path / "config.yml"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = next((line for line in server.stderr if "listens on" in line), "")
        port = line.partition("127.0.0.1:")[2].partition(",")[0]
        try:
            assert exchange(f"127.0.0.1:{port}", "GET", "/v2/").status == 200
        finally:
            server.terminate()
            said, _ = server.communicate(timeout=30)
    assert f"docker push localhost:{port}/hello-world" in said
