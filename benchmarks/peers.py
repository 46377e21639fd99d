"""Who is measured: those that can be started here, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks import build
from benchmarks.results import PeerFacts
from benchmarks.servers import Peer

TITLES = {
    "moorage": "Moorage",
    "v3": f"distribution {build.VERSION}",
    "v2": "docker-registry 2.8.2",
    "nginx": "nginx",
    "plain": "Moorage without it",
}
STORE_TITLES = {
    "moorage": "Moorage",
    "v3": f"distribution {build.VERSION}",
    "v2": "docker-registry 2.8.2",
    "boto3": "boto3",
}
COMMANDS = {"v2": "docker-registry", "nginx": "nginx"}

Say = Callable[[str], None]


def binary(program: build.Program, cache: Path, say: Say) -> str:
    """Raises NotBuilt."""
    say(f"{program.name} {program.version}: looking in {cache}, building it there if need be")
    return build.built(program, cache)


def found(
    keys: Iterable[str], titles: Mapping[str, str], reference3: str, cache: Path, say: Say
) -> tuple[list[Peer], list[PeerFacts]]:
    """Those that can be started, and what there is to say about all of them. `reference3` is a binary to be used
    instead of the one in the cache."""
    peers, facts = [], []
    for key in keys:
        peer, absent = Peer(key, titles[key], COMMANDS.get(key, "")), ""
        if key == "v3":
            try:
                peer = Peer(key, titles[key], reference3 or binary(build.REFERENCE3, cache, say))
            except build.NotBuilt as error:
                absent = str(error)
        absent = absent or peer.missing()
        facts.append(PeerFacts(key, peer.title, "" if absent else peer.version(), absent))
        if absent:
            say(f"{peer.title} is left out: {absent}")
        else:
            peers.append(peer)
    return peers, facts
