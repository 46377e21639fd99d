"""A real file system in a file. What is in that file is on the platter; what only the kernel has in memory is not."""

from __future__ import annotations

import contextlib
import filecmp
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import find, require, require_root

STILL_SECONDS = 30.0


@dataclass(frozen=True)
class FileSystem:
    """`size` is little more than the least that its mkfs takes; `options` are those of mkfs and `mount` those of mounting."""

    name: str
    size: str
    options: tuple[str, ...]
    mount: str = "loop"

    def __str__(self) -> str:
        return self.name


# Nothing is left to be initialized later: that would be written at moments of its own.
EXT4 = FileSystem("ext4", "100M", ("-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"))
# A copy is mounted while the original is.
XFS = FileSystem("xfs", "320M", ("-q", "-f"), "loop,nouuid")
BTRFS = FileSystem("btrfs", "320M", ("-q", "-f"))


class NotMounted(Exception):
    """The kernel does not mount the image; the message says why."""


def formatted(folder: Path, system: FileSystem = EXT4) -> Path:
    """A file with an empty file system in it. Skips the test where the kernel mounts no files: nobody can install that."""
    require_root()
    mkfs = f"mkfs.{system}"
    require(mkfs, "mount", "umount", "cp", "truncate")
    image = folder / "platter"
    subprocess.run(["truncate", "--size", system.size, str(image)], check=True)
    subprocess.run([find(mkfs) or "", *system.options, str(image)], check=True)
    try:
        with mounted(image, folder / "tried", system):
            return image
    except NotMounted as error:
        pytest.skip(f"a file cannot be mounted here (loop devices, CAP_SYS_ADMIN): {error}")


@contextlib.contextmanager
def mounted(image: Path, place: Path, system: FileSystem = EXT4, *, device: str = "") -> Iterator[Path]:
    """The file system of an image, on a certain loop device if one is named. It is unmounted, and its device given back, whatever
    happens. Raises NotMounted."""
    place.mkdir(exist_ok=True)
    options = system.mount.replace("loop", f"loop={device}") if device else system.mount
    done = subprocess.run(
        ["mount", "-t", str(system), "-o", options, str(image), str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise NotMounted(done.stdout.decode().strip())
    try:
        yield place
    finally:
        # A process that was killed a moment ago may still be there.
        for _ in range(100):
            if not subprocess.run(["umount", str(place)], stderr=subprocess.DEVNULL, check=False).returncode:
                break
            time.sleep(0.05)
        else:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def device_of(place: Path) -> str:
    """The loop device that is mounted there."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, where, *_ = line.split()
        if where == str(place):
            return device
    raise LookupError(f"nothing is mounted at {place}")


def cut(image: Path, copy: Path) -> None:
    """What the platter holds at one moment: copied until nothing was written to it meanwhile."""
    deadline = time.monotonic() + STILL_SECONDS
    while True:
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        if filecmp.cmp(image, copy, shallow=False):
            return
        assert time.monotonic() < deadline, f"{image} is written to all the time"
