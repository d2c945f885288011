"""Errors of the snapshot. They are errors of the state file, which is a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from discovery.aws.errors import AwsCallFailed
from discovery.config.snapshot import SnapshotPlace
from state.errors import StateError


class SnapshotUnusable(StateError):
    """S3 could not be asked, or would not."""


class LeaseLost(StateError):
    """The lease ran out, or somebody else has it; nothing more is written."""


class NotUploaded(StateError):
    """There is no snapshot yet, and a state file of this machine's own (exit 78)."""


@contextmanager
def translate_failures(place: SnapshotPlace, doing: str, unchanged: str) -> Iterator[None]:
    """Raise SnapshotUnusable for a failed call.

    Args:
        place: The snapshot.
        doing: What could not be done to it: `read`, `put back`.
        unchanged: What that means for the rest, as a sentence without a full stop.
    """
    try:
        yield
    except AwsCallFailed as failed:
        raise SnapshotUnusable(
            f"the snapshot {place} could not be {doing}: {failed}. {unchanged}"
        ) from failed
