"""A report of a large fleet, made up but like a real one: most is well, some is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from discovery.model.agent import Agent
from discovery.model.codes import (
    Action,
    FindingCode,
    GuardCode,
    IamVerdict,
    NoteCode,
    Reason,
    ScopeReason,
    Severity,
)
from discovery.model.values import (
    AccountId,
    Arn,
    Cache,
    Change,
    Complete,
    Database,
    Endpoint,
    Failed,
    Finding,
    IamJudgement,
    Note,
    Region,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
)
from discovery.plan.item import Item, MissCount, in_order
from discovery.plan.removal_guard import GuardVerdict
from discovery.reports.report import Report

AT = datetime(2026, 11, 23, 9, 24, 7, tzinfo=UTC)
REGIONS = ("ap-southeast-2", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
_KINDS = ("orders", "payments", "sessions", "baskets", "tokens", "search-index", "price-list")
_A_SCOPE = 8
"""Caches in a scope."""
_READY = IamJudgement(IamVerdict.READY, AT, ("app-reader", "app-writer"), ())
_GUARD = GuardVerdict(
    refused=True,
    code=GuardCode.GUARD_COUNT,
    removals=24,
    population=300,
    limit=20,
    window=timedelta(hours=1),
    message="24 removals within 60 min, but deregistration.max_count is 20; none of the 24 planned "
    "was made. Look at them, then run a sweep with --allow-mass-removal 24",
)


def fleet_report(caches: int, *, calm: bool = False) -> Report:
    """A dry run over `caches` caches; calm: all are kept, and a person can log in to each."""
    scopes = tuple(_scope(place, calm) for place in range(-(-caches // _A_SCOPE)))
    items = (_item(number, scopes[number // _A_SCOPE], calm) for number in range(caches))
    return Report(
        sweep_id="20261123T092404-1f3a",
        agent=Agent("agent-1", "0.1.0"),
        started_at=AT - timedelta(seconds=12.4),
        finished_at=AT,
        dry_run=True,
        checksum="8f1c" * 16,
        endpoints={},
        scopes=scopes,
        items=in_order(items),
        guard=_GUARD,
        failing_since={one.scope: AT - timedelta(hours=3) for one in scopes},
    )


def _scope(place: int, calm: bool) -> Scanned:
    account = AccountId(f"{111_122_223_333 + 7_919 * (place // len(REGIONS)):012}")
    scope = Scope(account, Region(REGIONS[place % len(REGIONS)]))
    if not calm and place % 17 == 11:
        shown = (
            "AWS denied elasticache:DescribeServerlessCaches; nothing there was changed. Add it."
        )
        return Failed(scope=scope, started_at=AT, reason=ScopeReason.DENIED, message=shown)
    if not calm and place % 13 == 7:
        return Skipped(scope=scope, started_at=AT, reason=ScopeReason.REGION_NOT_ENABLED)
    partly = "the tagging API was throttled; last known tags are used"
    found = tuple(_cache(f"cache-{one}", scope) for one in range(_A_SCOPE))
    message = partly if not calm and place % 19 == 5 else ""
    return Complete(scope=scope, started_at=AT, caches=found, message=message)


def _cache(name: str, scope: Scope) -> Cache:
    region = scope.region or Region("")
    return Cache(
        arn=Arn(f"arn:aws:elasticache:{region}:{scope.account_id}:serverlesscache:{name}"),
        partition="aws",
        account_id=scope.account_id,
        region=region,
        name=name,
        status="available",
        engine="valkey",
        engine_version="8.1",
        endpoint=Endpoint(f"{name}-abc123.serverless.{region}.cache.amazonaws.com", 6379),
        created_at=AT,
        user_group_id="app",
    )


def _item(number: int, scanned: Scanned, calm: bool) -> Item:
    scope = scanned.scope
    cache = f"{_KINDS[number % len(_KINDS)]}-{number}"
    name = ResourceName(f"{cache}-elasticache-serverless-{scope.region}-{scope.account_id}")
    action, reason, message = (
        (Action.KEEP, Reason.UNCHANGED, "") if calm else _planned(number, scanned)
    )
    notes: tuple[Note, ...] = ()
    if not calm and number % 23 == 3:
        notes = (Note(NoteCode.TAG_KEY_DROPPED, "cost centre", "the key holds a space"),)
    changed = (Change("/metadata/labels/env", "dev", "prod"),) if reason.endswith("CHANGED") else ()
    return Item(
        scope=scope,
        arn=_cache(cache, scope).arn,
        cache=cache,
        name=name,
        matcher="production",
        action=action,
        reason=reason,
        message=message,
        notes=notes,
        changes=changed,
        missed=MissCount(1, AT) if reason is Reason.WAITING else None,
        iam=_READY if calm else _judged(number, cache, scope),
        database=_database(cache, name, scope),
    )


def _planned(number: int, scanned: Scanned) -> tuple[Action, Reason, str]:
    if not isinstance(scanned, Complete):
        return Action.HELD, Reason.SCOPE_FAILED, "its scope was not read, so nothing is known of it"
    turns = {
        1: (Action.CREATE, Reason.NEW, "found, wanted, not registered yet"),
        5: (Action.UPDATE, Reason.LABELS_CHANGED, "its tags changed"),
        8: (Action.BLOCKED, Reason.NAME_COLLISION, "two caches want this name; rename one of them"),
        11: (Action.HELD, Reason.WAITING, "gone for 1 of 2 scans, to be removed after 10 min"),
        17: (Action.HELD, Reason.GUARD_COUNT, "its removal waits for leave: too many at once"),
        20: (Action.CONFLICT, Reason.FOREIGN, "the name is taken by what somebody else registered"),
        26: (Action.SKIPPED, Reason.NO_MATCHER, "no matcher takes it: production wants env=prod"),
    }
    return turns.get(number % 30, (Action.KEEP, Reason.UNCHANGED, ""))


def _judged(number: int, cache: str, scope: Scope) -> IamJudgement | None:
    if number % 30 in (11, 20, 26):
        return None
    if number % 7 == 3:
        return IamJudgement(IamVerdict.NOT_READY, AT, (), (_no_user(cache, scope), _open(scope)))
    if number % 9 == 4:
        return IamJudgement(IamVerdict.READY, AT, ("app-reader",), (_open(scope),))
    if number % 41 == 6:
        return IamJudgement(IamVerdict.UNKNOWN, None, (), (_unread(cache),))
    return _READY


def _no_user(cache: str, scope: Scope) -> Finding:
    end = f"--region {scope.region}"
    return Finding(
        FindingCode.NO_IAM_USER,
        Severity.BLOCKER,
        cache,
        f"user group {cache} has no member that can log in with IAM; clients use a password",
        (
            f"# account {scope.account_id}",
            f"aws elasticache create-user --user-id {cache}-iam --user-name {cache}-iam --engine "
            f"valkey --access-string 'on ~app:* -@all +@read' --authentication-mode Type=iam {end}",
            f"aws elasticache modify-user-group --user-group-id {cache} --user-ids-to-add "
            f"{cache}-iam {end}",
        ),
    )


def _open(scope: Scope) -> Finding:
    return Finding(
        FindingCode.DEFAULT_USER_OPEN,
        Severity.WARNING,
        "default",
        "the default user is on and needs no password: whoever reaches the cache is in, and "
        "`tsh db connect` without --db-user lands there",
        (
            f"# account {scope.account_id}",
            "aws elasticache modify-user --user-id default --access-string 'off -@all' "
            f"--region {scope.region}",
        ),
    )


def _unread(cache: str) -> Finding:
    shown = f"the users of {cache} could not be read; the agent's role lacks DescribeUsers"
    return Finding(FindingCode.USERS_UNREADABLE, Severity.INFO, cache, shown)


def _database(cache: str, name: ResourceName, scope: Scope) -> Database:
    labels = {
        "account-id": scope.account_id,
        "cachemuster/group": "prod",
        "cachemuster/iam-auth": "ready",
        "engine": "valkey",
        "env": "prod",
        "managed-by": "cachemuster",
        "region": str(scope.region),
        "team": "checkout",
        "teleport.dev/origin": "dynamic",
    }
    uri = f"{cache}-abc123.serverless.euw1.cache.amazonaws.com:6379"
    return Database(name, labels, f"ElastiCache Serverless cache in {scope.region}", {"uri": uri})
