"""What kind of file system a path lies on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moorage.drivers.journal.local import is_local
from moorage.mounts import kind_at

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /srv rw - nfs4 server:/export rw
31 30 8:2 / /srv/local\\040disk rw master:2 - xfs /dev/vdb rw
35 30 0:34 / /srv/registry/queue rw - tmpfs tmpfs rw
32 22 0:31 / /mnt rw - ext4 /dev/vdc rw
33 22 0:32 / /mnt rw - fuse.sshfs host:/ rw
34 22 0:33 / /pool rw - btrfs /dev/vdd rw,subvol=/pool
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/registry", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/registry", "nfs4"),
        ("/srv/registry/queue/deep", "tmpfs"),
        ("/srv/registry/queue2", "nfs4"),
        ("/srv/local disk", "xfs"),
        ("/srv/local disk/registry", "xfs"),
        ("/srvs", "ext4"),
        ("/mnt/registry", "fuse.sshfs"),
        ("/pool/registry/docker", "btrfs"),
    ],
)
def test_the_mount_that_a_path_is_on_decides(path: str, kind: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert kind_at(path, str(mounts)) == kind


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 8:1 / / rw - ext4 d rw\n2 1 0:1 / {tmp_path}/far rw - nfs s rw\n")
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    assert kind_at(str(tmp_path / "near/registry"), str(mounts)) == "nfs"


@pytest.mark.parametrize("name", [b"/srv/\xff", "/srv/no\u00a0break".encode(), "/srv/line\u2028end".encode()])
def test_names_of_other_mounts_may_be_of_any_bytes(name: bytes, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(b"1 1 8:1 / / rw - ext4 d rw\n2 1 0:1 / %b rw - nfs s rw\n" % name)
    assert kind_at("/srv", str(mounts)) == "ext4"
    assert kind_at(os.fsdecode(name), str(mounts)) == "nfs"


def test_where_mounts_are_not_told_no_file_system_is_known(tmp_path: Path) -> None:
    assert kind_at("/", str(tmp_path / "missing")) == ""
    assert is_local(str(tmp_path)), "the tests run on a local disk"
