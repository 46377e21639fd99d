"""What every storage driver has to keep, as checks that any driver can be held to.

A test module makes a fresh driver for each entry of `PROMISES` and awaits it. A driver, or a wrapper around one,
that passes them all can be put under the registry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from moorage.drivers.base import Driver, InvalidPath, Obstructed, PathNotFound
from tests.contracts import begun, notes, removals, streams
from tests.contracts.streams import LARGE, append, content

Promise = Callable[[Driver], Awaitable[None]]

LEGAL = "/abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/0123456789/._-/a..b/-x/_y/.z/data"


# Whole files


async def what_is_written_is_read(driver: Driver) -> None:
    await driver.write([("/a/b/c", b"hello")])
    assert await content(driver, "/a/b/c") == b"hello"


async def an_empty_file_is_a_file(driver: Driver) -> None:
    await driver.write([("/a/empty", b"")])
    assert await content(driver, "/a/empty") == b""
    assert await driver.children("/a") == ["empty"]


async def a_large_file_is_read_whole(driver: Driver) -> None:
    await driver.write([("/a/large", LARGE)])
    assert await content(driver, "/a/large") == LARGE


async def writing_replaces_what_was_there(driver: Driver) -> None:
    await driver.write([("/a", LARGE)])
    await driver.write([("/a", b"short")])
    assert await content(driver, "/a") == b"short"


async def several_files_are_written_at_once(driver: Driver) -> None:
    files = [(f"/many/{number:02}/file", b"%d" % number) for number in range(40)]
    await driver.write(files)
    for path, data in files:
        assert await driver.read(path) == data


async def the_last_write_to_a_path_wins(driver: Driver) -> None:
    await driver.write([("/a/b", b"first"), ("/a/b", b"second")])
    assert await driver.read("/a/b") == b"second"


async def files_appear_in_the_order_given(driver: Driver) -> None:
    """Whoever sees the last one finds the others. Over a network only stages have an order."""
    for round_number in range(20):
        text = b"%d" % round_number
        paths = [f"/order/{name}" for name in "abcde"]
        writing = asyncio.ensure_future(driver.write([(path, text) for path in paths]))
        while not writing.done():
            try:
                last = await driver.read(paths[-1])
            except PathNotFound:
                last = b""
            if last == text:
                assert [await driver.read(path) for path in paths] == [text] * 5
            await asyncio.sleep(0)
        await writing


async def a_later_stage_is_seen_after_the_earlier_ones(driver: Driver) -> None:
    for round_number in range(20):
        text = b"%d" % round_number
        first, second, last = [("/s/a", text), ("/s/b", text)], [("/s/c", text)], [("/s/d", text)]
        writing = asyncio.ensure_future(driver.write(first, second, last))
        while not writing.done():
            for path, earlier in (("/s/d", "abc"), ("/s/c", "ab")):
                try:
                    seen = await driver.read(path)
                except PathNotFound:
                    continue
                if seen == text:
                    assert [await driver.read(f"/s/{name}") for name in earlier] == [text] * len(earlier)
            await asyncio.sleep(0)
        await writing
        assert [await driver.read(f"/s/{name}") for name in "abcd"] == [text] * 4


async def a_stage_may_be_empty(driver: Driver) -> None:
    await driver.write()
    await driver.write([], [])
    await driver.write([], [("/a/b", b"1")], [], [("/a/c", b"2")])
    assert await driver.children("/a") == ["b", "c"]


async def stages_go_on_where_some_files_are_the_same(driver: Driver) -> None:
    await driver.write([("/a", b"same"), ("/b", b"old")])
    await driver.write([("/a", b"same")], [("/b", b"new"), ("/a", b"same")], [("/c", b"fresh")])
    assert [await driver.read(path) for path in ("/a", "/b", "/c")] == [b"same", b"new", b"fresh"]


async def the_time_of_a_file_is_that_of_its_last_write(driver: Driver) -> None:
    await driver.write([("/a", b"same"), ("/b", b"other")])
    before = await driver.stat("/a")
    await asyncio.sleep(0.02)
    await driver.write([("/a", b"same"), ("/b", b"changed")])
    assert (await driver.stat("/a")).modified > before.modified
    assert await driver.read("/b") == b"changed"


async def a_reader_sees_one_of_the_versions(driver: Driver) -> None:
    versions = [bytes([number]) * 30_000 for number in range(2)]
    await driver.write([("/v", versions[0])])

    async def overwrite() -> None:
        for number in range(60):
            await driver.write([("/v", versions[number % 2])])

    writing = asyncio.ensure_future(overwrite())
    while not writing.done():
        assert await driver.read("/v") in versions
        await asyncio.sleep(0)
    await writing


async def writers_of_one_path_at_once_leave_one_of_their_files(driver: Driver) -> None:
    versions = [bytes([number]) * 5_000 for number in range(16)]
    await asyncio.gather(*(driver.write([("/x/y", version)]) for version in versions))
    assert await content(driver, "/x/y") in versions
    assert await driver.children("/x") == ["y"]


async def a_touched_file_is_read(driver: Driver) -> None:
    await driver.write([("/u/startedat", b"long ago")])
    assert await content(driver, "/u/startedat") == b"long ago"
    await driver.begin("/u/startedat", b"now", "/u/data")
    assert await content(driver, "/u/startedat") == b"now"


# Paths


async def every_legal_character_may_stand_in_a_path(driver: Driver) -> None:
    await driver.write([(LEGAL, b"found")])
    assert await content(driver, LEGAL) == b"found"
    assert await driver.children(LEGAL.rpartition("/")[0]) == ["data"]


async def case_matters(driver: Driver) -> None:
    await driver.write([("/t/Latest", b"upper"), ("/t/latest", b"lower")])
    assert await driver.read("/t/Latest") == b"upper"
    assert await driver.children("/t") == ["Latest", "latest"]


async def a_name_of_255_characters_is_kept(driver: Driver) -> None:
    path = "/" + "n" * 255
    await driver.write([(path, b"long")])
    assert await content(driver, path) == b"long"


async def a_name_too_long_is_refused_by_name(driver: Driver) -> None:
    """Or taken, by a store without such a limit; but never any other error."""
    path = "/a/" + "n" * 5_000 + "/b"
    for action in (driver.read, driver.stat, driver.open, driver.children, driver.delete):
        with pytest.raises((InvalidPath, PathNotFound)):
            await action(path)
    try:
        await driver.write([(path, b"data")])
    except InvalidPath:
        return
    assert await driver.read(path) == b"data"


async def nothing_there_is_told(driver: Driver) -> None:
    await driver.write([("/a/b", b"file")])
    for path in ("/nothing", "/a/nothing", "/a/b/below-a-file"):
        for action in (driver.read, driver.stat, driver.open, driver.children, driver.delete):
            with pytest.raises(PathNotFound):
                await action(path)
        with pytest.raises(PathNotFound):
            await driver.move(path, "/elsewhere")
    assert await driver.read("/a/b") == b"file"


async def a_folder_is_no_file(driver: Driver) -> None:
    await driver.write([("/a/b/c", b"file")])
    for action in (driver.read, driver.open):
        with pytest.raises(Obstructed, match="/a/b: is a folder where a file should be"):
            await action("/a/b")
    assert (await driver.stat("/a/b")).is_folder
    assert not (await driver.stat("/a/b/c")).is_folder


async def children_are_sorted_by_code_point(driver: Driver) -> None:
    names = ["a", "a-b", "a.b", "a0", "a_b", "B", "_x", "aa", "0.1.2", "0.1.20", "0.1.10"]
    await driver.write([(f"/f/{name}/link", b"x") for name in names])
    assert await driver.children("/f") == sorted(names)


# Moving, removing


async def a_move_takes_the_file_over_what_was_there(driver: Driver) -> None:
    await append(driver, "/u/1/data", b"right")
    await driver.write([("/blobs/aa/data", b"damaged and longer")])
    await driver.move("/u/1/data", "/blobs/aa/data")
    assert await content(driver, "/blobs/aa/data") == b"right"
    with pytest.raises(PathNotFound):
        await driver.stat("/u/1/data")


async def a_move_makes_the_folders_it_needs(driver: Driver) -> None:
    await driver.write([("/from", b"x")])
    await driver.move("/from", "/to/some/place")
    assert await content(driver, "/to/some/place") == b"x"


async def a_file_may_move_while_its_writer_is_open(driver: Driver) -> None:
    """So an upload becomes a blob while nobody else can write to it."""
    writer = await driver.writer("/u/data")
    await writer.write([b"complete"])
    await driver.move("/u/data", "/blob")
    await writer.close()
    assert await content(driver, "/blob") == b"complete"
    fresh = await driver.writer("/u/data")
    assert fresh.size == 0
    await fresh.close()


async def files_that_come_with_a_move_are_there_after_it(driver: Driver) -> None:
    await append(driver, "/u/1/data", b"blob")
    await driver.write([("/links/old", b"old")])
    await driver.move("/u/1/data", "/blobs/aa/data", [("/links/new", b"new"), ("/links/old", b"changed")])
    assert await content(driver, "/blobs/aa/data") == b"blob"
    assert await content(driver, "/links/new") == b"new"
    assert await content(driver, "/links/old") == b"changed"


async def whoever_sees_a_file_of_a_move_sees_what_was_moved(driver: Driver) -> None:
    for number in range(20):
        await append(driver, f"/u/{number}", b"blob")
        moving = asyncio.ensure_future(driver.move(f"/u/{number}", f"/b/{number}", [(f"/l/{number}", b"x")]))
        while not moving.done():
            try:
                await driver.stat(f"/l/{number}")
            except PathNotFound:
                await asyncio.sleep(0)
            else:
                assert await driver.read(f"/b/{number}") == b"blob"
                break
        await moving


async def a_move_that_finds_nothing_shows_no_file_and_removes_nothing(driver: Driver) -> None:
    await driver.write([("/u/1/startedat", b"now")])
    with pytest.raises(PathNotFound):
        await driver.move("/u/1/data", "/blob", [("/link", b"x")], remove=["/u/1"])
    for path in ("/blob", "/link"):
        with pytest.raises(PathNotFound):
            await driver.stat(path)
    assert await driver.children("/u/1") == ["startedat"]


async def a_move_removes_the_folder_it_was_told_to(driver: Driver) -> None:
    await driver.write(
        [(f"/u/{name}/{file}", b"x") for name in ("1", "11", "2") for file in ("data", "hash/at")]
    )
    await driver.move("/u/1/data", "/blob", [("/link", b"y")], remove=["/u/1"])
    assert await content(driver, "/blob") == b"x"
    assert await content(driver, "/link") == b"y"
    with pytest.raises(PathNotFound):
        await driver.stat("/u/1")
    assert await driver.children("/u") == ["11", "2"]
    assert await driver.children("/u/11") == await driver.children("/u/2") == ["data", "hash"]


async def a_move_removes_the_folder_of_an_open_writer(driver: Driver) -> None:
    writer = await driver.writer("/u/1/data")
    await writer.write([b"complete"])
    await driver.move("/u/1/data", "/blob", remove=["/u/1"])
    await writer.close()
    assert await content(driver, "/blob") == b"complete"
    with pytest.raises(PathNotFound):
        await driver.stat("/u/1")


async def a_folder_to_remove_may_be_missing(driver: Driver) -> None:
    await driver.write([("/from", b"x")])
    await driver.move("/from", "/to", [("/link", b"y")], remove=["/u/gone"])
    assert await content(driver, "/to") == b"x"
    assert await content(driver, "/link") == b"y"


OF_ANY: tuple[Promise, ...] = (
    what_is_written_is_read,
    an_empty_file_is_a_file,
    a_large_file_is_read_whole,
    writing_replaces_what_was_there,
    several_files_are_written_at_once,
    the_last_write_to_a_path_wins,
    notes.a_note_is_kept_or_lost_and_the_file_is_whole,
    a_later_stage_is_seen_after_the_earlier_ones,
    a_stage_may_be_empty,
    stages_go_on_where_some_files_are_the_same,
    a_reader_sees_one_of_the_versions,
    writers_of_one_path_at_once_leave_one_of_their_files,
    every_legal_character_may_stand_in_a_path,
    case_matters,
    a_name_of_255_characters_is_kept,
    a_name_too_long_is_refused_by_name,
    nothing_there_is_told,
    children_are_sorted_by_code_point,
    streams.any_range_is_streamed_in_pieces,
    streams.a_file_that_is_opened_for_a_part_has_its_whole_size_and_any_of_its_bytes,
    streams.a_file_in_memory_is_what_is_streamed,
    streams.streams_of_one_reader_do_not_disturb_each_other,
    streams.streams_at_once_have_memory_of_their_own,
    streams.an_open_file_outlives_its_replacement,
    streams.an_open_file_outlives_its_removal,
    streams.an_open_file_outlives_a_move_onto_it,
    streams.closing_twice_is_closing_once,
    streams.flushing_nothing_is_nothing,
    a_move_takes_the_file_over_what_was_there,
    a_move_makes_the_folders_it_needs,
    files_that_come_with_a_move_are_there_after_it,
    whoever_sees_a_file_of_a_move_sees_what_was_moved,
    a_move_that_finds_nothing_shows_no_file_and_removes_nothing,
    a_move_removes_the_folder_it_was_told_to,
    a_folder_to_remove_may_be_missing,
    removals.a_file_is_removed_alone,
    removals.a_folder_is_removed_with_all_in_it,
    removals.a_folder_is_deleted_if_its_file_matches,
    removals.what_was_removed_can_be_written_again,
    removals.removals_at_once_remove_once,
)
"""What holds for stores of objects too."""

OF_FILES: tuple[Promise, ...] = (
    the_time_of_a_file_is_that_of_its_last_write,
    files_appear_in_the_order_given,
    a_touched_file_is_read,
    a_folder_is_no_file,
    streams.a_writer_appends,
    streams.a_writer_may_be_ahead_of_what_is_written,
    streams.writing_without_being_ahead_waits_for_all,
    streams.closing_waits_for_what_was_given,
    streams.a_later_writer_goes_on_where_the_first_stopped,
    streams.a_writer_takes_megabytes,
    streams.a_writer_that_wrote_nothing_leaves_an_empty_file,
    streams.a_second_writer_is_busy_until_the_first_closes,
    a_file_may_move_while_its_writer_is_open,
    begun.what_began_is_there_and_empty,
    begun.what_began_is_not_made_a_second_time,
    begun.who_writes_to_a_file_that_is_removed_is_told,
    begun.who_writes_to_a_file_that_is_moved_is_not,
    a_move_removes_the_folder_of_an_open_writer,
)
"""What holds where files grow in place, folders exist, and a writer keeps others out."""

PROMISES: tuple[Promise, ...] = (*OF_ANY, *OF_FILES)
