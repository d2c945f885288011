"""Refuse to keep a file of ours on a network file system.

SQLite's log needs memory that all its writers share, and the writer lock needs a system that keeps
it: two hosts on one network file system have neither, and damage the file (sqlite.org/wal.html,
sqlite.org/howtocorrupt.html §2). What is seen is what Linux tells of its mounts (proc(5),
/proc/self/mountinfo); elsewhere nothing is refused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from state.errors import OnNetwork

MOUNTINFO: Final = Path("/proc/self/mountinfo")

NETWORK: Final = frozenset(
    {"acfs", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "orangefs", "pvfs2", "smb3", "smbfs", "vboxsf", "prl_fs"}
)
"""Types whose files lie on another machine. Amazon EFS is `nfs4`, FSx for Lustre `lustre`. Not
`9p` and `virtiofs`: virtual machines and gVisor have their own disks by them."""

NETWORK_FUSE: Final = frozenset(
    {"blobfuse", "blobfuse2", "ceph-fuse", "cephfs", "davfs", "davfs2", "gcsfuse", "glusterfs"}
    | {"goofys", "juicefs", "mountpoint-s3", "rclone", "s3fs", "seaweedfs", "sshfs", "vmhgfs-fuse"}
)
"""Programs that serve `fuse.<name>`, or name themselves as the source of plain `fuse`."""

_ESCAPED = re.compile(r"\\([0-7]{3})")
_ELSEWHERE = re.compile(r"//.+|[^/:]+:/.*")
"""A source such as `//server/share` or `host:/path`."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system."""

    mount_id: int
    parent_id: int
    point: PurePosixPath
    kind: str
    """`ext4`, `nfs4`, `fuse.sshfs` …"""
    source: str

    def __str__(self) -> str:
        return f"{self.kind}, {self.source} at {self.point}"

    @property
    def is_network(self) -> bool:
        """Whether the file system is known to lie on another machine."""
        family, _, program = self.kind.partition(".")
        if family != "fuse":
            return self.kind in NETWORK
        named = (program or self.source).rpartition("/")[2].lower()
        return named in NETWORK_FUSE or _ELSEWHERE.fullmatch(self.source) is not None


def require_local(path: Path, what: str) -> None:
    """Check that the file, behind all symbolic links, is not seen to lie on a network.

    `what` names its role in a sentence.

    Raises: OnNetwork.
    """
    mount = _seen(path)
    if mount is not None and mount.is_network:
        raise OnNetwork(
            f"the {what} {path} lies on a network file system ({mount}), where locks do not hold "
            "and two hosts can damage it. Nothing was done. Name a path on a local disk in the "
            "configuration; in Kubernetes, one on a ReadWriteOnce volume. A state file need not "
            "be moved: a new one removes nothing and registers nothing twice"
        )


def _seen(path: Path) -> Mount | None:
    with contextlib.suppress(OSError, RuntimeError):  # a link that leads to itself
        mounts = parse_mounts(MOUNTINFO.read_text(errors="surrogateescape"))
        return mount_of(PurePosixPath(path.resolve()), mounts)
    return None


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """Parse a mountinfo, in its order; a line that is no mount is left out."""
    return tuple(_mounts(text.splitlines()))


def _mounts(lines: Iterable[str]) -> Iterator[Mount]:
    for line in lines:
        before, _, after = line.partition(" - ")  # optional fields end there
        placed, described = before.split(" "), after.split(" ")
        with contextlib.suppress(ValueError, IndexError):
            yield Mount(
                mount_id=int(placed[0]),
                parent_id=int(placed[1]),
                point=PurePosixPath(_unescaped(placed[4])),
                kind=_unescaped(described[0]),
                source=_unescaped(described[1]),
            )


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)


def mount_of(path: PurePosixPath, mounts: Iterable[Mount]) -> Mount | None:
    """Find the mount of an absolute path without symbolic links; None when none is known.

    Walks as the kernel does: from the root down, at each mount into the next one on the way. The
    order of lines and the longest match would both be fooled by what lies hidden below a later one.
    """
    known = [each for each in mounts if path.is_relative_to(each.point)]
    listed = {each.mount_id for each in known}
    roots = [each for each in known if each.parent_id not in listed - {each.mount_id}]
    here = min(roots, key=_depth, default=None)
    while here is not None:
        known.remove(here)
        onward = min((each for each in known if _is_on(each, here)), key=_depth, default=None)
        if onward is None:
            return here
        here = onward
    return None


def _is_on(mount: Mount, lower: Mount) -> bool:
    return mount.parent_id == lower.mount_id and mount.point.is_relative_to(lower.point)


def _depth(mount: Mount) -> int:
    return len(mount.point.parts)
