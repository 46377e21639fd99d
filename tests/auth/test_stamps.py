from __future__ import annotations

from moorage.auth.stamps import Stamps, new_id, stamp_in


def test_stamps_hold_for_their_user_and_their_password_only() -> None:
    passwords = {"alice": "1", "bob": "1"}
    stamps = Stamps(passwords.get)
    alices, bobs, anybodys = (new_id(stamps.of(user)) for user in ("alice", "bob", ""))
    assert [stamps.holds("alice", token) for token in (alices, bobs, anybodys)] == [True, False, False]
    assert stamps.holds("", anybodys)
    assert not stamps.holds("", alices)
    assert not stamps.holds("alice", alices.partition(".")[0])
    assert not stamps.holds("alice", "")
    passwords["alice"] = "2"
    assert not stamps.holds("alice", alices)
    passwords["alice"] = "1"
    assert stamps.holds("alice", alices)
    del passwords["alice"]
    assert not stamps.holds("alice", alices)
    assert stamps.holds("carol", new_id(stamps.of("carol")))


def test_an_id_has_the_stamp_in_it_and_nothing_that_tells_what_it_was_made_of() -> None:
    stamps = Stamps(lambda _: "$2y$10$the.hash.of.a.password")
    made = new_id(stamps.of("alice"))
    assert stamp_in(made) == stamps.of("alice") != stamps.of("bob")
    assert "hash" not in made
    assert made != new_id(stamps.of("alice"))
    assert stamp_in(new_id("")) == stamp_in("") == stamp_in("x") == ""
