"""Check the snapshot in S3: it may be read and put back, and its lease taken and deleted.

Nothing in the bucket is changed: what is tried under a condition that cannot hold needs the
permission first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from discovery.aws.errors import AwsError
from discovery.aws.objects import DELETE, GET, PUT, Bucket, Condition, Found
from discovery.config.snapshot import SnapshotPlace
from discovery.doctor.permissions import INCONCLUSIVE, with_timeout
from discovery.doctor.state import check_memory, readable, state_check
from discovery.model.codes import ScopeReason
from discovery.policies.kinds import statement_allowing
from discovery.policies.usage import AwsUsage
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.snapshot.lease import LeaseText
from discovery.snapshot.working_copy import write_copy
from state.errors import StateError
from state.records import RememberedState
from state.store import load_state

_NO_ETAG: Final = '"cachemuster-doctor"'
"""That of no object: S3's own are in hexadecimal."""


async def check_snapshot(
    bucket: Bucket, place: SnapshotPlace, usage: AwsUsage, now: datetime
) -> tuple[tuple[Check, ...], RememberedState | None]:
    """Check one snapshot. Returns: the checks, and the state if it could be read.

    Raises: nothing that AWS can cause.
    """
    limit = usage.config.aws.scope_timeout
    found = await with_timeout(bucket.get(place.key), limit)
    lease = await with_timeout(bucket.get(place.lease_key), limit)
    denied = lease if isinstance(lease, AwsError) and not isinstance(found, AwsError) else found
    checks = [_answer(place, GET, denied, usage)]
    checks += [each async for each in _writing(bucket, place, found, lease, usage, limit)]
    if isinstance(lease, Found):
        checks.append(_held(place, lease))
    if isinstance(found, AwsError):
        return tuple(checks), None
    try:
        state = _read(found, place)
    except StateError as error:
        return (*checks, state_check(str(place), CheckStatus.FAIL, str(error))), None
    text = readable(state) if found else "not there yet; the first sweep makes it"
    checks.append(state_check(str(place), CheckStatus.OK, text))
    checks += check_memory(str(place), state, usage.config, now)
    return tuple(checks), state


async def _writing(
    bucket: Bucket,
    place: SnapshotPlace,
    found: Found | AwsError | None,
    lease: Found | AwsError | None,
    usage: AwsUsage,
    limit: timedelta,
) -> AsyncIterator[Check]:
    """Try to write in place of what is not there; should it be written, it is what there was."""
    if isinstance(found, Found):
        putting = bucket.put(place.key, found.body, replacing=_NO_ETAG)
        yield await _tried(place, PUT, putting, usage, limit)
    if lease is None:
        spent = LeaseText("doctor", "`doctor`", timedelta(seconds=1), datetime.now(UTC)).encode()
        putting = bucket.put(place.lease_key, spent, replacing=_NO_ETAG)
        yield await _tried(place, PUT, putting, usage, limit)
        yield await _tried(
            place, DELETE, bucket.delete(place.lease_key, etag=_NO_ETAG), usage, limit
        )


async def _tried(
    place: SnapshotPlace,
    action: str,
    call: Awaitable[str | Condition | None],
    usage: AwsUsage,
    limit: timedelta,
) -> Check:
    answer = await with_timeout(call, limit)
    if action == PUT and isinstance(answer, str):
        return state_check(
            str(place),
            CheckStatus.FAIL,
            "the bucket puts objects whatever If-Match says, so two processes could write at once: "
            "keep the snapshot in Amazon S3, or in a store that holds conditions of writes",
        )
    return _answer(place, action, answer, usage)


def _answer(place: SnapshotPlace, action: str, answer: object, usage: AwsUsage) -> Check:
    if not isinstance(answer, AwsError):
        return Check(
            area=Area.STATE,
            subject=str(place),
            outcome=CheckStatus.OK,
            message="allowed",
            action=action,
        )
    is_denial = answer.reason is ScopeReason.DENIED
    lacking = statement_allowing(action, usage, None) if is_denial else None
    return Check(
        area=Area.STATE,
        subject=str(place),
        outcome=CheckStatus.WARN if answer.reason in INCONCLUSIVE else CheckStatus.FAIL,
        message=f"{answer.message}. Without it: {lacking.without}" if lacking else answer.message,
        action=action,
        statement=lacking.document() if lacking else None,
    )


def _held(place: SnapshotPlace, lease: Found) -> Check:
    try:
        text = LeaseText.decode(lease.body)
    except ValueError:
        said = f"{place.lease} is no lease of this program: name another key"
        return state_check(str(place), CheckStatus.FAIL, said)
    if lease.age > text.span:
        said = f"the lease of {text.holder} has run out: that process was killed; the next takes it"
    else:
        said = f"held by {text.holder}; a sweep waits for it"
    return state_check(str(place), CheckStatus.WARN, said)


def _read(found: Found | None, place: SnapshotPlace) -> RememberedState:
    """Raises: StateError."""
    if found is None:
        return RememberedState()
    with TemporaryDirectory(prefix="cachemuster-") as directory:
        copy = Path(directory) / "state.db"
        write_copy(found, copy, place)
        return load_state(copy)
