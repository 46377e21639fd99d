from __future__ import annotations

import logging
import os
import random
import re
import time
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import AuthError
from moorage.auth.kept import Kept
from moorage.auth.passwords import PasswordFile, Passwords, parse, significant
from tests.auth.hashing import Counted, line, quick, quick_line

DOTS = "." * 22
OF_X = "8QPuF36SqwZ1d9QO3taNcRXHOtLxpvS"
"""What bcrypt makes of `x` with cost 4 and a salt of dots."""


def mixed(hashing: Counted) -> Passwords:
    content = line("low", "pl", 4) + line("middle", "pm", 6) + line("high", "ph", 8)
    return parse(content.encode(), hashing)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(record).get("lines", record.getMessage())) for record in caplog.records]


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
def test_bcrypt_lines_count(version: str) -> None:
    passwords = parse(f"alice:${version}$04${DOTS}{OF_X}\n".encode())
    assert passwords.check("alice", "x")
    for user, password in [
        ("alice", "y"),
        ("alice", ""),
        ("Alice", "x"),
        ("", "x"),
        ("bob", "x"),
        ("alice ", "x"),
    ]:
        assert not passwords.check(user, password)
    assert passwords.ignored == {}


def test_a_line_of_apaches_htpasswd_counts() -> None:
    passwords = parse(b"bob:$2y$05$ERlJm/32UZJ35MHg8GeHCOd.ua/SphZc.lf.nXBjsquTSRXZfb2KO\n\n")
    assert passwords.check("bob", "pw")


def test_comments_blanks_and_line_ends_of_other_systems_do_not_matter() -> None:
    content = f"\ufeff# alice:nothing\r\n\r\n  \t\r\n  alice:$2b$04${DOTS}{OF_X} \r\n\t#bob:x\r\nb:$2b$04${DOTS}{OF_X}"
    passwords = parse(content.encode())
    assert set(passwords.users) == {"alice", "b"}
    assert passwords.ignored == {}
    assert passwords.check("alice", "x")


@pytest.mark.parametrize("remark", [":Alice of the team", " # of the team", "\té"])
def test_a_remark_may_follow_the_hash(remark: str) -> None:
    assert parse(f"alice:$2b$04${DOTS}{OF_X}{remark}".encode()).check("alice", "x")


@pytest.mark.parametrize(
    ("ignored", "kind"),
    [
        (b"$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "MD5"),
        (b"{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "SHA-1"),
        (b"$5$salt$hash", "SHA-256"),
        (b"$6$salt$hash", "SHA-512"),
        (b"plain text", "not bcrypt"),
        (b"rqXexS6ZhobKA", "not bcrypt"),
        (b"", "not bcrypt"),
        (b"\xff\xfe", "not bcrypt"),
        (f"$2$04${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2x$04${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$4${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$03${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$00${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$04${DOTS}{OF_X}"[:-1].encode(), "damaged bcrypt"),
        (f"$2b$04${DOTS}{OF_X}bob:$2b$04${DOTS}{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$04${DOTS[1:]}é{OF_X}".encode(), "damaged bcrypt"),
        (f"$2b$18${DOTS}{OF_X}".encode(), "bcrypt with a cost above 17"),
        (f"$2b$31${DOTS}{OF_X}".encode(), "bcrypt with a cost above 17"),
        (f"$2b$99${DOTS}{OF_X}".encode(), "bcrypt with a cost above 17"),
    ],
)
def test_other_lines_are_ignored_and_the_rest_counts(ignored: bytes, kind: str) -> None:
    passwords = parse(line("alice", "x").encode() + b"bob:" + ignored + b"\n" + line("carol", "x").encode())
    assert set(passwords.users) == {"alice", "carol"}
    assert passwords.ignored == {kind: [2]}
    assert passwords.highest == 4
    assert not passwords.check("bob", "x")


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (b"no colon", "no colon"),
        (b"$2b$04$", "no colon"),
        (f":$2b$04${DOTS}{OF_X}".encode(), "no user"),
        (f"b\xf6b:$2b$04${DOTS}{OF_X}".encode("latin-1"), "not UTF-8"),
        (b"\0\0\xff\xff", "no colon"),
    ],
)
def test_lines_of_nobody_are_ignored(broken: bytes, kind: str) -> None:
    passwords = parse(broken + b"\n" + line("alice", "x").encode())
    assert set(passwords.users) == {"alice"}
    assert passwords.ignored == {kind: [1]}


