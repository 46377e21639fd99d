"""Names, tags and upload ids: exactly their grammars, so that each is safe as a part of a path."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import NameInvalid, TagInvalid, UploadUnknown
from moorage.names import NAME_LIMIT, Name, Tag, UploadId

PART = st.text("abz019", min_size=1, max_size=4)
SEPARATOR = st.sampled_from([".", "_", "__", "-", "--", "---"])
COMPONENT = st.lists(st.tuples(PART, SEPARATOR), max_size=3).flatmap(
    lambda pairs: PART.map(lambda last: "".join(part + separator for part, separator in pairs) + last)
)
NAMES = st.lists(COMPONENT, min_size=1, max_size=5).map("/".join)
TAGS = st.from_regex(re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII), fullmatch=True)

BAD_NAMES = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "A",
    "a.",
    ".a",
    "a..b",
    "a___b",
    "a-",
    "-a",
    "a-/b",
    "a/-b",
    "_a",
    "a_",
]
BAD_NAMES += [
    "a b",
    "a\n",
    "\na",
    "a\0",
    "\u00e4",
    "\u0661",
    "a/../b",
    "..",
    ".",
    "a/./b",
    "a\\b",
    "a:b",
    "a@b",
    "a%2fb",
]
BAD_NAMES += ["a" * (NAME_LIMIT + 1), "_layers", "a/_uploads", "a\u2215b"]
BAD_TAGS = [
    "",
    ".",
    "..",
    ".a",
    "-a",
    "a/b",
    "a b",
    "a\n",
    "a:b",
    "a@b",
    "\u00e4",
    "\u0661",
    "a\0",
    "a" * 129,
    "a\\b",
    "a+b",
]


@given(NAMES)
def test_names_of_the_grammar_are_names(text: str) -> None:
    assert Name.parse(text) == text
    assert all(part[0] not in "._-" for part in text.split("/"))


@pytest.mark.parametrize("text", BAD_NAMES)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(NameInvalid) as refused:
        Name.parse(text)
    assert (refused.value.status, refused.value.code) == (400, "NAME_INVALID")


def test_a_name_may_have_255_characters() -> None:
    assert Name.parse("a" * NAME_LIMIT)


@given(TAGS)
def test_tags_of_the_grammar_are_tags(text: str) -> None:
    assert Tag.parse(text) == text


@pytest.mark.parametrize("text", BAD_TAGS)
def test_other_tags_are_refused(text: str) -> None:
    with pytest.raises(TagInvalid) as refused:
        Tag.parse(text)
    assert (refused.value.status, refused.value.code) == (400, "TAG_INVALID")


@given(st.text(max_size=20) | st.text("aA0._-/\n\0 %\\:", max_size=8))
def test_any_text_is_refused_or_safe_in_a_path(text: str) -> None:
    for kind, error in ((Name, NameInvalid), (Tag, TagInvalid), (UploadId, UploadUnknown)):
        try:
            kind.parse(text)
        except error:
            continue
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set("\\:% ")
        assert not {"", ".", ".."} & set(text.split("/"))
        assert kind is Name or "/" not in text


def test_a_new_upload_has_a_random_uuid() -> None:
    found = {UploadId.new() for _ in range(200)}
    assert len(found) == 200
    for text in found:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)
        assert UploadId.parse(text) == text


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\n", "a" * 129, "\u0661", " ", "a\0"])
def test_other_uploads_are_unknown(text: str) -> None:
    with pytest.raises(UploadUnknown):
        UploadId.parse(text)
