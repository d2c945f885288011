"""The copy of a snapshot that is worked with, and how it comes from S3 and goes back.

The object is the state; the copy is thrown away whenever there is another one to fetch. What is put
back replaces the very object that was fetched (`If-Match`), so whoever lost the lease cannot undo
what its successor remembers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from discovery.aws.objects import Bucket, Condition, Found
from discovery.config.snapshot import SnapshotPlace
from discovery.snapshot.errors import LeaseLost, NotUploaded, translate_failures
from discovery.snapshot.lease import SnapshotLease
from state.errors import Corrupt, StateError, Unwritable
from state.migrations import STATE_FILE
from state.sqlite import files_of, require_ours
from state.store import Store

_UNREAD = "Nothing was done; correct it and run the command again"


async def fetch(bucket: Bucket, place: SnapshotPlace, copy: Path, *, own: Path) -> str | None:
    """Put the snapshot at `copy`, in place of what is there, and return its ETag.

    Where there is no snapshot, nothing is at `copy` afterwards, and None is returned: a lost
    snapshot is a lost state (R2).

    Args:
        bucket: Where it is.
        place: Which it is.
        copy: A path of nobody else's.
        own: A state file of this machine's own, which is not to be forgotten.

    Raises: SnapshotUnusable; NotUploaded; Corrupt and NewerSchema for what is no state file of
    ours, or a newer one.
    """
    with translate_failures(place, "read", _UNREAD):
        found = await bucket.get(place.key)
    if found is None:
        _refuse_own_state(place, own)
    await asyncio.to_thread(write_copy, found, copy, place)
    return found.etag if found is not None else None


def _refuse_own_state(place: SnapshotPlace, own: Path) -> None:
    if own.exists() and own.stat().st_size:
        raise NotUploaded(
            f"there is no snapshot {place} yet, and {own} holds the state until now. Nothing was "
            f"done. To go on from it, stop whatever uses it, run `aws s3 cp {own} {place}`, and "
            "move the file away; to begin anew, only move it away"
        )


def write_copy(found: Found | None, copy: Path, place: SnapshotPlace) -> None:
    """Replace the copy as a whole; None: by nothing. Raises: StateError."""
    fresh = copy.with_name(f"{copy.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        if found is not None:
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(found.body)
            _require_state(fresh, place)
        # Its log first: SQLite would apply it to the new file.
        for old in reversed(files_of(copy)):
            old.unlink(missing_ok=True)
        if found is not None:
            fresh.rename(copy)
    except OSError as error:
        raise Unwritable(
            f"the copy {copy} of the snapshot cannot be written: {error.strerror}. Nothing was "
            "done; state.path names a file in a directory where this user may write"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _require_state(fresh: Path, place: SnapshotPlace) -> None:
    try:
        if not fresh.stat().st_size:  # an answer without its body would be a state without memory
            raise Corrupt("it is empty")
        require_ours(fresh, STATE_FILE)
    except StateError as error:
        raise type(error)(
            f"the object {place} is no state file of this program: it was left as it is, and "
            "nothing was done. Name another object in state.snapshot, or delete this one: then the "
            "next sweep begins a new state, which removes nothing"
        ) from error


@dataclass(slots=True)
class Snapshot:
    """The snapshot that the open store is a copy of."""

    bucket: Bucket
    place: SnapshotPlace
    lease: SnapshotLease
    etag: str | None
    """Of the object as this process fetched or put it; None: there was none."""
    _uploaded: int = 0
    """`Store.changes` of what is there."""
    _failed: int = -1
    """`Store.changes` of what could not be put there, which somebody was told."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self, store: Store) -> None:
        """Take what was done to open the store for no change of it."""
        self._uploaded = store.changes

    async def finish(self, store: Store) -> None:
        """Upload what was changed last. Raises: as `upload`, unless that was raised before."""
        was_told = self._failed == store.changes
        try:
            await self.upload(store)
        except StateError:
            if not was_told:
                raise

    async def upload(self, store: Store) -> None:
        """Put the store in the place of what was fetched, if it changed since.

        The lease is renewed first: whoever took it over meanwhile is found out here.

        Raises: LeaseLost, SnapshotUnusable.
        """
        async with self._turn:
            changes = store.changes
            if changes == self._uploaded:
                return
            self._failed = changes
            await self.lease.extend()
            body = await asyncio.to_thread(store.serialize)
            with translate_failures(self.place, "put back", _NOT_BACK):
                put = await self.bucket.put(self.place.key, body, replacing=self.etag)
                if isinstance(put, Condition):
                    put = await self._landed(body) or put
            if isinstance(put, Condition):
                raise LeaseLost(
                    f"the snapshot {self.place} was replaced or removed by somebody else while "
                    "this process worked with its copy. It was left as it is, and nothing more is "
                    "written; the next sweep goes on from what is there"
                )
            self.etag, self._uploaded = put, changes

    async def _landed(self, body: bytes) -> str | None:
        """The ETag of what is there if it is what we put, and only the answer was lost."""
        found = await self.bucket.get(self.place.key)
        return found.etag if found is not None and found.body == body else None


_NOT_BACK = (
    "What was written to the control plane stays; its intents are in the snapshot if there was "
    "anything to write, and the next sweep looks what became of them. What else this run found out "
    "is found out anew"
)
