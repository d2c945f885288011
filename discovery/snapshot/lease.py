"""The lease of a snapshot: whoever has it may write, until it runs out.

An object beside the snapshot, put where there is none. It is deleted at the end. One whose holder
was killed is taken over once it has run out: in place of the very object that was read, so one of
several who try succeeds.

No two machines' clocks are compared. How old a lease is, S3 tells by its own clock; how long his
own still holds, the holder tells by a clock that nobody sets and that goes on while the machine is
suspended. He counts from before he asked, and stops `MARGIN` early: what is under way ends by then.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import structlog

from discovery.aws.errors import AwsCallFailed
from discovery.aws.objects import Bucket, Condition, Found
from discovery.config.snapshot import SnapshotPlace
from discovery.snapshot.errors import LeaseLost, SnapshotUnusable, translate_failures
from state.errors import Locked
from state.lock import Holder

log = structlog.get_logger()

MARGIN: Final = 0.2
"""Share of the lease's time before its end from which its holder writes nothing more."""
_RENEWALS: Final = 4
"""How often a lease is renewed in its time."""
_POLL_S: Final = 2.0
_NOTHING_DONE: Final = "Nothing was done"
_LONGEST: Final = timedelta(days=1)


def suspended_too_s() -> float:
    """Tell the time of a clock that only goes on, also while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class LeaseText:
    """What stands in a lease."""

    token: str
    """Another one each time that somebody asks for the lease."""
    holder: str
    span: timedelta
    expires_at: datetime
    """By the holder's clock, for a person to read."""

    def encode(self) -> bytes:
        """Write it as it is put."""
        return json.dumps(
            {
                "token": self.token,
                "holder": self.holder,
                "seconds": self.span.total_seconds(),
                "expires_at": self.expires_at.astimezone(UTC).isoformat(timespec="seconds"),
            }
        ).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read one; its holder as ASCII, cut short. Raises: ValueError for what is none."""
        try:
            found = json.loads(body)
            span = timedelta(seconds=float(found["seconds"]))
            if not timedelta(0) < span <= _LONGEST:
                raise ValueError(f"{span} is no time of a lease")
            at = datetime.fromisoformat(found["expires_at"])
            holder = str(found["holder"]).encode("ascii", "backslashreplace").decode()[:300]
            return cls(str(found["token"]), holder, span, at.astimezone(UTC))
        except (KeyError, TypeError, OverflowError, RecursionError, ValueError) as error:
            raise ValueError(str(error)) from error


@dataclass(slots=True)
class SnapshotLease:
    """A lease that this process has."""

    bucket: Bucket
    place: SnapshotPlace
    text: LeaseText
    now_s: Callable[[], float]
    etag: str
    valid_until_s: float
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lost: bool = False

    def check(self) -> None:
        """Check that no other process can have it. Raises: LeaseLost."""
        if self._lost or self.now_s() >= self.valid_until_s:
            raise LeaseLost(
                f"the lease {self.place.lease} could not be renewed in time, so another process "
                "may be at work on the same snapshot. Nothing more is written; what was under way "
                "is in the journal of the snapshot, and the next sweep looks what became of it"
            )

    async def extend(self) -> None:
        """Put the lease anew for its whole time. Raises: LeaseLost, SnapshotUnusable."""
        async with self._turn:
            self.check()
            asked_s = self.now_s()
            text = replace(self.text, expires_at=datetime.now(UTC) + self.text.span)
            with translate_failures(self.place, "kept", "The lease is asked for again"):
                put = await self._put(text)
            if isinstance(put, Condition):
                self._lost = True
                self.check()
            else:
                self.text, self.etag = text, put
                self.valid_until_s = _end(asked_s, text.span)

    async def _put(self, text: LeaseText) -> str | Condition:
        key, body = self.place.lease_key, text.encode()
        put = await self.bucket.put(key, body, replacing=self.etag)
        if not isinstance(put, Condition):
            return put
        etag = await self._found_etag()  # an earlier one of ours, whose answer was lost
        return put if etag is None else await self.bucket.put(key, body, replacing=etag)

    async def _delete(self) -> None:
        key = self.place.lease_key
        if await self.bucket.delete(key, etag=self.etag) is not None:
            etag = await self._found_etag()
            if etag is not None:
                await self.bucket.delete(key, etag=etag)

    async def _found_etag(self) -> str | None:
        """The ETag of the lease as it is there now, None if it is not ours."""
        found = await self.bucket.get(self.place.lease_key)
        return found.etag if found is not None and _is_ours(found, self.text) else None

    async def extend_regularly(self) -> None:
        """Renew the lease again and again; ends when it is lost."""
        while True:
            await asyncio.sleep(self.text.span.total_seconds() / _RENEWALS)
            try:
                await self.extend()
            except LeaseLost as lost:
                log.error("snapshot.lease_lost", snapshot=str(self.place), why=str(lost))
                return
            except SnapshotUnusable as error:
                log.warning("snapshot.lease_not_renewed", snapshot=str(self.place), why=str(error))

    async def release(self) -> None:
        """Delete the lease, if it is still ours. Where that fails it runs out by itself."""
        async with self._turn:
            try:
                self.check()
                await self._delete()
            except (LeaseLost, AwsCallFailed) as error:
                log.warning(
                    "snapshot.lease_not_deleted",
                    snapshot=str(self.place),
                    why=str(error),
                    next="the next writer waits until it has run out",
                )


def _end(asked_s: float, span: timedelta) -> float:
    return asked_s + span.total_seconds() * (1 - MARGIN)


def _is_ours(found: Found, text: LeaseText) -> bool:
    """Tell whether it is what this process put, however often it was renewed since."""
    try:
        return LeaseText.decode(found.body).token == text.token
    except ValueError:
        return False


@asynccontextmanager
async def hold_lease(
    bucket: Bucket,
    place: SnapshotPlace,
    *,
    holder: Holder,
    span: timedelta,
    wait: timedelta,
    now_s: Callable[[], float] = suspended_too_s,
) -> AsyncIterator[SnapshotLease]:
    """Hold the lease of a snapshot until the context ends, and keep it renewed.

    `span`: how long it lasts when its holder is killed. `wait`: how long another's is waited for.

    Raises: Locked, which names the present holder; SnapshotUnusable.
    """
    with translate_failures(place, "locked", _NOTHING_DONE):
        lease = await _acquire(bucket, place, holder, span, wait, now_s)
    renewing = asyncio.create_task(lease.extend_regularly(), name="lease")
    try:
        yield lease
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await lease.release()


async def _acquire(
    bucket: Bucket,
    place: SnapshotPlace,
    holder: Holder,
    span: timedelta,
    wait: timedelta,
    now_s: Callable[[], float],
) -> SnapshotLease:
    text = LeaseText(secrets.token_hex(16), str(holder), span, datetime.now(UTC) + span)
    try:
        return await _ask(bucket, place, text, wait, now_s)
    except asyncio.CancelledError:
        # It may have been put, and nobody would delete it: the next writer would have to wait.
        await SnapshotLease(bucket, place, text, now_s, "", _end(now_s(), span)).release()
        raise


async def _ask(
    bucket: Bucket,
    place: SnapshotPlace,
    text: LeaseText,
    wait: timedelta,
    now_s: Callable[[], float],
) -> SnapshotLease:
    deadline_s = now_s() + wait.total_seconds()
    span, replacing = text.span, None
    while True:
        asked_s = now_s()
        put = await bucket.put(place.lease_key, text.encode(), replacing=replacing)
        if not isinstance(put, Condition):
            return SnapshotLease(bucket, place, text, now_s, put, _end(asked_s, span))
        found = await bucket.get(place.lease_key)
        if found is not None and _is_ours(found, text):  # only the answer was lost
            return SnapshotLease(bucket, place, text, now_s, found.etag, _end(asked_s, span))
        replacing, busy = _may_replace(found, place)
        if replacing is not None:
            log.warning("snapshot.lease_taken_over", snapshot=str(place), was_held_by=busy)
        elif now_s() >= deadline_s:
            raise Locked(
                f"the snapshot {place} is held by {busy}; waited "
                f"{max(wait.total_seconds(), 0):.0f} s. "
                "Nothing was done; wait until it has finished, or give --lock-timeout more time"
            )
        elif found is not None:
            left_s = max(deadline_s - now_s(), 0)
            await asyncio.sleep(min(_POLL_S, left_s))


def _may_replace(found: Found | None, place: SnapshotPlace) -> tuple[str | None, str]:
    """The ETag of a lease that has run out, else None; and who has it.

    Raises: SnapshotUnusable for an object that is no lease.
    """
    if found is None:
        return None, "a process that has just ended"
    try:
        text = LeaseText.decode(found.body)
    except ValueError:
        raise SnapshotUnusable(
            f"{place.lease} is no lease of this program. It was left as it is, and nothing was "
            "done; name another key in state.snapshot"
        ) from None
    if found.age > text.span:
        return found.etag, text.holder
    until = f"{text.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return None, f"{text.holder}, until {until} unless it is renewed"
