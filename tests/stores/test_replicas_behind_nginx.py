"""Three registries on one bucket behind nginx, one of which is always being killed: clients notice nothing."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.images import digest_of, make_image
from tests.faults.wire import Wire, request_bytes, request_head
from tests.stores.balancer import balancing
from tests.stores.bucket import Bucket
from tests.stores.realclients import Maker, Push, RealClients
from tests.stores.retrying import BROKEN, Retrying
from tests.stores.server import SECRET, store_server
from tests.support.command import Client
from tests.support.heads import Head
from tests.support.images import stored_image
from tests.support.objectstores import S3
from tests.support.server import Server, running
from tests.support.storefaults import Fault, Faults
from tests.support.storeproxy import proxying
from tests.support.tools import require

NAME = "team/app"
DOCKER_RETRIES = 4
"""moby, "maxUploadAttempts": five tries."""

CLIENTS = 4
SMALL_BYTES, LARGE_BYTES = 600_000, 6 << 20
SENDING_BYTES = 24 << 20
"""More than all buffers on the way hold, so that a client that is told early that it has failed is sending still."""

STORE_SECONDS = 0.2
"""What each call of the store takes, so that most of the time of a push is spent in requests that a kill can hit."""

PAUSE_SECONDS = 2.5
"""Between deaths, so that a client does not meet them with all its tries."""

REFUSED_BYTES = 42 << 20
"""More than a registry takes of what it refuses."""

BROKEN_OFF = re.compile(
    r'(?:prematurely closed|reset by peer|Broken pipe).*?request: "([A-Z]+) \S*?/(uploads|manifests|blobs)/'
)
"""What nginx says of a request that a replica died over."""


@contextmanager
def three(folder: Path, store: S3, root: str) -> Iterator[list[Server]]:
    """Started at the same moment."""
    servers = [store_server(folder / str(number), store, root=root) for number in range(3)]
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda server: stack.enter_context(running(server)), servers))
        yield servers


@contextmanager
def dying(servers: Sequence[Server]) -> Iterator[Counter[int]]:
    """One after the other is killed without a warning and started again; counts how often. The next one not before the last
    one answers."""
    killed: Counter[int] = Counter()
    enough = threading.Event()

    def kill() -> None:
        while not enough.is_set():
            for number, server in enumerate(servers):
                if not enough.wait(PAUSE_SECONDS):
                    server.kill()
                    killed[number] += 1
                    enough.wait(0.3)
                    server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        enough.set()
        thread.join()


@dataclass
class Pushes:
    """`done` has the digest that each tag must lead to. With `patient`, `docker push` may be told to try again, as who runs it
    would have to: it sends the configuration of an image only once."""

    address: str
    patient: bool = False
    again: int = 0
    done: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def one(self, tag: str, push: Push) -> None:
        try:
            self.done[tag] = self._pushed(tag, push)
        except (*BROKEN, AssertionError) as error:
            self.failed.append(f"{tag}: {error}")

    def _pushed(self, tag: str, push: Push) -> str:
        try:
            return push()
        except AssertionError as error:
            if not (self.patient and tag.startswith("docker") and "502 Bad Gateway" in str(error)):
                raise
        self.again += 1
        return push()

    def made(self, tag: str, make: Maker) -> Callable[[], None]:
        """The image is made now."""
        push = make(f"{self.address}/{NAME}:{tag}")
        return lambda: self.one(tag, push)

    def verify(self) -> None:
        assert not self.failed, "\n".join(self.failed)
        for tag, digest in self.done.items():
            assert digest in stored_image(self.address, NAME, tag)


def chunked(name: str) -> Push:
    """As Docker pushes."""
    address, _, tag = name.rpartition(":")
    port = int(address.partition("/")[0].rpartition(":")[2])

    def push() -> str:
        source = random.Random(name)
        image = make_image(source, layer_bytes=SMALL_BYTES)
        with Retrying(port, source, retries=DOCKER_RETRIES, pause=0.5, whole=False) as client:
            client.push(NAME, tag, image)
        return image.digest

    return push


def made_at_once(run: Pushes, makers: Mapping[str, Maker], count: int) -> list[Callable[[], None]]:
    """So many images of each."""

    def by(kind: str) -> list[Callable[[], None]]:
        return [run.made(f"{kind}-{number}", makers[kind]) for number in range(count)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(itertools.chain(*pool.map(by, makers)))


def push_while_replicas_die(
    folder: Path, store: S3, clients: RealClients, *, each: int, kills: int, keeping: bool
) -> None:
    """At least so many kills, and pushes by each kind of client; and until a kill has hit a request. `keeping`: nginx keeps
    layers."""
    require("nginx")
    with (
        proxying(store.endpoint) as slow,
        three(folder, replace(store, endpoint=slow.endpoint), f"nginx/{folder.name}") as servers,
        balancing(folder / "nginx", [server.address for server in servers], keeping=keeping) as port,
    ):
        run = Pushes(f"127.0.0.1:{port}", patient=not keeping)
        pushes = made_at_once(run, {**clients.makers(LARGE_BYTES), "chunked": chunked}, each)
        random.Random(0).shuffle(pushes)
        numbers = itertools.count()

        def broken() -> list[tuple[str, str]]:
            return BROKEN_OFF.findall((folder / "nginx/error.log").read_text())

        slow.latency_seconds = STORE_SECONDS
        with dying(servers) as killed, ThreadPoolExecutor(CLIENTS) as pool:

            def work(_: int) -> None:
                while (number := next(numbers)) < len(pushes) or killed.total() < kills or not broken():
                    push = pushes[number] if number < len(pushes) else run.made(f"more-{number}", chunked)
                    push()

            list(pool.map(work, range(CLIENTS)))
        slow.latency_seconds = 0.0
        hit = f"broken off: {dict(Counter(broken()))}"
        print(f"{len(run.done)} pushed, {run.again} of them again; {killed.total()} killed, {hit}")
        run.verify()


def test_a_client_whose_uploads_are_refused_takes_no_replica_from_others(
    shared_server: Server, tmp_path: Path
) -> None:
    require("nginx")
    with balancing(tmp_path, [shared_server.address] * 3) as port, Wire(port) as bystander:
        head = request_head("PATCH", f"/v2/{NAME}/blobs/uploads/none", {"Content-Length": str(REFUSED_BYTES)})
        for _ in range(6):
            # The registry closes the connection over the rest, and nginx the one to the client.
            with Wire(port) as wire, contextlib.suppress(ConnectionError):
                wire.send(head + bytes(REFUSED_BYTES))
                wire.receive()
            bystander.send(request_bytes("GET", "/v2/"))
            assert bystander.receive().status == 200
        assert re.search("Broken pipe|reset by peer", (tmp_path / "error.log").read_text())


class Dying(Faults):
    """A registry that dies over the first blobs that are sent to it, each time in one of these ways; or not, for None."""

    def __init__(self, *ways: Fault | None) -> None:
        super().__init__()
        self.ways = list(ways)

    def draw(self, request: Head) -> Fault | None:
        return self.ways.pop(0) if self.ways and request.start[0] == "PATCH" else None


@pytest.mark.parametrize("client", ["docker", "podman", "buildah", "skopeo"])
def test_a_layer_that_a_replica_dies_over_is_sent_again(
    client: str, clients: RealClients, shared_server: Server, tmp_path: Path
) -> None:
    require("nginx")
    with (
        proxying(shared_server.url) as replica,
        balancing(tmp_path, [urlsplit(replica.endpoint).netloc] * 3) as port,
    ):
        run = Pushes(f"127.0.0.1:{port}")
        push = run.made(client, clients.makers(SENDING_BYTES)[client])
        # First while it is sent, then before the answer. Docker makes a pause of five seconds, and then a longer one.
        dying = Dying(Fault.RESET) if client == "docker" else Dying(Fault.RESET, Fault.LOST_ANSWER)
        replica.faults = dying
        push()
        assert dying.ways == []
        run.verify()


def test_what_docker_sends_only_once_is_sent_to_another_replica_if_nginx_keeps_it(
    clients: RealClients, moto_store: S3, tmp_path: Path
) -> None:
    with (
        running(store_server(tmp_path / "server", moto_store, secret=SECRET)) as server,
        proxying(server.url) as replica,
        balancing(tmp_path / "nginx", [urlsplit(replica.endpoint).netloc] * 3, keeping=True) as port,
    ):
        run = Pushes(f"127.0.0.1:{port}")
        push = run.made("configuration", clients.makers(SMALL_BYTES)["docker"])
        # After two layers.
        replica.faults = dying = Dying(None, None, Fault.RESET, Fault.LOST_ANSWER)
        push()
        assert dying.ways == []
        run.verify()


@pytest.fixture
def clients(
    docker: Client, podman: Client, buildah: Client, skopeo: Client, engine_folder: Path
) -> RealClients:
    return RealClients(docker, podman, buildah, skopeo, engine_folder / "pushed")


def test_no_client_notices_that_replicas_are_killed_if_nginx_keeps_layers(
    moto_store: S3, clients: RealClients, tmp_path: Path
) -> None:
    push_while_replicas_die(tmp_path, moto_store, clients, each=2, kills=3, keeping=True)


@pytest.mark.soak
@pytest.mark.parametrize("keeping", [True, False])
def test_many_pushes_go_on_while_replicas_are_killed(
    keeping: bool, moto_store: S3, clients: RealClients, tmp_path: Path
) -> None:
    push_while_replicas_die(tmp_path, moto_store, clients, each=25, kills=20, keeping=keeping)


def test_replicas_that_start_together_on_an_empty_bucket_agree_on_one_key(
    moto_store: S3, tmp_path: Path
) -> None:
    root = f"together/{tmp_path.name}"
    data = random.Random(1).randbytes(3000)
    with three(tmp_path, moto_store, root) as servers:
        assert Bucket(moto_store, root).names("moorage/") == ["moorage/secret"]
        for begins in servers:
            for goes_on in servers:
                with (
                    Retrying(begins.port, random.Random(2)) as first,
                    Retrying(goes_on.port, random.Random(3)) as second,
                ):
                    target = first.start_upload(NAME)
                    second.expect((201,), "PUT", f"{target}&digest={digest_of(data)}", data, what="upload")
