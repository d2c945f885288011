"""Which mount a file lies on, and whether that is on another machine."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from state import mounts
from state.errors import OnNetwork
from state.mounts import Mount, mount_of, parse_mounts, require_local

EFS = "fs-0123.efs.eu-central-1.amazonaws.com:/"

HOST = f"""\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
22 21 0:21 / /proc rw,relatime shared:2 master:7 propagate_from:3 - proc proc rw
30 21 0:41 / /efs rw,relatime shared:30 - nfs4 {EFS} rw,vers=4.1,hard,addr=10.0.0.9
31 30 254:1 / /efs/scratch rw,relatime - xfs /dev/vdb rw
32 21 0:50 / /mnt/a\\040b\\134c rw - cifs //files/Team\\040share rw,vers=3.1.1
33 21 0:51 / /home/jo/net rw,nosuid - fuse.sshfs jo@files:/home/jo rw,user_id=1000
34 21 0:52 / /bucket rw - fuse mountpoint-s3 rw
35 21 0:53 / /pool rw - fuse.mergerfs 1:2:3 rw
36 21 0:54 / /var/lib/containers rw - fuse.fuse-overlayfs fuse-overlayfs rw
37 21 0:55 / /auto rw - autofs systemd-1 rw,fd=40
38 37 0:56 / /auto rw - nfs filer:/vol/auto rw
39 21 254:0 /srv/data /bind rw - ext4 /dev/vda rw
40 21 0:41 /team /bound-efs rw - nfs4 {EFS} rw
"""

POD = f"""\
600 500 0:90 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
601 600 0:91 / /proc rw - proc proc rw
602 600 259:3 / /var/lib/cachemuster rw - ext4 /dev/nvme1n1 rw
603 600 0:41 /pvc-1 /shared rw - nfs4 {EFS} rw
604 600 0:92 / /run/secrets/kubernetes.io/serviceaccount ro - tmpfs tmpfs rw,size=1k
"""

HIDDEN = """\
10 1 8:1 / / rw - ext4 /dev/sda rw
11 10 0:40 / /data rw - nfs4 filer:/data rw
12 11 8:2 / /data/state rw - ext4 /dev/sdb rw
13 11 0:41 / /data rw - tmpfs tmpfs rw
"""
"""What was mounted on /data last hides all that was below it before."""

PIVOTED = """\
22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw - ext4 /dev/vda rw
1 1 0:2 / / rw - rootfs rootfs rw
"""
"""The order of lines says nothing, and the first root of all is its own parent."""


@pytest.mark.parametrize(
    ("text", "path", "kind", "is_network"),
    [
        pytest.param(HOST, "/var/lib/cachemuster.db", "ext4", False, id="root"),
        pytest.param(HOST, "/efs/cachemuster.db", "nfs4", True, id="efs"),
        pytest.param(HOST, "/efs/a/b/c.db", "nfs4", True, id="below"),
        pytest.param(HOST, "/efs/scratch/c.db", "xfs", False, id="a-disk-below-a-share"),
        pytest.param(HOST, "/efs2/c.db", "ext4", False, id="a-name-that-only-begins-so"),
        pytest.param(HOST, "/mnt/a b\\c/d.db", "cifs", True, id="octal-escapes"),
        pytest.param(HOST, "/home/jo/net/c.db", "fuse.sshfs", True, id="sshfs"),
        pytest.param(HOST, "/bucket/c.db", "fuse", True, id="plain-fuse-of-a-bucket"),
        pytest.param(HOST, "/pool/c.db", "fuse.mergerfs", False, id="fuse-over-disks"),
        pytest.param(HOST, "/var/lib/containers/c.db", "fuse.fuse-overlayfs", False, id="podman"),
        pytest.param(HOST, "/auto/c.db", "nfs", True, id="autofs"),
        pytest.param(HOST, "/bind/c.db", "ext4", False, id="bind-of-a-disk"),
        pytest.param(HOST, "/bound-efs/c.db", "nfs4", True, id="bind-of-a-share"),
        pytest.param(POD, "/tmp/c.db", "overlay", False, id="overlay"),
        pytest.param(POD, "/var/lib/cachemuster/c.db", "ext4", False, id="volume"),
        pytest.param(POD, "/shared/c.db", "nfs4", True, id="shared-volume"),
        pytest.param(HIDDEN, "/data/state/c.db", "tmpfs", False, id="hidden-below-a-later-one"),
        pytest.param(PIVOTED, "/proc/1/x", "proc", False, id="order-of-lines"),
        pytest.param(PIVOTED, "/c.db", "ext4", False, id="root-upon-root"),
    ],
)
def test_the_mount_a_file_lies_on(text: str, path: str, kind: str, is_network: bool) -> None:
    mount = mount_of(PurePosixPath(path), parse_mounts(text))
    assert mount is not None
    assert (mount.kind, mount.is_network) == (kind, is_network)


@pytest.mark.parametrize(
    ("kind", "source", "is_network"),
    [
        ("smb3", "//server/share", True),
        ("ceph", "10.0.0.1:6789:/", True),
        ("lustre", "10.0.0.1@tcp:/fsx", True),
        ("fuse.s3fs", "s3fs", True),
        ("fuse.gcsfuse", "bucket", True),
        ("fuse.unheard-of", "host:/path", True),
        ("fuse.unheard-of", "//host/share", True),
        ("fuse", "/usr/bin/s3fs", True),
        ("fuse", "gvfsd", False),
        ("fuse.lxcfs", "lxcfs", False),
        ("fuseblk", "/dev/sda1", False),
        ("btrfs", "/dev/sda1", False),
        ("zfs", "pool/data", False),
        ("virtiofs", "none", False),
        ("nfsd", "nfsd", False),
        ("tmpfs", "a:/b", False),
    ],
)
def test_kinds_that_lie_on_another_machine(kind: str, source: str, is_network: bool) -> None:
    assert Mount(1, 0, PurePosixPath("/"), kind, source).is_network is is_network


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "no mount at all", "1 2 3:4 / / rw", "x y 0:1 / / rw - ext4 d rw", "1 2 - ext4"],
)
def test_lines_that_are_no_mount_are_left_out(text: str) -> None:
    assert parse_mounts(text) == ()
    assert mount_of(PurePosixPath("/c.db"), ()) is None


def test_mounts_that_are_each_others_parents_end() -> None:
    text = "1 2 0:1 / /a rw - nfs x:/ rw\n2 1 0:2 / /a rw - nfs x:/ rw\n"
    assert mount_of(PurePosixPath("/a/b"), parse_mounts(text)) is None


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="not Linux")
def test_this_machine_is_read() -> None:
    found = parse_mounts(mounts.MOUNTINFO.read_text())
    mount = mount_of(PurePosixPath("/proc/self"), found)
    assert mount is not None
    assert mount.kind == "proc"


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system tells of its mounts; nothing yet."""
    file = tmp_path / "mountinfo"
    monkeypatch.setattr(mounts, "MOUNTINFO", file)
    return file


