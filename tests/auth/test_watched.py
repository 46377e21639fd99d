import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.auth import watched
from moorage.auth.base import AuthError
from moorage.auth.kept import Kept
from moorage.auth.watched import Watched, name_of


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at each time they are asked for."""
    monkeypatch.setattr(watched, "LOOK_SECONDS", 0.0)


def text(content: bytes) -> str:
    return content.decode("ascii")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


def replaced(path: Path, content: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(content)
    new.rename(path)


def test_a_file_that_is_replaced_is_read_again(file: Path) -> None:
    found = Watched(str(file), "key", text)
    assert found.current() == "one"
    replaced(file, b"two")
    assert found.current() == "two"


def test_a_file_that_is_written_to_in_place_is_read_again_though_size_and_time_stay(file: Path) -> None:
    found = Watched(str(file), "key", text)
    before = file.stat()
    # Of two changes within a tick of the clock, many systems give both the same time.
    while file.stat().st_ctime_ns == before.st_ctime_ns:
        file.write_text("two")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found.current() == "two"


@pytest.mark.parametrize(("seconds_ago", "expected"), [(0.0, "two"), (10.0, "one")])
def test_while_a_change_is_so_young_that_another_may_have_its_time_the_bytes_are_compared(
    file: Path, monkeypatch: pytest.MonkeyPatch, seconds_ago: float, expected: str
) -> None:
    changed = int((time.time() - seconds_ago) * 1e9)
    coarse = (file.stat().st_ino, 3, changed, changed)
    monkeypatch.setattr(watched, "_state", lambda path: coarse)
    found = Watched(str(file), "key", text)
    file.write_text("two")
    assert found.current() == expected


def test_a_link_that_is_moved_to_another_folder_is_followed(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "data").symlink_to("first")
    found = Watched(str(tmp_path / "data" / "file"), "key", text)
    (tmp_path / "next").symlink_to("second")
    (tmp_path / "next").rename(tmp_path / "data")
    assert found.current() == "second"


@pytest.mark.parametrize("content", [b"\xff", None])
def test_what_a_broken_file_said_before_stays_in_force_and_the_log_says_so_once(
    file: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = Watched(str(file), "auth.some.path", text)
    if content is None:
        file.unlink()
    else:
        replaced(file, content)
    with caplog.at_level(logging.ERROR):
        assert [found.current(), found.current()] == ["one", "one"]
    (record,) = caplog.records
    assert vars(record)["key"] == "auth.some.path"
    assert vars(record)["path"] == str(file)
    replaced(file, b"mended")
    assert found.current() == "mended"


def test_who_starts_while_a_file_is_broken_goes_on_with_what_others_had_in_force(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept()
    first = Watched(str(file), "auth.some.path", text, kept)
    replaced(file, b"two")
    assert first.current() == "two"
    replaced(file, b"\xff")
    assert first.current() == "two"
    with caplog.at_level(logging.ERROR):
        caplog.clear()
        late = Watched(str(file), "auth.some.path", text, kept)
    assert late.current() == "two"
    (record,) = caplog.records
    assert vars(record)["key"] == "auth.some.path"
    replaced(file, b"mended")
    assert late.current() == "mended"


def test_who_was_not_asked_meanwhile_goes_on_with_what_others_had_in_force_and_not_with_what_was_before(
    file: Path,
) -> None:
    """A user who was removed would come in again by a worker that had nothing to do when that was said."""
    kept = Kept()
    idle, busy = (Watched(str(file), "key", text, kept) for _ in range(2))
    replaced(file, b"two")
    assert busy.current() == "two"
    replaced(file, b"\xff")
    assert idle.current() == "two"


def test_what_another_file_said_is_no_help_at_start(file: Path, tmp_path: Path) -> None:
    kept = Kept()
    Watched(str(file), "key", text, kept)
    with pytest.raises(AuthError):
        Watched(str(tmp_path / "missing"), "key", text, kept)


def test_what_a_process_wrote_by_half_is_nothing(file: Path) -> None:
    kept = Kept()
    kept.remember(str(file), b"one")
    os.ftruncate(kept._memory, 3)
    assert kept.recall(str(file)) is None
    kept.remember(str(file), b"two")
    assert kept.recall(str(file)) == b"two"


def test_processes_that_are_forked_later_share_what_is_kept_and_keep_each_others(file: Path) -> None:
    kept = Kept()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            kept.remember(str(number), b"x" * 100_000)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert [kept.recall(str(number)) for number in range(8)] == [b"x" * 100_000] * 8


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "nul\0"])
def test_what_is_no_file_at_start_is_told_with_its_key(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AuthError, match=r"auth\.some\.path: "):
        Watched(f"{tmp_path}/{name}", "auth.some.path", text)


def aged(path: Path, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the file look as if it had been changed that long ago."""
    found = path.stat()
    changed = time.time_ns() - int(seconds * 1e9)
    state = (found.st_ino, found.st_size, changed, changed)
    monkeypatch.setattr(watched, "_state", lambda path: state)


