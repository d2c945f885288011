"""Records to rows and back. What is decoded equals what was encoded, but for secrets.

External ids never get here in the clear: `spec.aws.external_id` is stored as its fingerprint, and
what a control plane needs back on a write (`revision`, `opaque`) is not stored at all.

Instants that many rows share are stored once. A cache that the last complete scan of its scope saw
has `=` for `last_seen_at`, and `=` for `tags_read_at` when most caches of its scope had their tags
read at that instant; a scope has `=` for the instant that scopes share most, the tick.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from discovery.model.agent import Agent
from discovery.model.codes import (
    Action,
    FindingCode,
    IamVerdict,
    Reason,
    ScopeReason,
    ScopeStatus,
)
from discovery.model.fingerprint import redacted, redacted_change
from discovery.model.interning import intern_mapping, intern_text
from discovery.model.values import (
    AccountId,
    Arn,
    Change,
    Database,
    Region,
    ResourceName,
    Scope,
    Tags,
)
from state.records import (
    Episode,
    HistoryEntry,
    HistoryEvent,
    Intent,
    IntentKind,
    LastVerdict,
    PendingRemoval,
    Registration,
    RememberedCache,
    RememberedRegions,
    RemovedRegistration,
    ScopeMemory,
    StateIdentity,
    SweepRecord,
    TakenName,
)

Row = dict[str, Any]

SHARED = "="


def to_iso(at: datetime) -> str:
    """An aware datetime as text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def from_iso(text: str) -> datetime:
    """The aware UTC datetime of `instant`."""
    return datetime.fromisoformat(text)


def most_common(instants: Iterable[datetime | None]) -> datetime | None:
    """The instant that occurs most often, the earliest of several; None when there is none."""
    counts = Counter(at for at in instants if at is not None)
    return min(counts, key=lambda at: (-counts[at], at), default=None)


