from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.basic import LONGEST, parse
from tests.auth.hashing import header

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
USERS = NAMES.filter(lambda name: ":" not in name)


def encoded(raw: bytes) -> str:
    return "Basic " + base64.b64encode(raw).decode()


def test_a_user_and_a_password_are_found() -> None:
    login = parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    assert login is not None
    assert (login.user, login.password) == ("Aladdin", "open sesame")


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc", "Basic ", "Basic   "])
def test_the_scheme_may_be_written_in_any_way(scheme: str) -> None:
    login = parse(f"{scheme} YTpi")
    assert login is not None
    assert (login.user, login.password) == ("a", "b")


@pytest.mark.parametrize(
    "other",
    [
        "",
        "Basic\tYTpi",
        "Bearer YTpi",
        "Digest username=a",
        "Basics YTpi",
        "YTpi",
        " Basic YTpi",
        "Bearer " + "a" * LONGEST,
    ],
)
def test_without_basic_credentials_there_are_none(other: str) -> None:
    assert parse(other) is None


@given(user=USERS, password=st.one_of(st.just(""), NAMES))
def test_what_a_client_encodes_is_found_again(user: str, password: str) -> None:
    login = parse(header(user, password))
    assert login is not None
    assert (login.user, login.password) == (user, password)


def test_only_the_first_colon_divides() -> None:
    login = parse(header("a", "b:c::d"))
    assert login is not None
    assert (login.user, login.password) == ("a", "b:c::d")


@pytest.mark.parametrize(
    "wrong",
    [
        "Basic",
        "Basic ",
        "Basic YTpi=",
        "Basic YTpiYw",
        "Basic YTpiYx==",
        "Basic YT pi",
        "Basic YTpi\n",
        "Basic YTpi, Bearer YTpi",
        "Basic =YTpi",
        "Basic YTpiYw==YTpiYw==",
        "Basic YTp-_w==",
        "Basic é",
        "Basic \udcff",
        encoded(b"nocolon"),
        encoded(b""),
        encoded(b":password"),
        encoded(b"a\xff:b"),
        encoded("é:b".encode("latin-1")),
        encoded("a:b".encode("utf-16")),
        encoded(b"a:\xed\xa0\x80"),
        encoded(b"a\0:b"),
        encoded(b"a:b\0"),
        encoded(b"a:b\n"),
        encoded(b"a\x7f:b"),
        encoded("a:\x85".encode()),
        encoded(b"a:" + b"b" * LONGEST),
    ],
)
def test_malformed_credentials_are_refused_without_being_quoted(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^the (header|credentials) ") as caught:
        parse(wrong)
    assert type(caught.value) is ValueError
    assert caught.value.__cause__ is None
    quoted = wrong.removeprefix("Basic").strip()
    assert not quoted or quoted not in str(caught.value)


def test_the_longest_header_is_read_and_a_longer_one_refused() -> None:
    password = "b" * ((LONGEST - len("Basic ")) // 4 * 3 - len("a:"))
    longest = header("a", password)
    assert LONGEST - 4 < len(longest) <= LONGEST
    login = parse(longest)
    assert login is not None
    assert login.password == password
    with pytest.raises(ValueError, match="too long"):
        parse(header("a", password + "bbb"))


def test_a_password_is_not_shown() -> None:
    assert "sesame" not in repr(parse(header("a", "sesame")))


@settings(max_examples=300)
@given(rest=st.text(max_size=60))
def test_any_text_is_credentials_none_or_refused(rest: str) -> None:
    try:
        login = parse(f"Basic {rest}")
    except ValueError:
        return
    assert login is not None
    assert header(login.user, login.password) == f"Basic {rest.strip(' ')}"


@pytest.mark.parametrize("inputs", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_broken_headers_are_never_other_credentials(inputs: int) -> None:
    """What is accepted says what the same base64 says to a second reader."""
    chance = random.Random(7)
    right = header("alice", "correct horse")
    accepted = 0
    for _ in range(inputs):
        text = broken(right, chance)
        try:
            login = parse(text)
        except ValueError:
            continue
        if login is None:
            assert not text.lower().startswith("basic ")
            continue
        accepted += 1
        raw = base64.b64decode(text[len("Basic ") :].strip(" "), validate=True)
        assert raw == f"{login.user}:{login.password}".encode()
    assert accepted > inputs // 20, "hardly anything was accepted, so hardly anything was compared"


def broken(text: str, chance: random.Random) -> str:
    """One to four changes of single characters, or of single bytes below the base64."""
    changed = list(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[place] = chr(chance.choice([chance.randrange(128), chance.randrange(0x11000)]))
            case 1:
                changed.insert(place, chance.choice("=+/A \n\0é"))
            case 2 if len(changed) > 1:
                del changed[place]
            case _:
                raw = bytearray(b"alice:correct horse")
                raw[chance.randrange(len(raw))] = chance.randrange(256)
                changed = list(encoded(bytes(raw)))
    return "".join(changed)
