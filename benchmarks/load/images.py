"""Whole small images, the way an engine pushes them: HEAD, POST, PATCH and PUT per blob, then the manifest."""

from __future__ import annotations

import asyncio
import itertools
from time import perf_counter

import msgspec

from benchmarks.load.blobs import OCTETS, start_upload, with_digest
from benchmarks.load.connection import Connection, UnexpectedAnswer
from benchmarks.load.payload import Payload
from benchmarks.load.specs import Images, Outcome, milliseconds, outcome

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def image_manifest(blobs: list[tuple[str, int]]) -> bytes:
    """An OCI image manifest; the first of the (digest, size) pairs is the config, the others are layers."""
    (config, config_size), *layers = blobs
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": config, "size": config_size},
            "layers": [{"mediaType": LAYER_TYPE, "digest": digest, "size": size} for digest, size in layers],
        }
    )


class _Pusher:
    def __init__(self, spec: Images) -> None:
        self.spec = spec
        self.payloads = [Payload.random(size) for size in spec.sizes]
        self.latencies: list[float] = []
        self.manifests: list[float] = []
        self.failures: list[str] = []
        # Shared by all clients.
        self.numbers = iter(range(spec.count)) if spec.count else itertools.count()
        self.begun = perf_counter()

    async def client(self, client: int) -> None:
        connection = await Connection(self.spec.target.port).open()
        try:
            for number in self.numbers:
                now = perf_counter()
                if now - self.begun >= self.spec.target.seconds:
                    break
                await self.push(connection, f"storm/{client}/image-{number}-{int(self.begun)}")
                self.latencies.append(perf_counter() - now)
        except (UnexpectedAnswer, OSError) as error:
            self.failures.append(str(error))
        finally:
            connection.close()

    async def push(self, connection: Connection, repository: str) -> None:
        blobs = [(await self.push_blob(connection, repository, p), p.size) for p in self.payloads]
        asked = perf_counter()
        answer = await connection.send(
            "PUT",
            f"/v2/{repository}/manifests/latest",
            {"Content-Type": MANIFEST_TYPE},
            image_manifest(blobs),
        )
        answer.expect(201, "PUT of a manifest")
        self.manifests.append(perf_counter() - asked)

    async def push_blob(self, connection: Connection, repository: str, payload: Payload) -> str:
        tail, digest = payload.fresh()
        (await connection.send("HEAD", f"/v2/{repository}/blobs/{digest}")).expect(404, "HEAD of a new blob")
        target = await start_upload(connection, repository)
        answer = await connection.send("PATCH", target, OCTETS, payload.body, tail)
        target = answer.expect(202, "PATCH of a blob").target
        answer = await connection.send("PUT", with_digest(target, digest))
        answer.expect(201, "PUT that ends an upload")
        return digest


async def run(spec: Images) -> Outcome:
    pusher = _Pusher(spec)
    await asyncio.gather(*(pusher.client(number) for number in range(spec.target.clients)))
    pushed = len(pusher.latencies) * sum(spec.sizes)
    seconds = perf_counter() - pusher.begun
    extra = milliseconds("manifest", pusher.manifests)
    return outcome(pusher.latencies, pushed, seconds, pusher.failures, **extra)