def tree(value: object) -> str:
    """JSON with sorted keys: equal trees, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)


def scope_columns(scope: Scope) -> Row:
    return {"account_id": scope.account_id, "region": scope.region or ""}


def scope_of(row: Row) -> Scope:
    region = Region(intern_text(row["region"])) if row["region"] else None
    return Scope(AccountId(intern_text(row["account_id"])), region)


def database_text(database: Database) -> str:
    """The resource as JSON, redacted."""
    return tree(
        {
            "name": database.name,
            "labels": database.labels,
            "description": database.description,
            "spec": redacted(database.spec),
            "metadata": database.metadata,
        }
    )


def database_of(text: str) -> Database:
    return Database(**json.loads(text, object_pairs_hook=intern_mapping))


def scope_row(memory: ScopeMemory, tick: datetime | None, tags_read_at: datetime | None) -> Row:
    return {
        **scope_columns(memory.scope),
        "last_attempt_at": _or_shared(memory.last_attempt_at, tick),
        "last_complete_at": _or_shared(memory.last_complete_at, tick),
        "failing_since": _text(memory.failing_since),
        "status": memory.status,
        "reason": memory.reason,
        "message": memory.message,
        "caches": memory.caches,
        "tags_read_at": _or_shared(tags_read_at, tick),
        "failures": memory.failures,
    }


def scope_memory(row: Row, tick: datetime | None) -> ScopeMemory:
    attempt = _or_from(row["last_attempt_at"], tick)
    if attempt is None:
        raise ValueError("a scope without a last attempt")
    return ScopeMemory(
        scope=scope_of(row),
        last_attempt_at=attempt,
        last_complete_at=_or_from(row["last_complete_at"], tick),
        failing_since=_moment(row["failing_since"]),
        status=ScopeStatus(row["status"]),
        reason=ScopeReason(row["reason"]) if row["reason"] is not None else None,
        message=row["message"],
        caches=row["caches"],
        failures=row["failures"],
    )


def scope_tags_read_at(row: Row, tick: datetime | None) -> datetime | None:
    return _or_from(row["tags_read_at"], tick)


def regions_row(remembered: RememberedRegions) -> Row:
    return {
        "account_id": remembered.account_id,
        "regions": " ".join(sorted(remembered.regions)),
        "read_at": to_iso(remembered.read_at),
    }


def remembered_regions(row: Row) -> RememberedRegions:
    return RememberedRegions(
        account_id=AccountId(row["account_id"]),
        regions=frozenset(Region(name) for name in row["regions"].split()),
        read_at=from_iso(row["read_at"]),
    )


def cache_row(
    cache: RememberedCache, scope_seen_at: datetime | None, scope_tags_at: datetime | None
) -> Row:
    tags = cache.tags
    return {
        "arn": cache.arn,
        **scope_columns(cache.scope),
        "name": cache.name,
        "created_at": _text(cache.created_at),
        "first_seen_at": to_iso(cache.first_seen_at),
        "last_seen_at": _or_shared(cache.last_seen_at, scope_seen_at),
        "status": cache.status,
        "engine": cache.engine,
        "engine_version": cache.engine_version,
        "uri": cache.uri,
        "tags": tree(tags.values) if tags else None,
        "tags_read_at": _or_shared(tags.read_at, scope_tags_at) if tags else None,
        "vpc_id": cache.vpc_id,
        "vpc_known": int(cache.vpc_known),
        "iam_verdict": cache.iam.verdict if cache.iam else None,
        "iam_users": tree(cache.iam.users if cache.iam else ()),
        "iam_codes": " ".join(cache.iam.codes if cache.iam else ()),
    }


def remembered_cache(
    row: Row, scope_seen_at: datetime | None, scope_tags_at: datetime | None
) -> RememberedCache:
    seen = _or_from(row["last_seen_at"], scope_seen_at)
    if seen is None:
        raise ValueError("a cache that was never seen")
    return RememberedCache(
        arn=Arn(intern_text(row["arn"])),
        scope=scope_of(row),
        name=intern_text(row["name"]),
        created_at=_moment(row["created_at"]),
        first_seen_at=from_iso(row["first_seen_at"]),
        last_seen_at=seen,
        status=intern_text(row["status"]),
        engine=intern_text(row["engine"]),
        engine_version=intern_text(row["engine_version"]),
        uri=intern_text(row["uri"]),
        tags=_tags(row["tags"], _or_from(row["tags_read_at"], scope_tags_at)),
        vpc_id=intern_text(row["vpc_id"]) if row["vpc_id"] is not None else None,
        vpc_known=bool(row["vpc_known"]),
        iam=_last_verdict(row),
    )


def _last_verdict(row: Row) -> LastVerdict | None:
    if row["iam_verdict"] is None:
        return None
    codes = tuple(FindingCode(code) for code in row["iam_codes"].split())
    return LastVerdict(
        IamVerdict(row["iam_verdict"]), tuple(map(intern_text, json.loads(row["iam_users"]))), codes
    )


def _tags(text: str | None, read_at: datetime | None) -> Tags | None:
    if text is None:
        return None
    if read_at is None:
        raise ValueError("tags without the time they were read")
    return Tags(json.loads(text, object_pairs_hook=intern_mapping), read_at, confirmed=False)


def registration_row(registration: Registration) -> Row:
    return {
        "name": registration.name,
        "arn": registration.arn,
        "database": database_text(registration.database),
        "registered_at": to_iso(registration.registered_at),
        "updated_at": to_iso(registration.updated_at),
        "inherited": int(registration.inherited),
    }


def registration_of(row: Row) -> Registration:
    return Registration(
        name=ResourceName(intern_text(row["name"])),
        arn=Arn(intern_text(row["arn"])),
        database=database_of(row["database"]),
        registered_at=from_iso(row["registered_at"]),
        updated_at=from_iso(row["updated_at"]),
        inherited=bool(row["inherited"]),
    )


def removed_row(removed: RemovedRegistration) -> Row:
    return {
        "name": removed.name,
        "arn": removed.arn,
        "revision": removed.revision,
        "removed_at": to_iso(removed.removed_at),
    }


def removed_registration(row: Row) -> RemovedRegistration:
    return RemovedRegistration(
        name=ResourceName(row["name"]),
        arn=Arn(row["arn"]),
        revision=row["revision"],
        removed_at=from_iso(row["removed_at"]),
    )


def miss_row(miss: PendingRemoval) -> Row:
    return {
        "name": miss.name,
        "arn": miss.arn,
        "reason": miss.reason,
        "scans": miss.scans,
        "since": to_iso(miss.since),
        "last_at": to_iso(miss.last_at),
    }


def miss_of(row: Row) -> PendingRemoval:
    return PendingRemoval(
        name=ResourceName(row["name"]),
        arn=Arn(row["arn"]),
        reason=Reason(row["reason"]),
        scans=row["scans"],
        since=from_iso(row["since"]),
        last_at=from_iso(row["last_at"]),
    )


def taken_row(taken: TakenName) -> Row:
    return {"name": taken.name, "arn": taken.arn, "since": to_iso(taken.since)}


def taken_of(row: Row) -> TakenName:
    return TakenName(
        name=ResourceName(row["name"]), arn=Arn(row["arn"]), since=from_iso(row["since"])
    )


def intent_row(intent: Intent) -> Row:
    return {
        "sweep_id": intent.sweep_id,
        "kind": intent.kind,
        "action": intent.action,
        "reason": intent.reason,
        "arn": intent.arn,
        **scope_columns(intent.scope),
        "name": intent.name,
        "previous_name": intent.previous_name,
        "database": database_text(intent.database) if intent.database else None,
        "at": to_iso(intent.at),
        "changes": changes_text(intent.changes),
        "revision": intent.revision,
    }


def intent_of(row: Row) -> Intent:
    return Intent(
        sweep_id=row["sweep_id"],
        kind=IntentKind(row["kind"]),
        action=Action(row["action"]),
        reason=Reason(row["reason"]),
        arn=Arn(row["arn"]),
        scope=scope_of(row),
        name=ResourceName(row["name"]),
        previous_name=_name(row["previous_name"]),
        database=database_of(row["database"]) if row["database"] is not None else None,
        at=from_iso(row["at"]),
        changes=changes_of(row["changes"]),
        revision=row["revision"],
    )


def changes_text(changes: Iterable[Change]) -> str:
    """The changes as JSON, external ids as fingerprints."""
    shown = map(redacted_change, changes)
    return tree([{"field": each.field, "old": each.old, "new": each.new} for each in shown])


def changes_of(text: str) -> tuple[Change, ...]:
    return tuple(Change(**each) for each in json.loads(text))


def history_row(entry: HistoryEntry) -> Row:
    scope = scope_columns(entry.scope) if entry.scope else {"account_id": "", "region": ""}
    return {
        "at": to_iso(entry.at),
        "sweep_id": entry.sweep_id,
        "event": entry.event,
        "step": entry.event.step,
        "arn": entry.arn,
        **scope,
        "name": entry.name,
        "previous_name": entry.previous_name,
        "action": entry.action or "",
        "reason": entry.reason,
        "message": entry.message,
        "host": entry.agent.host,
        "version": entry.agent.version,
        "changes": changes_text(entry.changes),
    }


def history_entry(row: Row) -> HistoryEntry:
    return HistoryEntry(
        at=from_iso(row["at"]),
        sweep_id=row["sweep_id"],
        event=HistoryEvent(row["event"]),
        arn=Arn(row["arn"]) if row["arn"] is not None else None,
        scope=scope_of(row) if row["account_id"] else None,
        name=_name(row["name"]),
        previous_name=_name(row["previous_name"]),
        action=Action(row["action"]) if row["action"] else None,
        reason=row["reason"],
        message=row["message"],
        changes=changes_of(row["changes"]),
        agent=Agent(row["host"], row["version"]),
        checksum=row["checksum"] or "",
    )


def sweep_row(record: SweepRecord) -> Row:
    return {
        "sweep_id": record.sweep_id,
        "started_at": to_iso(record.started_at),
        "finished_at": to_iso(record.finished_at),
        "complete": int(record.complete),
        "exit_code": record.exit_code,
        "checksum": record.checksum,
        "summary": tree(record.summary),
    }


def sweep_record(row: Row) -> SweepRecord:
    return SweepRecord(
        sweep_id=row["sweep_id"],
        started_at=from_iso(row["started_at"]),
        finished_at=from_iso(row["finished_at"]),
        complete=bool(row["complete"]),
        exit_code=row["exit_code"],
        checksum=row["checksum"],
        summary=json.loads(row["summary"]),
    )


def episodes_text(episodes: Mapping[str, Episode]) -> str:
    return tree({key: [each.code, to_iso(each.since)] for key, each in episodes.items()})


def episodes_of(text: str) -> dict[str, Episode]:
    found = json.loads(text).items()
    return {key: Episode(code, from_iso(since)) for key, (code, since) in found}


def identity_text(identity: StateIdentity) -> str:
    return tree(
        {
            "control_plane": identity.control_plane,
            "cluster": identity.cluster,
            "group": identity.group,
            "endpoint_override": identity.endpoint_override,
        }
    )


def identity_of(text: str) -> StateIdentity:
    return StateIdentity(**json.loads(text))


def changed(rows: Iterable[Row], stored: Mapping[Any, Row], key: str) -> list[Row]:
    """The rows that differ from the stored one with the same key."""
    return [row for row in rows if stored.get(row[key]) != row]


def _text(at: datetime | None) -> str | None:
    return to_iso(at) if at is not None else None


def _moment(text: str | None) -> datetime | None:
    return from_iso(text) if text is not None else None


def _name(text: str | None) -> ResourceName | None:
    return ResourceName(text) if text is not None else None


def _or_shared(at: datetime | None, shared: datetime | None) -> str | None:
    if at is None:
        return None
    return SHARED if at == shared else to_iso(at)


def _or_from(text: str | None, shared: datetime | None) -> datetime | None:
    if text == SHARED:
        if shared is None:
            raise ValueError("a shared instant that is not there")
        return shared
    return _moment(text)