@pytest.fixture
def one_line(file: Path) -> Watched[str]:
    file.write_text("one\n")
    return Watched(str(file), "key", text, whole=watched.ends_with_a_line)


@pytest.mark.parametrize("half", [b"", b"o", b"one", b"one\n", b"one\ntw", b"one\ntwo"])
def test_a_file_that_is_being_written_in_place_is_not_in_force_before_it_is_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    file.write_text("one\ntwo\n")
    found = Watched(str(file), "key", text, whole=watched.ends_with_a_line)
    quiet, settled = (3600.0, 0.0) if half[-1:] == b"\n" else (0.0, 3600.0)
    monkeypatch.setattr(watched, "QUIET_SECONDS", quiet)
    monkeypatch.setattr(watched, "SETTLED_SECONDS", settled)
    monkeypatch.setattr(watched, "HELD_SECONDS", float("inf"))
    file.write_bytes(half)
    assert found.current() == "one\ntwo\n"
    assert found._held is not None
    # The next look comes when what is being written may be quiet.
    found._looked -= quiet
    assert found.current() == "one\ntwo\n"


@pytest.mark.parametrize(("content", "seconds"), [("one\nthree\n", 0.2), ("one\nthree", 1.1), ("", 1.1)])
def test_what_is_quiet_and_whole_is_in_force_at_the_first_look_and_what_is_not_whole_after_a_second(
    file: Path, monkeypatch: pytest.MonkeyPatch, content: str, seconds: float
) -> None:
    found = Watched(str(file), "key", text, whole=watched.ends_with_a_line)
    file.write_text(content)
    aged(file, seconds, monkeypatch)
    assert found.current() == content


