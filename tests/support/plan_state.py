"""What state remembers, and when: the past of the situations in `make`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from discovery.model.codes import Action, IamVerdict, Reason
from discovery.model.values import UNKNOWN, Arn, Cache, Database, Endpoint, ResourceName
from state.records import (
    Intent,
    IntentKind,
    LastVerdict,
    OpenIntent,
    PendingRemoval,
    Registration,
    RememberedCache,
    RememberedState,
    RemovedRegistration,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CREATED = NOW - timedelta(days=30)
DIGEST = "digest-of-the-matchers"


def remembered(of: Cache, **more: Any) -> RememberedCache:
    """What state knows of a cache after a sweep that read everything about it."""
    fields: dict[str, Any] = {
        "arn": of.arn,
        "scope": of.scope,
        "name": of.name,
        "created_at": of.created_at,
        "first_seen_at": CREATED,
        "last_seen_at": NOW - 5 * MINUTE,
        "status": of.status,
        "engine": of.engine,
        "engine_version": of.engine_version,
        "uri": of.endpoint.uri if isinstance(of.endpoint, Endpoint) else "",
        "tags": None if of.tags is UNKNOWN else replace(of.tags, confirmed=False),
        "vpc_id": None if of.vpc_id is UNKNOWN else of.vpc_id,
        "vpc_known": of.vpc_id is not UNKNOWN,
        "iam": LastVerdict(IamVerdict.READY, ("alice",)),
    }
    return RememberedCache(**{**fields, **more})


def journaled(database: Database, arn: Arn | None = None) -> Registration:
    return Registration(
        name=database.name,
        arn=arn or Arn(database.labels["cachemuster/arn"]),
        database=database,
        registered_at=CREATED,
        updated_at=CREATED,
    )


def inherited(database: Database) -> Registration:
    """One that another made, and that has never matched here."""
    return replace(journaled(database), inherited=True)


def removed(database: Database, revision: str = "r1") -> RemovedRegistration:
    """This state removed that revision of it."""
    return RemovedRegistration(
        name=database.name,
        arn=Arn(database.labels["cachemuster/arn"]),
        revision=revision,
        removed_at=NOW - 60 * MINUTE,
    )


def miss(
    of: Database, reason: Reason, *, scans: int = 1, minutes: int = 60, last: int = 5
) -> PendingRemoval:
    """A reason that has held for so many minutes, and did so again `last` minutes ago."""
    return PendingRemoval(
        name=of.name,
        arn=Arn(of.labels["cachemuster/arn"]),
        reason=reason,
        scans=scans,
        since=NOW - minutes * MINUTE,
        last_at=NOW - last * MINUTE,
    )


def make_state(
    *,
    caches: Iterable[RememberedCache] = (),
    registrations: Iterable[Registration] = (),
    removed: Iterable[RemovedRegistration] = (),
    pending_removals: Iterable[PendingRemoval] = (),
    **more: Any,
) -> RememberedState:
    fields: dict[str, Any] = {"finished_sweeps": 3, "matching_digest": DIGEST}
    return RememberedState(
        caches={each.arn: each for each in caches},
        registrations={each.name: each for each in registrations},
        removed={each.name: each for each in removed},
        pending_removals={each.name: each for each in pending_removals},
        **{**fields, **more},
    )


def open_intent(kind: IntentKind, of: Cache, name: str, old: str | None = None) -> OpenIntent:
    """A write that began ten minutes ago and has no outcome."""
    intent = Intent(
        sweep_id="before",
        kind=kind,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        arn=of.arn,
        scope=of.scope,
        name=ResourceName(name),
        previous_name=ResourceName(old) if old is not None else None,
        database=None,
        at=NOW - 10 * MINUTE,
    )
    return OpenIntent(intent_id=1, intent=intent)
