"""The child process of a load: reads a spec (JSON) on stdin, runs it, writes the outcome (JSON) on stdout."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec
import uvloop

from benchmarks.load import blobs, commands, images, mix, paced
from benchmarks.load.specs import Blobs, Calls, Commands, Images, Mix, Outcome, Paced, Spec


def _fail(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """A callback that raises would leave the others waiting for ever."""
    print(context, file=sys.stderr, flush=True)
    os._exit(1)


async def run(spec: Spec) -> Outcome:
    asyncio.get_running_loop().set_exception_handler(_fail)
    match spec:
        case Mix():
            return await mix.run(spec)
        case Paced():
            return await paced.run(spec)
        case Blobs():
            return await blobs.run(spec)
        case Images():
            return await images.run(spec)
        case Commands():
            return commands.run(spec)
        case Calls():
            from benchmarks.objectstore import operations  # Other loads shall not carry its libraries.

            return await operations.run(spec)


def main() -> None:
    spec: Spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(spec))))


if __name__ == "__main__":
    main()
