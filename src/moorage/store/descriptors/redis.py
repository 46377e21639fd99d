"""Descriptors in Redis, for several processes.

An entry counts only in the generation in which it was put. The generation is a random text in a key of its own, which a
process reads along with every entry, by one script. All processes follow this rule:

    A process that could not deliver a drop or a clear begins a new generation before it trusts or puts anything again.

So an undelivered drop does no harm: the new generation invalidates every entry. The rule is kept as follows:

* Without a working connection nothing is read or put, and a task tries to come back, with pauses. If a drop or a clear
  was not confirmed (no connection, no answer, or its request was cancelled), the task first begins a new generation. It
  does so in a new process, too, because one that died may have had something to deliver. Only then is Redis used.
* Every drop also changes a second text. An entry is put only if generation and drops are still what this process had
  learned before the storage was asked. So nothing that was read before a drop is kept after it, whichever process
  dropped.
* A generation belongs to one run of the server: after a restart or a failover, Redis may know less than it had
  confirmed, so no earlier entry counts.
* Several registries may share a Redis: all keys have the name of one registry in them. It is asked for before Redis is used.
* A missing generation (FLUSHALL, eviction) is treated like a clear that was not delivered.

What remains: while a process cannot deliver a drop, another one that still reaches Redis may answer with the entry until
the drop is delivered. If the first process dies, this lasts until some process starts, or the entry is `seconds` old.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from redis.exceptions import MaxConnectionsError, NoScriptError

from moorage.digest import CANONICAL, EMPTY, Digest
from moorage.store.blobstore import Blob
from moorage.store.descriptors import redispool
from moorage.store.descriptors.circuit import Circuit
from moorage.store.descriptors.scripts import ASK, CHANGE, Script

ANSWER_SECONDS: Final = 1.0
"""Longest wait for an answer, with everything that the client does for it. A slower answer would not help."""

RETURN_SECONDS: Final = 15.0
"""Longest wait for a connection to come back. No request waits for it."""

ABREAST: Final = 10
"""Commands at a time: fewer than the client's pools hold, so that none runs dry, and enough for one process."""

DROPPED_AT_A_TIME: Final = 500

PREFIX: Final = "moorage:descriptor:"

_ENTRY = re.compile(r"(\S+) (sha256:[0-9a-f]{64}) ([0-9]{1,19})")


class Client(Protocol):
    """The part of `redis.asyncio.Redis` and `RedisCluster` that is used here."""

    def execute_command(self, *args: Any) -> Awaitable[Any]: ...

    async def aclose(self) -> None: ...


async def nameless() -> str:
    """The name of a registry that has a Redis of its own."""
    return ""


