"""A real Debian userland as a tar archive, and recipes that put layers on top of it."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path

from tests.support.tools import absent, find, require, require_root

# Unpacked only, without maintainer scripts: seconds instead of half a minute, and the programs run all the same.
PACKAGES = "base-files,base-passwd,bash,coreutils,dash,dpkg,libc-bin,perl-base"
# Left out because vfs storage copies the whole tree for each layer and container.
EXCLUDED = ("/usr/share/locale/*", "/usr/share/man/*", "/usr/lib/*/gconv/*")
SECONDS = 300

# Three layers: the userland, files of every kind, a removal (a whiteout in the archive).
RECIPE = """\
FROM scratch
ADD userland.tar /
RUN mkdir -p /opt/harbour && echo quay > /opt/harbour/quay && ln -s quay /opt/harbour/link \\
    && ln /opt/harbour/quay /opt/harbour/hard && chmod 4755 /opt/harbour/hard
RUN rm -rf /usr/share/doc && echo gone > /opt/harbour/doc
CMD ["/bin/cat", "/opt/harbour/link"]
"""


def build_userland(folder: Path) -> Path:
    """userland.tar and the recipe beside it; `absent` when no Debian mirror can be reached."""
    require("mmdebstrap")
    require_root()
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "userland.tar"
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    debian(archive, "--variant=extract", f"--include={PACKAGES}", *excluded)
    (folder / "Containerfile").write_text(RECIPE)
    return archive


def debian(archive: Path, *options: str, seconds: float = SECONDS) -> None:
    """A tar archive by mmdebstrap with these options; `absent` when no Debian mirror can be reached."""
    done = subprocess.run(
        [find("mmdebstrap") or "mmdebstrap", "--quiet", *options, suite(), str(archive)],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode != 0:
        absent(f"needs a Debian mirror for mmdebstrap: {done.stderr.strip()[-500:]}")


def suite() -> str:
    """The suite of the machine when it is Debian, whose keys are installed; else stable."""
    release = Path("/etc/os-release").read_text().splitlines()
    facts = dict(line.split("=", 1) for line in release if "=" in line)
    return facts.get("VERSION_CODENAME", "stable") if facts.get("ID") == "debian" else "stable"


def file_sha256(archive: Path, path: str) -> str:
    """The hex sha256 of a file in the archive, as `sha256sum` in a container has to print it."""
    with tarfile.open(archive) as files:
        content = files.extractfile(f"./{path.lstrip('/')}")
        assert content is not None, f"{path} is not a file of {archive}"
        return hashlib.sha256(content.read()).hexdigest()