def test_the_refusal_says_what_lies_where_and_what_to_do(seen: Path) -> None:
    seen.write_text(HOST)
    with pytest.raises(OnNetwork) as refused:
        require_local(Path("/efs/cachemuster.db"), "state file")
    said = str(refused.value)
    assert said.startswith("the state file /efs/cachemuster.db lies on a network file system")
    assert f"(nfs4, {EFS} at /efs)" in said
    assert "Nothing was done" in said
    assert "ReadWriteOnce" in said


def test_a_link_to_a_share_is_seen_through(seen: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    link = tmp_path / "c.db"
    link.symlink_to(share / "c.db")
    seen.write_text(f"1 0 8:1 / / rw - ext4 d rw\n2 1 0:9 / {share} rw - nfs filer:/ rw\n")
    require_local(tmp_path / "d.db", "state file")
    with pytest.raises(OnNetwork):
        require_local(link, "state file")


@pytest.mark.parametrize("shown", [None, b"", b"\xff\xfe - \x00"], ids=["none", "empty", "bytes"])
def test_where_nothing_is_told_nothing_is_refused(seen: Path, shown: bytes | None) -> None:
    if shown is not None:
        seen.write_bytes(shown)
    require_local(Path("/efs/cachemuster.db"), "state file")


def test_a_link_that_leads_to_itself_is_not_seen(seen: Path, tmp_path: Path) -> None:
    seen.write_text(HOST)
    link = tmp_path / "c.db"
    link.symlink_to(link)
    require_local(link, "state file")
