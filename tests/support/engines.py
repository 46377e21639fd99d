"""Container clients with storage of their own below one folder: docker with its engine, podman, buildah, skopeo.

Each keeps images in the vfs format (plain folders: no kernel module, no mount) and none shares storage with
another, so that an image can only get from one to the next through a registry.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.command import Client
from tests.support.tools import absent, find, require, require_root

START_SECONDS = 30.0


def skopeo(folder: Path) -> Client:
    require("skopeo")
    folder.mkdir(parents=True, exist_ok=True)
    return Client(("skopeo", "--insecure-policy", "--tmpdir", str(folder)))


def buildah(folder: Path) -> Client:
    require("buildah")
    require_root()
    return Client(("buildah", *storage(folder)), {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)})


def podman(folder: Path) -> Client:
    require("podman")
    require_root()
    own = ("--tmpdir", str(folder / "state"), "--cgroup-manager=cgroupfs", "--events-backend=none")
    arguments = ("podman", *storage(folder), *own)
    # By default all podmans of a user share one table of locks, and a new state folder clears it for all of them.
    settings = folder / "containers.conf"
    settings.write_text('[engine]\nlock_type = "file"\n')
    return Client(
        arguments,
        {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder), "CONTAINERS_CONF": str(settings)},
    )


def storage(folder: Path) -> tuple[str, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    return ("--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver=vfs")


@contextlib.contextmanager
def docker(folder: Path) -> Iterator[Client]:
    """The docker client of an engine that runs while the context lasts, without networks of its own."""
    require("dockerd", "docker", "containerd")
    require_root()
    folder.mkdir(parents=True, exist_ok=True)
    # Unix socket paths are limited to 107 bytes, so the socket's folder is given short.
    address = f"unix://{folder / 'socket'}"
    client = Client(("docker", "--host", address), {"DOCKER_CONFIG": str(folder), "DOCKER_BUILDKIT": "0"})
    with (folder / "engine.log").open("wb") as log:
        engine = subprocess.Popen(
            [
                find("dockerd") or "dockerd",
                f"--host={address}",
                f"--data-root={folder / 'data'}",
                f"--exec-root={folder / 'exec'}",
                f"--pidfile={folder / 'pid'}",
                "--storage-driver=vfs",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        await_engine(engine, client, folder / "engine.log")
        yield client
    finally:
        stop_engine(engine)


def await_engine(engine: subprocess.Popen[bytes], client: Client, log: Path) -> None:
    """Returns when the engine answers; `absent` when it cannot run on this machine (it says why in its log)."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        if client.attempt("version").returncode == 0:
            return
        time.sleep(0.1)
    lines = log.read_text(errors="replace").strip().splitlines()
    absent(f"needs a docker engine that starts: {lines[-1] if lines else 'no log'}")


def stop_engine(engine: subprocess.Popen[bytes]) -> None:
    """SIGTERM lets the engine stop its containers and unmount its folder; what is left of the group is killed."""
    with contextlib.suppress(ProcessLookupError):
        engine.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()


# Ways to run a container, most private first. What a sandbox or an older kernel forbids differs: limits above the
# parent's, control groups of version 1 or mixed, so the first way that works on the machine is taken.
PODMAN_RUN = (
    ("--cgroups=disabled", "--runtime=crun"),
    ("--runtime=crun",),
    ("--runtime=runc", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"),
)


def podman_run(client: Client, image: str, *command: str) -> str:
    """Standard output of `command` in a container of `image`; `absent` when no container can run here."""
    failures = []
    for way in PODMAN_RUN:
        done = client.attempt("run", "--rm", "--network=none", *way, image, *command)
        # 125 to 127 are podman's and the runtime's own failures; anything else is the command's.
        if done.returncode not in (125, 126, 127):
            assert done.returncode == 0, f"{command} in {image}: {done.stdout}{done.stderr}"
            return done.stdout.rstrip("\n")
        failures.append(done.stderr.strip())
    absent("needs a machine where podman can run a container: " + " / ".join(failures))


def fast_folder() -> Path | None:
    """A file system in memory for image storage, or None for the ordinary temporary folder.

    The engines sync every file of every layer, which on a disk takes four times as long as all their other work.
    Memory has to be plenty, and programs in images have to run from there (containers mount it without exec).
    """
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    facts = os.statvfs(memory)
    roomy = facts.f_bavail * facts.f_frsize >= 8 << 30
    return memory if roomy and not facts.f_flag & os.ST_NOEXEC else None


def remove(folder: Path) -> None:
    """Image folders are big and hold read-only trees; leftovers of a failing engine must not fail the session."""
    shutil.rmtree(folder, ignore_errors=True)
