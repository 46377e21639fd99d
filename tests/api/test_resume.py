"""The signed state of an upload: believed whole, or not at all."""

from __future__ import annotations

import base64
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.api.resume import Beginning, Known, State, States, signing_key
from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import UploadInvalid
from moorage.names import Name, UploadId
from moorage.store.hashing import Progress
from moorage.wire import encode

STATES = States(b"k" * 32)
UPLOAD = UploadId.new()
NAME = Name("team/app")
PROGRESS = Progress(77, "", {"sha256": Digest.of(b"x"), "sha512": Digest.of(b"x", "sha512")})
BEGINNING = Beginning("ann", 1_700_000_000.5)
SIGNED = STATES.sign(NAME, UPLOAD, PROGRESS, ["sha256", "sha512"], BEGINNING)

TEXT = st.text(max_size=8)
STATE = st.builds(
    State, TEXT, TEXT, TEXT, st.integers(), st.lists(TEXT, max_size=3), st.dictionaries(TEXT, TEXT, max_size=3), TEXT, TEXT, TEXT, st.floats(0, 1e12)
)  # fmt: skip


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_state_is_read_back() -> None:
    assert STATES.verify(SIGNED, NAME, UPLOAD) == Known(PROGRESS, ["sha256", "sha512"], BEGINNING)


@given(position=st.integers(0, len(SIGNED) - 1), other=st.characters(min_codepoint=32, max_codepoint=300))
def test_a_changed_character_is_refused(position: int, other: str) -> None:
    """Unless both spell the same bytes: the last character has bits to spare."""
    changed = SIGNED[:position] + other + SIGNED[position + 1 :]
    try:
        STATES.verify(changed, NAME, UPLOAD)
    except UploadInvalid:
        return
    assert raw(changed) == raw(SIGNED)


@given(data=st.binary(max_size=300), flip=st.integers(0, 8 * len(raw(SIGNED)) - 1))
def test_changed_bytes_are_refused(data: bytes, flip: int) -> None:
    whole = bytearray(raw(SIGNED))
    whole[flip // 8] ^= 1 << flip % 8
    for bad in (
        bytes(whole),
        raw(SIGNED) + data[:1],
        raw(SIGNED)[: len(data)],
        data,
        raw(SIGNED)[:32] + data,
    ):
        if bad == raw(SIGNED):
            continue
        with pytest.raises(UploadInvalid):
            STATES.verify(base64.urlsafe_b64encode(bad).decode().rstrip("="), NAME, UPLOAD)


@given(text=st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(UploadInvalid):
        STATES.verify(text, NAME, UPLOAD)


@pytest.mark.parametrize("text", ["A" * 5_000, "\u00e9" * 10, "=" * 8, ""])
def test_odd_texts_are_refused(text: str) -> None:
    with pytest.raises(UploadInvalid):
        STATES.verify(text, NAME, UPLOAD)


def test_a_state_of_another_session_is_refused() -> None:
    for name, upload in ((Name("team/apps"), UPLOAD), (NAME, UploadId.new())):
        with pytest.raises(UploadInvalid):
            STATES.verify(SIGNED, name, upload)
    with pytest.raises(UploadInvalid):
        States(b"other" * 8).verify(SIGNED, NAME, UPLOAD)


@given(one=STATE, other=STATE)
def test_no_two_states_share_the_bytes_that_are_signed(one: State, other: State) -> None:
    assert (encode(one) == encode(other)) == (one == other)


def test_digests_of_another_run_of_the_machine_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut the file may lack what was hashed."""
    monkeypatch.setattr("moorage.api.resume._boot", lambda: "another run")
    known = States(b"k" * 32).verify(SIGNED, NAME, UPLOAD)
    assert known == Known(Progress(77), ["sha256", "sha512"], BEGINNING)


def test_a_state_that_another_registry_signed_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 100.0
    other = States(b"other" * 8, clock=lambda: now)

    def refuse(text: str, name: Name = NAME) -> list[str]:
        with pytest.raises(UploadInvalid, match="not signed by this registry"):
            other.verify(text, name, UPLOAD)
        return [record.message for record in caplog.records]

    told = "an upload's state was signed by another registry: have all replicas the same http.secret, bucket and rootdirectory?"
    assert [refuse(SIGNED) for _ in range(3)][-1] == [told]
    assert caplog.records[0].levelname == "WARNING"
    assert (vars(caplog.records[0])["repository"], vars(caplog.records[0])["upload"]) == (NAME, UPLOAD)
    now += 59
    assert refuse(SIGNED) == [told]
    now += 1
    assert refuse(SIGNED) == [told, told]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"garbage",
        b"[]",
        raw(SIGNED)[32:-1],
        raw(SIGNED)[32:].replace(b"moorage upload 2", b"moorage upload 1"),
    ],
)
def test_what_has_not_the_form_of_a_state_or_is_of_another_upload_is_refused_in_silence(
    payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    text = base64.urlsafe_b64encode(b"x" * 32 + payload).decode().rstrip("=")
    for state, name in ((text, NAME), (SIGNED, Name("team/apps"))):
        with pytest.raises(UploadInvalid):
            States(b"other" * 8).verify(state, name, UPLOAD)
    assert caplog.records == []


async def test_the_key_comes_from_the_secret_or_is_kept_in_the_storage() -> None:
    driver = InMemoryDriver()
    kept = await signing_key("", driver)
    assert await signing_key("", driver) == kept
    assert await signing_key("secret", driver) == await signing_key("secret", InMemoryDriver())
    assert len({kept, await signing_key("secret", driver), await signing_key("", InMemoryDriver())}) == 3
