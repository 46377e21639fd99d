"""Limits on requests in flight, and patience with clients that are slow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Message

from moorage.api.limits import Lane, WaitingRoom
from moorage.errors import Unavailable
from tests.api.client import Answer, Client, application, serving
from tests.api.pushing import push, push_blob
from tests.store.images import image, noise

IMAGE = image("limits")


def limits(**values: object) -> str:
    return "http:\n  limits:\n" + "".join(f"    {name}: {value}\n" for name, value in values.items())


class Stalled:
    """An application whose answers are not taken: the client reads the head and nothing more."""

    def __init__(self, client: Client) -> None:
        self.app = client.app
        self.taken = asyncio.Event()

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.taken.set()
                await asyncio.Event().wait()

        await self.app(scope, receive, sending)  # type: ignore[arg-type]


async def test_beyond_the_limit_of_downloads_is_503(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more=limits(downloads=2))) as client:
        digest = await push_blob(client, "a", noise("download", 3 << 20))
        target = f"/v2/a/blobs/{digest}"
        held = []
        for _ in range(2):
            stalled = Stalled(client)
            held.append(asyncio.ensure_future(Client(stalled).get(target)))
            await stalled.taken.wait()
        refused = await client.get(target)
        assert (refused.status, refused.codes) == (503, ["UNAVAILABLE"])
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.head(target)).status == 200
        for one in held:
            one.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await client.get(target)).complete


async def test_beyond_the_limit_of_uploads_is_503(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more=limits(uploads=1))) as client:
        first, second = [(await client("POST", "/v2/a/blobs/uploads/")).headers["location"] for _ in range(2)]
        waiting = asyncio.Event()

        async def stalled(scope: object, receive: object, send: object) -> None:
            async def receiving() -> Message:
                waiting.set()
                await asyncio.Event().wait()
                raise AssertionError("unreachable")

            await client.app(scope, receiving, send)  # type: ignore[arg-type]

        held = asyncio.ensure_future(Client(stalled)("PATCH", first, b"x"))
        await waiting.wait()
        refused = await client("PATCH", second, b"data")
        assert (refused.status, refused.codes) == (503, ["UNAVAILABLE"])
        assert (await client.get("/v2/")).status == 200
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)
        assert (await client("PATCH", second, b"data")).status == 202


class Withheld:
    """An application whose requests have bodies that do not come."""

    def __init__(self, client: Client) -> None:
        self.app = client.app
        self.awaited = asyncio.Event()

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        async def receiving() -> Message:
            self.awaited.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        await self.app(scope, receiving, send)  # type: ignore[arg-type]


async def withheld(client: Client, method: str, target: str) -> asyncio.Task[Answer]:
    """A request whose body is waited for."""
    application = Withheld(client)
    task = asyncio.create_task(Client(application)(method, target, b"body"))
    await application.awaited.wait()
    return task


async def test_a_refused_request_does_not_wait_for_its_body_where_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.api.body.DRAIN_SECONDS", 3600.0)
    async with serving(application(tmp_path, more=limits(reads=32))) as client, asyncio.timeout(30):
        first, *others = [await withheld(client, "PUT", "/v2/nowhere") for _ in range(3)]
        assert (await first).status == 404
        assert not any(one.done() for one in others)
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def test_the_manifest_that_is_awaited_longest_gives_way(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more=limits(uploads=4))) as client, asyncio.timeout(30):
        first, *others = [await withheld(client, "PUT", "/v2/a/manifests/x") for _ in range(3)]
        refused = await first
        assert (refused.status, refused.codes) == (503, ["UNAVAILABLE"])
        assert int(refused.headers["retry-after"]) > 0
        assert not any(one.done() for one in others)
        await push(client, "a", IMAGE)
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def test_large_answers_that_are_not_taken_share_a_memory_and_the_same_one_counts_once(
    tmp_path: Path,
) -> None:
    large = [replace(image(seed), payload=image(seed).payload.ljust(600 << 10)) for seed in ("one", "two")]
    async with serving(application(tmp_path, more=limits(memory="1MiB"))) as client:
        targets = [f"/v2/a/manifests/{await push(client, 'a', one)}" for one in large]
        held = []
        for _ in range(3):
            stalled = Stalled(client)
            held.append(asyncio.create_task(Client(stalled).get(targets[0])))
            await stalled.taken.wait()
        refused = await client.get(targets[1])
        assert (refused.status, refused.codes) == (503, ["UNAVAILABLE"])
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.head(targets[1])).status == 200
        assert (await client.get(targets[0])).body == large[0].payload
        for one in held:
            one.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await client.get(targets[1])).body == large[1].payload


async def test_a_large_answer_that_is_not_taken_ends(tmp_path: Path) -> None:
    payload = IMAGE.payload.ljust(100 << 10)
    async with serving(application(tmp_path, more=limits(sendtimeout="100ms"))) as client:
        target = f"/v2/a/manifests/{await push(client, 'a', replace(IMAGE, payload=payload))}"
        async with asyncio.timeout(30):
            assert not (await Client(Stalled(client)).get(target)).complete
        assert (await client.get(target)).body == payload


async def test_a_body_that_stops_is_408(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more=limits(bodytimeout="1s"))) as client:
        location = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
        sent = iter([{"type": "http.request", "body": b"0123456789", "more_body": True}])

        async def stalled(scope: object, receive: object, send: object) -> None:
            async def receiving() -> Message:
                for message in sent:
                    return message
                await asyncio.Event().wait()
                raise AssertionError("unreachable")

            await client.app(scope, receiving, send)  # type: ignore[arg-type]

        answer = await Client(stalled)("PATCH", location, b"x" * 20)
        assert answer.status == 408
        resumed = await client.get(location)
        assert resumed.headers["range"] == "0-9", "what had arrived is kept"


async def test_a_manifest_over_the_limit_is_413(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more=limits(manifestsize="1KiB"))) as client:
        await push(client, "a", IMAGE)
        answer = await client.put("/v2/a/manifests/latest", IMAGE.payload + b" " * 1_024)
        assert (answer.status, answer.codes) == (413, ["MANIFEST_INVALID"])


def test_a_lane_takes_so_many_and_no_more() -> None:
    lane = Lane("test", 2)
    with lane, lane:
        with pytest.raises(Unavailable) as refused, lane:
            pass
        assert refused.value.headers["Retry-After"]
        assert lane.active == 2
    assert lane.active == 0


async def test_who_has_waited_longest_gives_way() -> None:
    room = WaitingRoom(2)
    ended: dict[int, Unavailable] = {}

    async def wait(number: int) -> None:
        try:
            async with room.place():
                await asyncio.Event().wait()
        except Unavailable as refused:
            ended[number] = refused

    waiting = [asyncio.create_task(wait(number)) for number in range(4)]
    async with asyncio.timeout(30):
        await asyncio.wait(waiting[:2])
    assert ([*ended], [one.done() for one in waiting[2:]]) == ([0, 1], [False, False])
    assert all(one.headers["Retry-After"] for one in ended.values())
    for one in waiting[2:]:
        one.cancel()
    assert all(
        isinstance(one, asyncio.CancelledError)
        for one in await asyncio.gather(*waiting[2:], return_exceptions=True)
    )
    async with room.place(), room.place():
        await asyncio.sleep(0)


async def test_what_times_out_in_a_waiting_room_was_not_displaced() -> None:
    with pytest.raises(TimeoutError):
        async with WaitingRoom(1).place(), asyncio.timeout(0):
            await asyncio.Event().wait()