def test_the_last_line_of_a_user_counts() -> None:
    content = line("alice", "old") + line("bob", "x") + line("alice", "new")
    passwords = parse(content.encode())
    assert passwords.check("alice", "new")
    assert not passwords.check("alice", "old")
    assert passwords.ignored == {"another line of the user follows": [1]}


def test_the_last_line_of_a_user_counts_also_if_it_gives_no_access() -> None:
    content = line("alice", "old") + line("bob", "x") + "alice:!locked\n"
    passwords = parse(content.encode())
    assert not passwords.check("alice", "old")
    assert not passwords.check("alice", "!locked")
    assert passwords.ignored == {"another line of the user follows": [1], "not bcrypt": [3]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"# alice\n",
        b"alice:{SHA}x\n",
        f"alice:$2b$31${DOTS}{OF_X}".encode(),
        b"\xff" * 100,
        b"\0",
    ],
)
def test_a_file_that_lets_nobody_in_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="nobody could sign in"):
        parse(content)


def test_passwords_are_cut_after_72_bytes_as_go_does() -> None:
    """Of Go's own: 72 times `a`, and 36 times `é`, which has two bytes."""
    content = b"""a:$2a$04$vz66dJmpo/Yx8wL6uvp0gukMvTCxYX5oZs3g9RfaXH9gC.au8BWl2
e:$2a$04$fN4FrENcQqHxQbLZGeAuPecaEJvNF.oR1ovdHxGoygGtzj42MwTi.
"""
    passwords = parse(content)
    assert [passwords.check("a", "a" * length) for length in (71, 72, 73, 100, 10_000)] == [False] + [
        True
    ] * 4
    assert passwords.check("e", "é" * 36 + "x")
    assert passwords.check("e", "é" * 300)
    assert not passwords.check("e", "é" * 35 + "e")
    assert not parse(line("a", "b" * 72).encode()).check("a", "b" * 71 + "é")


@pytest.mark.parametrize("password", ["", "a", "é" * 36, "é" * 35 + "e", "a" * 71 + "é", "\ud800" * 30])
@pytest.mark.parametrize("more", ["", "x", "é", "y" * 500])
def test_what_counts_of_a_password_is_the_same_for_those_that_bcrypt_takes_for_the_same(
    password: str, more: str
) -> None:
    one, other = (text.encode("utf-8", "surrogatepass")[:72] for text in (password, password + more))
    assert (significant(password) == significant(password + more)) is (one == other)


@pytest.mark.parametrize(
    ("last", "right"), [(".", True), ("/", True), ("M", True), ("O", False), ("9", False)]
)
def test_bits_of_the_salt_that_belong_to_no_byte_do_not_matter_as_in_go(last: str, right: bool) -> None:
    passwords = parse(f"alice:$2b$04${DOTS[:-1]}{last}{OF_X}".encode())
    assert passwords.check("alice", "x") is right
    assert not passwords.check("alice", "y")


@pytest.mark.parametrize("user", ["low", "middle", "high", "nobody"])
@pytest.mark.parametrize("password", ["wrong", "", "w" * 100, "pl\0", "\0", "\ud800"])
def test_whatever_is_wrong_is_as_much_work_as_the_highest_cost(user: str, password: str) -> None:
    hashing = Counted()
    assert not mixed(hashing).check(user, password)
    assert hashing.rounds == 1 << 8


def test_what_is_right_costs_what_its_line_says() -> None:
    hashing = Counted()
    passwords = mixed(hashing)
    assert passwords.check("low", "pl")
    assert passwords.check("middle", "pm")
    assert passwords.check("high", "ph")
    assert hashing.costs == [4, 6, 8]


def test_lines_that_do_not_count_do_not_make_wrong_passwords_slower() -> None:
    hashing = Counted()
    content = line("alice", "x", 8) + line("alice", "x", 4) + f"bob:$2b$30${DOTS}{OF_X}"
    assert not parse(content.encode(), hashing).check("bob", "x")
    assert hashing.costs == [4]


def test_a_nul_is_never_part_of_a_password() -> None:
    hashed = bcrypt.hashpw(b"x\0y", bcrypt.gensalt(4)).decode()
    passwords = parse(f"alice:{hashed}\n".encode() + line("bob", "x").encode())
    assert not passwords.check("alice", "x\0y")
    assert not passwords.check("bob", "x\0")
    assert not passwords.check("bob", "x\0y")


