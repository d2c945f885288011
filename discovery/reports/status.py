"""What the state file remembers, as `status` shows it, and the JSON document of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from discovery.model.codes import ProbeOutcome, ScopeStatus
from discovery.model.ownership import parse_cache_arn
from discovery.plan.removal import CACHE_GOES
from discovery.reports.document import timestamp, write_json
from discovery.reports.summary import clock_time, counted
from state.lock import FREE, LockStatus
from state.records import (
    OpenIntent,
    PendingRemoval,
    Registration,
    RememberedRegions,
    RememberedScope,
    RememberedState,
    SweepRecord,
    TakenName,
)

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the state file remembers, with the time and place it was read."""

    state: RememberedState
    path: Path | str
    """Path of the file, or URL of the snapshot."""
    now: datetime
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts, as far as they are known."""
    missed_sweeps: int = 2
    grace: timedelta = timedelta(minutes=10)
    """How long a reason has to hold before a removal, as configured (R3)."""
    service: LockStatus = FREE
    """Whether a service uses the state file now."""

    @property
    def scopes(self) -> tuple[RememberedScope, ...]:
        """Remembered scopes, by account and region."""
        return tuple(sorted(self.state.scopes.values(), key=lambda one: one.scope.key))

    @property
    def unread(self) -> tuple[RememberedScope, ...]:
        """Scopes whose last scan failed."""
        return tuple(one for one in self.scopes if one.status is ScopeStatus.FAILED)

    @property
    def incomplete(self) -> tuple[RememberedScope, ...]:
        """Scopes that are unread, or were read without a fact that should have been there."""
        return tuple(
            one
            for one in self.scopes
            if one.status is ScopeStatus.FAILED
            or (one.status is ScopeStatus.COMPLETE and one.message)
        )

    @property
    def oldest(self) -> RememberedScope | None:
        """The scope whose last complete scan is the longest ago; None when there was none."""
        read = [one for one in self.scopes if one.scope.region and one.last_complete_at]
        return min(read, key=lambda one: one.last_complete_at or self.now, default=None)

    @property
    def paused_until(self) -> datetime | None:
        """Until when writes are paused; None when they are not."""
        return self.state.pause_at(self.now)

    @property
    def waiting(self) -> tuple[PendingRemoval, ...]:
        """Removals that follow once their reason has held, by name."""
        return tuple(each for each in self._pending if not self.is_held(each))

    @property
    def of_another_agent(self) -> tuple[PendingRemoval, ...]:
        """Registrations that are kept because another agent of the group may need them (R2)."""
        return tuple(each for each in self._pending if self.is_held(each))

    @property
    def probes(self) -> Mapping[ProbeOutcome, int]:
        """How many caches had each outcome at the last login; empty when none was tried."""
        counts = Counter(each.outcome for each in self.state.probes.values())
        return {outcome: counts[outcome] for outcome in ProbeOutcome if counts[outcome]}

    @property
    def _pending(self) -> tuple[PendingRemoval, ...]:
        return tuple(miss for _, miss in sorted(self.state.pending_removals.items()))

    def is_held(self, miss: PendingRemoval) -> bool:
        """Tell whether only the end of the cache, or a person, removes the registration."""
        known = self.state.registrations.get(miss.name)
        inherited = known is not None and known.inherited
        return miss.reason not in CACHE_GOES and (inherited or miss.name in self.state.removed)

    def scans_left(self, miss: PendingRemoval) -> int:
        """Count the complete scans in which the reason has still to hold."""
        return max(0, self.missed_sweeps - miss.scans)

    def not_before(self, miss: PendingRemoval) -> datetime:
        """Return when the grace ends."""
        return miss.since + self.grace


def status_sentence(status: Status) -> str:
    """Sum the status up: `312 registrations in 41 accounts; 2 scopes unread since 09:14`."""
    registered = counted(len(status.state.registrations), "registration")
    parts = [f"{registered} in {counted(registered_accounts(status), 'account')}"]
    if status.paused_until is not None:
        parts.append(f"paused until {clock_time(status.paused_until, status.now)}")
    if status.waiting:
        parts.append(f"{len(status.waiting)} waiting")
    if status.of_another_agent:
        parts.append(f"{len(status.of_another_agent)} of another agent")
    if status.probes:
        words = [f"{count} {outcome.value}" for outcome, count in status.probes.items()]
        parts.append(f"last logins: {', '.join(words)}")
    if status.state.taken:
        parts.append(f"{counted(len(status.state.taken), 'name')} taken by others")
    since = [scope.failing_since for scope in status.unread if scope.failing_since]
    if status.unread:
        when = f" since {clock_time(min(since), status.now)}" if since else ""
        parts.append(f"{counted(len(status.unread), 'scope')} unread{when}")
    return "; ".join(parts)


def service_sentence(status: Status) -> str:
    """Say whether a service runs, since when, and when its next sweep is due."""
    service, holder = status.service, status.service.holder
    if not service.is_held:
        return "No service runs with this state file"
    if holder is None:
        return "A service runs with this state file"
    runs = f"A service has run since {clock_time(holder.started_at, status.now)} on {holder.host}"
    due = holder.next_sweep_at
    if due is None:
        return f"{runs}, and is sweeping now"
    verb = "is" if due > status.now else "was"
    return f"{runs}; its next sweep {verb} due at {clock_time(due, status.now)}"


def registered_accounts(status: Status) -> int:
    """Count the accounts that registrations are of."""
    parsed = (parse_cache_arn(one.arn) for one in status.state.registrations.values())
    return len({each.account_id if each else "" for each in parsed})


def write_status_document(status: Status, stream: TextIO) -> None:
    """Write one JSON document; times are RFC 3339 UTC."""
    write_json(status_document(status), stream)


def status_document(status: Status) -> dict[str, Any]:
    """Return what is remembered as one value; null and empty where nothing is."""
    state, identity = status.state, status.state.identity
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": timestamp(status.now),
        "state": str(status.path),
        "belongs_to": identity
        and {
            "control_plane": identity.control_plane,
            "cluster": identity.cluster,
            "group": identity.group,
            "endpoint_override": identity.endpoint_override,
        },
        "service": _service(status.service),
        "paused_until": status.paused_until and timestamp(status.paused_until),
        "finished_sweeps": state.finished_sweeps,
        "last_sweep": state.last_sweep and _sweep(state.last_sweep),
        "oldest_complete_scan": status.oldest and _scope(status.oldest, status),
        "regions": [_regions(each, status) for _, each in sorted(state.regions.items())],
        "scopes": [_scope(scope, status) for scope in status.scopes],
        "registrations": [_registration(one) for _, one in sorted(state.registrations.items())],
        "waiting": [_miss(miss, status) for miss in status.waiting],
        "of_another_agent": [_miss(miss, status) for miss in status.of_another_agent],
        "taken_names": [_taken(taken) for _, taken in sorted(state.taken.items())],
        "probes": {outcome.value: count for outcome, count in status.probes.items()},
        "unfinished": [_unfinished(one) for one in state.open_intents],
    }


def _service(service: LockStatus) -> dict[str, Any]:
    holder = service.holder
    due = holder.next_sweep_at if holder is not None else None
    return {
        "running": service.is_held,
        "since": holder and timestamp(holder.started_at),
        "next_sweep_at": due and timestamp(due),
        "host": holder and holder.host,
        "pid": holder and holder.pid,
    }


def _sweep(record: SweepRecord) -> dict[str, Any]:
    return {
        "sweep_id": record.sweep_id,
        "started_at": timestamp(record.started_at),
        "finished_at": timestamp(record.finished_at),
        "complete": record.complete,
        "exit_code": record.exit_code,
        "checksum": record.checksum,
        "summary": dict(record.summary),
    }


def _regions(listed: RememberedRegions, status: Status) -> dict[str, Any]:
    return {
        "account_id": listed.account_id,
        "account_name": status.account_names.get(listed.account_id),
        "as_of": timestamp(listed.read_at),
        "enabled": sorted(listed.regions),
    }


def _scope(scope: RememberedScope, status: Status) -> dict[str, Any]:
    return {
        "account_id": scope.scope.account_id,
        "account_name": status.account_names.get(scope.scope.account_id),
        "region": scope.scope.region,
        "status": scope.status.value,
        "reason": scope.reason and scope.reason.value,
        "message": scope.message,
        "caches": scope.caches,
        "last_attempt_at": timestamp(scope.last_attempt_at),
        "last_complete_at": scope.last_complete_at and timestamp(scope.last_complete_at),
        "failing_since": scope.failing_since and timestamp(scope.failing_since),
        "failures": scope.failures,
    }


def _registration(one: Registration) -> dict[str, Any]:
    return {
        "name": one.name,
        "arn": one.arn,
        "registered_at": timestamp(one.registered_at),
        "updated_at": timestamp(one.updated_at),
        "inherited": one.inherited,
    }


def _miss(miss: PendingRemoval, status: Status) -> dict[str, Any]:
    return {
        "name": miss.name,
        "arn": miss.arn,
        "reason": miss.reason.value,
        "scans": miss.scans,
        "since": timestamp(miss.since),
        "last_at": timestamp(miss.last_at),
        "scans_left": status.scans_left(miss),
        "not_before": timestamp(status.not_before(miss)),
    }


def _taken(taken: TakenName) -> dict[str, Any]:
    return {"name": taken.name, "arn": taken.arn, "since": timestamp(taken.since)}


def _unfinished(one: OpenIntent) -> dict[str, Any]:
    intent = one.intent
    return {
        "name": intent.name,
        "arn": intent.arn,
        "action": intent.action.value,
        "reason": intent.reason.value,
        "at": timestamp(intent.at),
    }