def test_a_file_that_changes_while_it_is_read_is_read_again(
    file: Path, one_line: Watched[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "QUIET_SECONDS", 0.0)
    read, halves = watched._read, [b"two\n", b"two\nthree\n"]

    def reading(path: str) -> bytes:
        content = read(path)
        if halves:
            file.write_bytes(halves.pop(0))
        return content

    file.write_text("")
    monkeypatch.setattr(watched, "_read", reading)
    assert [one_line.current() for _ in range(3)] == ["one\n", "one\n", "two\nthree\n"]


def test_a_file_that_never_stops_changing_is_held_back_for_a_while_only(
    file: Path, one_line: Watched[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(watched, "SETTLED_SECONDS", 3600.0)
    file.write_text("two")
    assert one_line.current() == "one\n"
    assert one_line._held is not None
    one_line._held -= watched.HELD_SECONDS
    time.sleep(0.02)
    assert one_line.current() == "two"


def test_what_was_held_back_long_ago_does_not_let_half_of_the_next_change_in(
    file: Path, one_line: Watched[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "SETTLED_SECONDS", 3600.0)
    file.write_text("two")
    assert one_line.current() == "one\n"
    assert one_line._held is not None
    one_line._held -= 2 * watched.HELD_SECONDS
    one_line._looked -= 2 * watched.HELD_SECONDS
    file.write_text("thr")
    assert one_line.current() == "one\n"


def test_a_worker_that_starts_while_a_file_is_written_goes_on_with_what_was_in_force(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    file.write_text("one\ntwo\n")
    Watched(str(file), "key", text, kept, whole=watched.ends_with_a_line)
    monkeypatch.setattr(watched, "QUIET_SECONDS", 3600.0)
    file.write_text("one\n")
    late = Watched(str(file), "key", text, kept, whole=watched.ends_with_a_line)
    assert late.current() == "one\ntwo\n"
    late._looked = float("-inf")
    aged(file, 7200, monkeypatch)
    assert late.current() == "one\n"


class OthersChange(Kept):
    """Other workers take the content into force when this one has recalled what was before."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._next = content

    def recall(self, name: str) -> bytes | None:
        before = super().recall(name)
        self.remember(name, self._next)
        return before


def test_a_worker_that_starts_while_others_take_a_change_into_force_follows_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = OthersChange(b"two\n")
    kept.remember(name_of(str(file), "key"), b"one\n")
    file.write_text("two\n")
    monkeypatch.setattr(watched, "QUIET_SECONDS", 3600.0)
    late = Watched(str(file), "key", text, kept, whole=watched.ends_with_a_line)
    assert late.current() == "one\n"
    monkeypatch.setattr(watched, "QUIET_SECONDS", 0.0)
    assert late.current() == "two\n"


@contextlib.contextmanager
def stopped_in_its_turn(kept: Kept) -> Iterator[None]:
    """Another process has its turn and does not go on."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        # Whatever happens, it does not go on with the tests.
        try:
            with kept.turn():
                os.write(told, b"x")
                signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    said = os.read(ready, 1)
    os.close(ready)
    os.kill(child, signal.SIGSTOP)
    try:
        assert said == b"x", "it ended before its turn"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_shares_a_file_with_a_process_that_was_stopped_goes_on_and_keeps_what_it_read_later(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("moorage.auth.kept.PATIENCE_SECONDS", 0.05)
    kept = Kept()
    found = Watched(str(file), "key", text, kept)
    with stopped_in_its_turn(kept):
        replaced(file, b"two")
        assert found.current() == "two"
        assert Watched(str(file), "key", text, kept).current() == "two"
        replaced(file, b"\xff")
        assert found.current() == "two", "what the others had before is older"
        replaced(file, b"three")
        assert found.current() == "three"
    assert sum("was it stopped" in record.getMessage() for record in caplog.records) == 1
    assert kept.recall("key " + str(file)) == b"one"
    assert found.current() == "three"
    assert kept.recall("key " + str(file)) == b"three"


def test_what_was_read_beside_a_process_that_was_stopped_is_parsed_once_and_kept_when_that_has_ended(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("moorage.auth.kept.PATIENCE_SECONDS", 0.05)
    kept, parsed = Kept(), []

    def parse(content: bytes) -> str:
        parsed.append(content)
        return text(content)

    found = Watched(str(file), "key", parse, kept)
    with caplog.at_level(logging.INFO), stopped_in_its_turn(kept):
        replaced(file, b"two")
        assert [found.current() for _ in range(5)] == ["two"] * 5
        replaced(file, b"\xff")
        assert [found.current() for _ in range(5)] == ["two"] * 5
        replaced(file, b"three")
        assert [found.current() for _ in range(5)] == ["three"] * 5
    assert found.current() == "three"
    assert parsed == [b"one", b"two", b"\xff", b"three"]
    told = [record.getMessage() for record in caplog.records if record.name == watched.__name__]
    assert [message.partition(",")[0] for message in told] == [
        "a changed file is in force",
        "a changed file cannot be used",
        "a changed file is in force",
    ]
    replaced(file, b"\xff")
    assert Watched(str(file), "key", text, kept).current() == "three"