def test_one_warning_has_the_numbers_of_lines_but_nothing_of_what_they_say(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "htpasswd"
    secret = "".join(f"user{number}:canary{number}\n" for number in range(30))
    file.write_text(line("alice", "x") + "canary\n" + "bob:{SHA}canary\n" + secret)
    caplog.set_level(logging.DEBUG)
    PasswordFile(str(file))
    assert logged(caplog) == [
        "2 (no colon); 3 (SHA-1); 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 20 more (not bcrypt)"
    ]
    assert caplog.records[0].levelno == logging.WARNING
    assert "canary" not in str([vars(record) for record in caplog.records])


def test_what_is_wrong_with_a_file_is_told_by_one_of_the_workers_and_again_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, kept = tmp_path / "htpasswd", Kept()
    file.write_text(line("alice", "x") + "canary\n")
    for _ in range(3):
        PasswordFile(str(file), kept=kept)
    assert logged(caplog) == ["2 (no colon)"]
    file.write_text("canary\n" + line("alice", "x"))
    end = time.monotonic() + 30
    # At first somebody may still be writing it.
    while len(logged(caplog)) < 2 and time.monotonic() < end:
        PasswordFile(str(file), kept=kept)
    PasswordFile(str(file), kept=kept)
    assert logged(caplog) == ["2 (no colon)", "1 (no colon)"]


def test_a_good_file_is_read_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "htpasswd"
    file.write_text("# people\n" + line("alice", "x"))
    caplog.set_level(logging.DEBUG)
    found = PasswordFile(str(file))
    assert found.current().check("alice", "x")
    assert not found.current().check("alice", "y")
    assert not caplog.records


def test_hashes_are_not_shown() -> None:
    passwords = parse(f"alice:$2b$04${DOTS}{OF_X}".encode())
    for text in (repr(passwords), repr(passwords.users["alice"]), repr(passwords.users)):
        assert OF_X not in text
        assert DOTS not in text


@pytest.mark.parametrize("what", ["missing", "folder", "unreadable", "empty", "only others"])
def test_a_file_that_cannot_be_used_at_start_is_an_error_that_tells_what_to_do(
    tmp_path: Path, what: str
) -> None:
    file = tmp_path / "htpasswd"
    if what == "folder":
        file.mkdir()
    elif what == "unreadable":
        file.symlink_to(file)
    elif what != "missing":
        file.write_text("bob:{SHA}canary\n" if what == "only others" else "")
    with pytest.raises(AuthError) as caught:
        PasswordFile(str(file))
    text = str(caught.value)
    assert text.startswith(f"auth.htpasswd.path: {file}: ")
    assert "moorage htpasswd USER" in text
    assert "\n" not in text
    assert "canary" not in text


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match=r"No such file"):
        PasswordFile(str(tmp_path / "folder" / "htpasswd"), "auth.x")
    assert not os.listdir(tmp_path)


@settings(max_examples=300)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_file_or_refused(content: bytes) -> None:
    try:
        passwords = parse(content, quick)
    except ValueError:
        return
    assert passwords.users


@pytest.mark.parametrize("inputs", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_a_broken_file_never_lets_in_whom_it_does_not_name_with_that_password(inputs: int) -> None:
    chance = random.Random(11)
    people = {"alice": "one", "bob": "two", "carol": "three"}
    whole = "".join(quick_line(user, password) for user, password in people.items()).encode()
    let_in = refused = 0
    for _ in range(inputs):
        content = broken(whole, chance)
        try:
            passwords = parse(content, quick)
        except ValueError:
            refused += 1
            continue
        for user, password in people.items():
            if passwords.check(user, password):
                let_in += 1
                end = re.escape(quick_line(user, password).strip()[-31:])
                whole_line = rf"(?:^|\n)[\s\xef\xbb\xbf]*{user}:\$2[aby]\$04\$\.{{21}}[./A-N]{end}"
                assert re.search(whole_line.encode(), content)
            assert not passwords.check(user, password + "x")
            assert not passwords.check(user + "x", password)
        for user in passwords.users:
            hashed = passwords.hashed(user)
            assert user.encode() + b":" + hashed in content
    assert let_in > inputs // 5
    assert refused > 0


def broken(whole: bytes, chance: random.Random) -> bytes:
    """One to twelve changes of single bytes, or lost or doubled pieces; sometimes the middle of a write."""
    content = bytearray(whole)
    for _ in range(chance.randint(1, 12)):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice([1, 2, 30, 70]))
        match chance.randrange(4):
            case 0:
                content[start:end] = b""
            case 1:
                content[start:start] = content[start:end]
            case 2:
                content[start:start] = bytes([chance.randrange(256)])
            case _:
                content[start : start + 1] = bytes([chance.choice(b":$\n\r#./2b\0\xff ")])
    return bytes(content[: chance.choice([len(content), chance.randrange(len(content) + 1)])])
