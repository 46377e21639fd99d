"""The registries over a bucket: the same keys for all."""

from __future__ import annotations

from pathlib import Path

from tests.support.ports import free_port

from benchmarks.load.specs import Bucket
from benchmarks.restartable import RestartableServer
from benchmarks.servers import SECRET, Peer, command

# The cache is that of the reference's own example; bytes go through the registry, where bytes are measured.
CONFIG = """\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  s3:
    regionendpoint: {endpoint}
    forcepathstyle: true
    secure: {secure}
    skipverify: {secure}
    region: {region}
    bucket: {bucket}
    accesskey: {access_key}
    secretkey: {secret_key}
    rootdirectory: {root}
  redirect:
    disable: true
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
  secret: {secret}
"""

ROOT = "registry"
# With a bundle of certificates in the environment docker-registry 2.8.2 does not start; none of them asks who the store is.
WITHOUT_BUNDLE = ("env", "--unset=AWS_CA_BUNDLE")


def registry(peer: Peer, folder: Path, bucket: Bucket) -> RestartableServer:
    """A registry of this kind over the bucket, not yet started; its files are below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "config"
    config.write_text(
        CONFIG.format(
            endpoint=bucket.endpoint,
            secure=str(bucket.endpoint.startswith("https")).lower(),
            region=bucket.region,
            bucket=bucket.name,
            access_key=bucket.access_key,
            secret_key=bucket.secret_key,
            root=ROOT,
            port=port,
            secret=SECRET,
        )
    )
    return RestartableServer([*WITHOUT_BUNDLE, *command(peer, config)], port, folder, folder / "log")
