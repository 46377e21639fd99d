"""Which file systems are known to be local."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.drivers.journal.mounts import is_local

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /srv rw - nfs4 server:/export rw
31 30 8:2 / /srv/local\\040disk rw master:2 - xfs /dev/vdb rw
32 22 0:31 / /mnt rw - ext4 /dev/vdc rw
33 22 0:32 / /mnt rw - fuse.sshfs host:/ rw
34 22 0:33 / /pool rw - btrfs /dev/vdd rw,subvol=/pool
"""


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/", True),
        ("/var/lib/registry", True),
        ("/srv", False),
        ("/srv/registry", False),
        ("/srv/local disk", True),
        ("/srv/local disk/registry", True),
        ("/srvs", True),
        ("/mnt/registry", False),
        ("/pool/registry/docker", True),
    ],
)
def test_the_mount_that_a_path_is_on_decides(path: str, local: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert is_local(path, str(mounts)) == local


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 8:1 / / rw - ext4 d rw\n2 1 0:1 / {tmp_path}/far rw - nfs s rw\n")
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    assert not is_local(str(tmp_path / "near/registry"), str(mounts))


def test_where_mounts_are_not_told_no_file_system_is_known(tmp_path: Path) -> None:
    assert not is_local("/", str(tmp_path / "missing"))
    assert is_local(str(tmp_path)), "the tests run on a local disk"
