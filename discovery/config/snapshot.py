"""The snapshot: the object in S3 that keeps state for machines without a disk of their own.

Source: Amazon S3 user guide, bucket naming rules and object key naming. Of the characters of a key,
those that mean something in a policy or a URL are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from discovery.config.service import SHARD
from discovery.plan.shard import Shard

_SEGMENT: Final = r"[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*"
_SHARD: Final = r"\{shard\}(?:[A-Za-z0-9._=+/-]*[A-Za-z0-9._=+-])?"
# Without a look behind: the chart's schema has this pattern, and helm reads it by Go's rules.
_KEY: Final = rf"(?:{_SEGMENT}/)*(?:{_SEGMENT}|(?:{_SEGMENT})?{_SHARD})"
PATTERN: Final = rf"s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]/{_KEY}"
EXPECTED: Final = "an object in S3 such as s3://bucket/cachemuster.db, with {shard} at most once"

_LEASE_END: Final = ".lease"


@dataclass(frozen=True, slots=True)
class SnapshotPlace:
    """Where a snapshot is kept."""

    bucket: str
    key: str

    @property
    def lease_key(self) -> str:
        """Key of the object by which one process at a time may write."""
        return f"{self.key}{_LEASE_END}"

    @property
    def lease(self) -> str:
        """URL of that object."""
        return f"s3://{self.bucket}/{self.lease_key}"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_snapshot(url: str) -> SnapshotPlace:
    """Parse what `PATTERN` takes; `{shard}` stays."""
    found = re.fullmatch(r"s3://([^/]+)/(.+)", url, re.ASCII)
    if found is None:
        raise ValueError(f"{url!r} is not {EXPECTED}")
    return SnapshotPlace(found[1], found[2])


def snapshot_for(url: str, shard: Shard | None) -> SnapshotPlace:
    """Return the snapshot of a process: its own where there are several.

    Raises: ValueError when one snapshot would be shared, or `{shard}` has no number to stand for.
    """
    place = parse_snapshot(url)
    if shard is None and SHARD in place.key:
        raise ValueError(
            f"state.snapshot has {SHARD} in it, which stands for the number of one of several "
            "processes: say which with --shard I/N, or, where a command has no such option, name "
            "its snapshot in a configuration of its own"
        )
    if shard is not None and SHARD not in place.key:
        raise ValueError(
            "several processes cannot share one snapshot, because each would wait for the others "
            f"and remember their accounts as its own: write {SHARD} for the number into "
            f"state.snapshot, such as {place}-{SHARD}"
        )
    return (
        place if shard is None else replace(place, key=place.key.replace(SHARD, str(shard.index)))
    )
