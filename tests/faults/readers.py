"""Readers of one tag in a process of their own: they count answers, and keep what must not be."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.client import Client

GIVE_UP_SECONDS = 600.0


@dataclass
class Reading:
    """How often each digest was shown, and every answer that was none of the known images."""

    shown: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def read_tag(port: int, name: str, tag: str, known: dict[bytes, str], readers: int, reads: int) -> Reading:
    """`readers` connections read the tag until `reads` answers are in. `known` maps manifests to digests."""
    reading = Reading()
    deadline = time.monotonic() + GIVE_UP_SECONDS

    def read() -> None:
        with Client(port) as client:
            while sum(reading.shown.values()) + len(reading.faults) < reads and time.monotonic() < deadline:
                try:
                    answer = client.get_manifest(name, tag)
                except OSError as error:
                    reading.faults.append(f"connection broken: {error!r}")
                    continue
                digest = known.get(answer.body)
                if answer.status != 200 or digest is None:
                    reading.faults.append(str(answer))
                elif answer.headers.get("docker-content-digest") != digest:
                    reading.faults.append(f"the image {digest} under another digest: {answer.headers}")
                else:
                    reading.shown[digest] += 1

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reading