class RedisDescriptors:
    """Entries expire after `seconds`. `registry` returns the name that all processes of this registry share, and no others. It
    may raise anything: then it is called again later, and Redis is not used until then. Owns the client. Needs the commands
    EVAL, EVALSHA, MGET, SET, DEL, INFO, TIME."""

    def __init__(
        self,
        client: Client,
        seconds: float = 600,
        registry: Callable[[], Awaitable[str]] = nameless,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        circuit: Circuit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        redispool.opened(client)
        self._milliseconds = max(1, round(seconds * 1000))
        self._answer_seconds = answer_seconds
        self._circuit = circuit or Circuit()
        self._clock = clock
        self._registry = registry
        self._prefix = ""  # empty until the registry's name is known
        self._turns = asyncio.Semaphore(ABREAST)
        self._state = ""  # generation and drops, as last seen; empty: Redis is not used
        self._learned = 0.0  # what was read from the storage before is not put
        self._connection = 0  # counts returns, to recognize late failures of an earlier connection
        self._owed = 1  # drops and clears to deliver
        self._return: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def failures(self) -> int:
        return self._circuit.failures

    async def get(self, link: str) -> Blob | None:
        answer = await self._exchange(link)
        if answer is None or not answer[1]:
            return None
        state, text = answer
        entry = _ENTRY.fullmatch(text)
        if entry is None:
            await self.drop(link)
            return None
        generation, digest, size = entry.groups()
        known = Blob(Digest(digest), int(size))
        if not _may_lead(link, known):
            await self.drop(link)
            return None
        return known if generation == state.partition(" ")[0] else None

    async def put(self, link: str, known: Blob, since: float) -> None:
        if not self._state:
            self._come_back()
        elif since >= self._learned:
            await self._exchange(link, self._state, f"{known.digest} {known.size}", self._milliseconds)

    async def drop(self, *links: str) -> None:
        for start in range(0, len(links), DROPPED_AT_A_TIME):
            keys = [self._prefix + link for link in links[start : start + DROPPED_AT_A_TIME]]
            await self._deliver(self._drops, *keys)

    async def clear(self) -> None:
        await self._deliver(self._generation)

    async def close(self) -> None:
        self._closed = True
        if self._return is not None:
            self._return.cancel()
            await asyncio.gather(self._return, return_exceptions=True)
        try:
            await self._client.aclose()
        except Exception as error:
            self._circuit.failed(error)
        finally:
            redispool.closed(self._client)

    async def _exchange(self, link: str, *put: str | int) -> tuple[str, str] | None:
        """Ask Redis, and put an entry if one is given. Returns the state and the text of the old entry; None if unknown."""
        if not self._state:
            self._come_back()
            return None
        connection = self._connection
        try:
            async with asyncio.timeout(self._answer_seconds), self._turns:
                if connection != self._connection or not self._state:
                    return None
                state, text = await self._ask(self._prefix + link, *put)
        except MaxConnectionsError:
            return None
        except Exception as error:
            self._failed(error, connection)
            return None
        if connection != self._connection or not self._state:
            return None
        if not state:
            self._owe()
            return None
        self._learn(state)
        return state, text

    async def _deliver(self, *keys: str) -> None:
        """Deliver a change, or note that it is owed."""
        connection = self._connection
        delivered = False
        try:
            if self._state:
                async with asyncio.timeout(self._answer_seconds), self._turns:
                    await self._run(CHANGE, keys, secrets.token_hex(8))
                    delivered = True
        except MaxConnectionsError:
            pass
        except Exception as error:
            self._failed(error, connection)
        finally:
            # Also if the request was cancelled: Redis may have received the change or not.
            if not delivered:
                self._owe()

    def _failed(self, error: Exception, connection: int) -> None:
        # Many commands may fail for the same reason, the last of them when Redis is already back.
        if connection == self._connection and self._state:
            self._circuit.failed(error)
            self._state = ""
            self._come_back()

    def _owe(self) -> None:
        self._owed += 1
        self._state = ""
        self._come_back()

    def _learn(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._learned = self._clock()

    def _come_back(self) -> None:
        if not self._closed and (self._return is None or self._return.done()):
            self._return = asyncio.create_task(self._returning())

    async def _returning(self) -> None:
        """Try until Redis answers and nothing is owed. A change that becomes owed while a generation begins needs another one:
        its entry may have been put in this one before."""
        while True:
            await asyncio.sleep(self._circuit.pause())
            owed = self._owed
            try:
                async with asyncio.timeout(RETURN_SECONDS):
                    # Redis Cluster chooses the node of a key by the part in braces. Links begin with a slash.
                    self._prefix = self._prefix or f"{{{PREFIX}{await self._registry()}}}"
                    if owed:
                        await self._run(CHANGE, [self._generation], secrets.token_hex(8))
                    state, _ = await self._ask(self._generation)
                if not state and owed:
                    raise LookupError("what was just written is not there")
            except Exception as error:
                self._circuit.failed(error)
                continue
            self._owed -= owed
            if not state:
                self._owed += 1
            if not self._owed:
                break
        self._connection += 1
        self._learn(state)
        self._circuit.worked()

    @property
    def _generation(self) -> str:
        return f"{self._prefix}generation"

    @property
    def _drops(self) -> str:
        return f"{self._prefix}drops"

    async def _ask(self, key: str, *put: str | int) -> tuple[str, str]:
        """The state and the entry, each empty if there is none. Raises ValueError for the answer to another question: a client
        that mixes up answers must not do harm here."""
        answer = await self._run(ASK, [self._generation, self._drops, key], *put)
        if not isinstance(answer, list) or len(answer) != 4 or _text(answer[0]) != key:
            raise ValueError("not an answer to what was asked")
        if put:
            self._circuit.took(_text(answer[3]))
        return _text(answer[1]), _text(answer[2])

    async def _run(self, script: Script, keys: list[str] | tuple[str, ...], *arguments: str | int) -> Any:
        rest = (len(keys), *keys, *arguments)
        try:
            return await self._command("EVALSHA", script.sha, *rest)
        except NoScriptError:
            return await self._command("EVAL", script.text, *rest)

    async def _command(self, *words: str | int) -> Any:
        """The client takes some cancellations for the end of a wait of its own, and goes on."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            return await self._client.execute_command(*words)
        finally:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError


def _may_lead(link: str, known: Blob) -> bool:
    """Whether an entry can be true. The path of a link by a canonical digest tells where it leads, and only one digest is that of no
    bytes."""
    algorithm, encoded = link.split("/")[-3:-1]
    return (algorithm != CANONICAL or encoded == known.digest.hex) and (
        known.size > 0 or known.digest == EMPTY
    )


def _text(part: object) -> str:
    """The text of a part, empty for None. Raises ValueError for anything but a string, bytes or None."""
    match part:
        case None:
            return ""
        case bytes():
            return part.decode("latin-1")
        case str():
            return part
    raise ValueError("not an answer to what was asked")
