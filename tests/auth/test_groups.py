from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import AuthError
from moorage.auth.groups import Groups, parse
from moorage.auth.watched import LOOK_SECONDS


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("dev: alice bob", {"alice": {"dev"}, "bob": {"dev"}}),
        ("dev:alice\tbob  ", {"alice": {"dev"}, "bob": {"dev"}}),
        (
            "dev: alice\nops: bob\ndev: carol\nops: alice",
            {"alice": {"dev", "ops"}, "bob": {"ops"}, "carol": {"dev"}},
        ),
        ("# dev: eve\n\n  # more\ndev: alice\r\nops: bob\r\n", {"alice": {"dev"}, "bob": {"ops"}}),
        ("dev: alice \\\n  bob\nops: carol", {"alice": {"dev"}, "bob": {"dev"}, "carol": {"ops"}}),
        ('dev: "alice liddell" bob', {"alice liddell": {"dev"}, "bob": {"dev"}}),
        ("dev:x:1000:alice,bob", {"alice": {"dev"}, "bob": {"dev"}}),
        ("dev:!::alice", {"alice": {"dev"}}),
        ("dev:x:1000:", {}),
        ("domain users:x:1000:alice", {"alice": {"domain users"}}),
        ("dev:x:1000:alice\ndev: bob", {"alice": {"dev"}, "bob": {"dev"}}),
        ("empty:", {}),
        ("", {}),
        ("\N{BYTE ORDER MARK}dev: zoë", {"zoë": {"dev"}}),
    ],
)
def test_both_kinds_of_group_files_are_read(text: str, groups: dict[str, set[str]]) -> None:
    assert parse(text.encode()) == {user: frozenset(names) for user, names in groups.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dev: alice\nops bob", "line 2: has no colon"),
        (b": alice", "line 1: has no group"),
        (b"\n#\n  :x:0:alice", "line 3: has no group"),
        (b"dev: alice, bob", "line 1: 'alice,' is no user name"),
        (b"dev:x:abc:alice", "line 1: 'x:abc:alice' is no user name"),
        (b"dev: alice\n\xff: bob", "line 2: is not UTF-8"),
        (b"dev: alice \\\n bob, carol", "line 1: 'bob,' is no user name"),
        (b"dev: alice\nops: bob \\", "line 2: ends with a backslash"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(content)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.text('ab:, \\"#\n', max_size=40).map(str.encode))
def test_whatever_is_in_a_file_gives_groups_or_an_error_on_one_line(content: bytes) -> None:
    try:
        found = parse(content)
    except ValueError as error:
        told = str(error)
    else:
        told = "line "
        assert all(user and groups and all(groups) for user, groups in found.items())
    assert told.startswith("line ")
    assert "\n" not in told


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "groups"
    path.write_text("dev: alice bob\n")
    groups = Groups(str(path))
    assert groups.groups_of("alice") == {"dev"}
    assert groups.groups_of("eve") == frozenset()
    replacement = tmp_path / "new"
    replacement.write_text("dev: bob\nops: alice\n")
    os.replace(replacement, path)
    time.sleep(LOOK_SECONDS)
    assert groups.groups_of("alice") == {"ops"}


def test_a_file_that_cannot_be_used_at_start_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match=r"^auth\.groupfile: .*nowhere"):
        Groups(str(tmp_path / "nowhere"))
    (tmp_path / "bad").write_text("dev alice\n")
    with pytest.raises(AuthError, match=r"^auth\.groupfile: .*bad: line 1"):
        Groups(str(tmp_path / "bad"))
