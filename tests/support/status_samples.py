"""A state of many caches and the sweeps before it, made up but like a real one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

from discovery.model.codes import IamVerdict, ScopeReason, ScopeStatus
from discovery.model.values import AccountId, Region, ResourceName, Scope
from discovery.reports.status import Status
from state.records import (
    LastVerdict,
    Registration,
    RememberedCache,
    RememberedScope,
    RememberedState,
    StateIdentity,
    SweepRecord,
    Total,
)
from tests.support.report_samples import arn, database

AT = datetime(2026, 11, 23, 9, 24, 7, tzinfo=UTC)
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
_ACCOUNTS = tuple(AccountId(f"{111_122_223_333 + 7_919 * place:012}") for place in range(5))


def sweep(at: datetime, **totals: int) -> SweepRecord:
    """A finished sweep that counted what there was."""
    return SweepRecord(
        sweep_id=f"{at:%Y%m%dT%H%M%S}-1f3a",
        started_at=at - timedelta(seconds=9),
        finished_at=at,
        complete=not totals.get(Total.UNREAD_SCOPES),
        exit_code=3 if totals.get(Total.UNREAD_SCOPES) else 0,
        checksum="8f1c" * 16,
        summary={"keep": totals.get(Total.REGISTRATIONS, 0)},
        totals=totals,
    )


def sweeps_over_time(days: int = 30) -> tuple[SweepRecord, ...]:
    """One sweep a day: the fleet grows, people repair what was found, an account fails a while."""
    return tuple(_sweep_of_day(day, days) for day in range(days))


def _sweep_of_day(day: int, days: int) -> SweepRecord:
    caches = 60 + day + round(3 * math.sin(day))
    not_ready = max(4, 30 - day)
    unknown = 3 if 12 <= day < 15 else 0
    return sweep(
        AT - timedelta(days=days - 1 - day),
        **{
            Total.REGISTRATIONS: caches - 6,
            Total.READY: caches - not_ready - unknown,
            Total.NOT_READY: not_ready,
            Total.UNKNOWN: unknown,
            Total.SCOPES: len(_ACCOUNTS) * len(REGIONS),
            Total.UNREAD_SCOPES: 3 if 12 <= day < 15 else int(day >= days - 2),
        },
    )


def fleet_status(caches: int = 90) -> Status:
    """What state remembers after the last of `sweeps_over_time`."""
    scopes = [Scope(account, Region(name)) for account in _ACCOUNTS for name in REGIONS]
    remembered = [_cache(number, scopes[number % len(scopes)]) for number in range(caches)]
    registrations = [_registration(one) for one in remembered if one.iam is not None]
    state = RememberedState(
        caches={one.arn: one for one in remembered},
        registrations={one.name: one for one in registrations},
        scopes={scope: _scope(scope, failing=scope == scopes[-1]) for scope in scopes},
        finished_sweeps=30,
        identity=StateIdentity(
            control_plane="teleport",
            cluster="teleport.example.com",
            group="prod",
            endpoint_override=False,
        ),
        last_sweep=sweeps_over_time()[-1],
    )
    return Status(state=state, path=Path("/var/lib/cachemuster/cachemuster.db"), now=AT)


def _cache(number: int, scope: Scope) -> RememberedCache:
    name = f"orders-{number}"
    verdict = IamVerdict.NOT_READY if number % 15 in (1, 4) and number < 30 else IamVerdict.READY
    return RememberedCache(
        arn=arn(name, scope),
        scope=scope,
        name=name,
        created_at=AT - timedelta(days=90),
        first_seen_at=AT - timedelta(days=80),
        last_seen_at=AT,
        status="available",
        engine="valkey",
        engine_version="8.1",
        uri=f"{name}-abc123.serverless.euw1.cache.amazonaws.com:6379",
        tags=None,
        vpc_id="vpc-1",
        vpc_known=True,
        iam=LastVerdict(verdict) if number % 16 != 5 else None,
    )


def _registration(cache: RememberedCache) -> Registration:
    resource = database(cache.name, cache.scope)
    return Registration(
        name=ResourceName(resource.name),
        arn=cache.arn,
        database=resource,
        registered_at=AT - timedelta(days=70),
        updated_at=AT - timedelta(days=7),
    )


def _scope(scope: Scope, *, failing: bool) -> RememberedScope:
    since = AT - timedelta(days=2)
    return RememberedScope(
        scope=scope,
        last_attempt_at=AT,
        last_complete_at=since if failing else AT,
        failing_since=since if failing else None,
        status=ScopeStatus.FAILED if failing else ScopeStatus.COMPLETE,
        reason=ScopeReason.ASSUME_ROLE_DENIED if failing else None,
        message="AWS denied sts:AssumeRole; nothing there was changed." if failing else "",
        caches=6,
        failures=2 if failing else 0,
    )
