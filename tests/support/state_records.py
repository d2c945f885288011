"""Records with everything filled in, to be varied by tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from discovery.model.codes import Action, IamVerdict, Reason, ScopeStatus
from discovery.model.values import AccountId, Arn, Database, Region, ResourceName, Scope, Tags
from state.records import (
    HistoryEntry,
    Intent,
    IntentKind,
    LastVerdict,
    PendingRemoval,
    Registration,
    RememberedAccount,
    RememberedCache,
    RememberedScope,
    StateIdentity,
    SweepOutcome,
    SweepRecord,
    TakenName,
)

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
SCOPE = Scope(AccountId("111122223333"), Region("eu-central-1"))
OTHER_SCOPE = Scope(AccountId("444455556666"), Region("us-east-1"))
EXTERNAL_ID = "correct-horse-battery"

IDENTITY = StateIdentity(
    control_plane="embedded", cluster="/registry.db", group="prod", endpoint_override=False
)


def arn_of(name: str, scope: Scope = SCOPE) -> Arn:
    return Arn(f"arn:aws:elasticache:{scope.region}:{scope.account_id}:serverlesscache:{name}")


def database_of(name: str, cache: str = "sessions", **labels: str) -> Database:
    return Database(
        name=ResourceName(name),
        labels={
            "teleport.dev/origin": "dynamic",
            "managed-by": "cachemuster",
            "cachemuster/group": "prod",
            "cachemuster/arn": arn_of(cache),
            **labels,
        },
        description="ElastiCache Serverless cache in eu-central-1",
        spec={
            "protocol": "redis",
            "uri": f"{cache}-abc123.serverless.euc1.cache.amazonaws.com:6379",
            "aws": {
                "region": "eu-central-1",
                "account_id": "111122223333",
                "elasticache_serverless": {"cache_name": cache},
            },
        },
    )


def with_external_id(database: Database) -> Database:
    role = "arn:aws:iam::111122223333:role/connect"
    aws = {**database.spec["aws"], "assume_role_arn": role, "external_id": EXTERNAL_ID}
    return replace(database, spec={**database.spec, "aws": aws})


def cache_of(name: str, *, scope: Scope = SCOPE, at: datetime = START) -> RememberedCache:
    return RememberedCache(
        arn=arn_of(name, scope),
        scope=scope,
        name=name,
        created_at=START - timedelta(days=3, microseconds=1),
        first_seen_at=START,
        last_seen_at=at,
        status="available",
        engine="valkey",
        engine_version="8.0",
        uri=f"{name}-abc123.serverless.euc1.cache.amazonaws.com:6379",
        tags=Tags({"env": "prod", "ключ": "знач"}, at, confirmed=False),
        vpc_id="vpc-1",
        vpc_known=True,
        iam=LastVerdict(IamVerdict.READY),
    )


def scope_of(scope: Scope = SCOPE, *, at: datetime = START, caches: int = 1) -> RememberedScope:
    return RememberedScope(
        scope=scope,
        last_attempt_at=at,
        last_complete_at=at,
        failing_since=None,
        status=ScopeStatus.COMPLETE,
        reason=None,
        message="",
        caches=caches,
    )


def intent_of(
    kind: IntentKind = IntentKind.CREATE,
    name: str = "sessions",
    *,
    previous_name: str | None = None,
    at: datetime = START,
    database: Database | None = None,
    sweep: str = "sweep-1",
) -> Intent:
    action = {IntentKind.CREATE: Action.CREATE, IntentKind.DELETE: Action.DELETE}
    return Intent(
        sweep_id=sweep,
        kind=kind,
        action=action.get(kind, Action.UPDATE),
        reason=Reason.NEW if kind is IntentKind.CREATE else Reason.DRIFT,
        arn=arn_of("sessions"),
        scope=SCOPE,
        name=ResourceName(name),
        previous_name=ResourceName(previous_name) if previous_name else None,
        database=database or database_of(name),
        at=at,
    )


def registration_of(name: str, *, at: datetime = START) -> Registration:
    return Registration(
        name=ResourceName(name),
        arn=arn_of(name),
        database=database_of(name, name),
        registered_at=at,
        updated_at=at,
    )


def miss_of(name: str, *, scans: int = 1, at: datetime = START) -> PendingRemoval:
    return PendingRemoval(
        name=ResourceName(name),
        arn=arn_of(name),
        reason=Reason.ABSENT,
        scans=scans,
        since=START,
        last_at=at,
    )


def entry_of(
    message: str, *, at: datetime = START, name: str = "sessions", sweep: str = "sweep-1"
) -> HistoryEntry:
    return HistoryEntry(
        at=at,
        sweep_id=sweep,
        arn=arn_of("sessions"),
        scope=SCOPE,
        name=ResourceName(name),
        previous_name=None,
        action=Action.HELD,
        reason=Reason.WAITING,
        message=message,
    )


def record_of(number: int, at: datetime = START) -> SweepRecord:
    return SweepRecord(
        sweep_id=f"sweep-{number}",
        started_at=at,
        finished_at=at + timedelta(seconds=7),
        complete=True,
        exit_code=0,
        checksum="ab" * 32,
        summary={"keep": 1, "create": 0},
    )


def outcome_of(
    number: int = 1,
    *,
    at: datetime = START,
    caches: tuple[RememberedCache, ...] = (),
    scopes: tuple[RememberedScope, ...] | None = None,
    pending_removals: tuple[PendingRemoval, ...] = (),
    taken: tuple[TakenName, ...] = (),
    gone: tuple[Arn, ...] = (),
    inherited: tuple[Registration, ...] = (),
    forgotten: tuple[ResourceName, ...] = (),
    history: tuple[HistoryEntry, ...] = (),
    finished: bool = True,
    named: tuple[RememberedAccount, ...] = (),
    unnamed: Iterable[AccountId] = (),
) -> SweepOutcome:
    return SweepOutcome(
        record=record_of(number, at),
        identity=IDENTITY,
        finished=finished,
        matching_digest=f"digest-{number}",
        scopes=scopes if scopes is not None else (scope_of(at=at, caches=len(caches)),),
        accounts_read=named,
        accounts_forgotten=frozenset(unnamed),
        caches_seen=caches,
        caches_gone=gone,
        registrations_forgotten=forgotten,
        registrations_inherited=inherited,
        pending_removals=pending_removals,
        taken=taken,
        history=history,
    )
