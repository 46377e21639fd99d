"""A lack is a skip, and a failure where nothing may be left out."""

from __future__ import annotations

import pytest

from tests.support import tools

ABSENT = "a-program-that-nobody-has"


def test_an_absent_program_skips_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tools.REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match=ABSENT):
        tools.require("sh", ABSENT)


def test_an_absent_program_fails_where_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tools.REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match=ABSENT):
        tools.require(ABSENT)


def test_programs_in_system_folders_are_found_without_them_on_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert tools.find("ldconfig") is not None
    tools.require("ldconfig")


def test_who_is_not_root_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tools.REQUIRE_ALL, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="root"):
        tools.require_root()
