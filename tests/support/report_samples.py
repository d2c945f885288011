"""Reports made by hand: one of each kind of item, and builders for tables of tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from discovery.model.agent import Agent
from discovery.model.codes import (
    Action,
    FindingCode,
    GuardCode,
    IamVerdict,
    NoteCode,
    ProbeOutcome,
    ProbeStep,
    Reason,
    ScopeReason,
    Severity,
)
from discovery.model.ownership import parse_cache_arn
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
    ItemError,
    Note,
    Region,
    ResourceName,
    Scope,
    Skipped,
)
from discovery.plan.item import Item, MissCount, in_order
from discovery.plan.removal_guard import GuardVerdict
from discovery.probe.findings import with_logins
from discovery.reports.probes import ProbedLogin
from discovery.reports.report import Report

NOW = datetime(2026, 11, 23, 9, 24, 7, 250_000, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=10)
WEST = Scope(AccountId("111122223333"), Region("eu-west-1"))
EAST = Scope(AccountId("111122223333"), Region("us-east-1"))
OTHER = Scope(AccountId("444455556666"), Region("eu-west-1"))
SECRET = "connect-secret-1234"

CALM = GuardVerdict(
    refused=False,
    code=None,
    removals=0,
    population=5,
    limit=2,
    window=timedelta(hours=1),
    message="0 of at most 2 removals within 60 min",
)
REFUSED = replace(
    CALM,
    refused=True,
    code=GuardCode.GUARD_PERCENT,
    removals=3,
    message="3 removals within 60 min, but 30 % of 5 registrations allow 2; none was made",
)


def arn(name: str, scope: Scope = WEST) -> Arn:
    return Arn(f"arn:aws:elasticache:{scope.region}:{scope.account_id}:serverlesscache:{name}")


def cache(name: str, scope: Scope = WEST) -> Cache:
    assert scope.region is not None
    return Cache(
        arn=arn(name, scope),
        partition="aws",
        account_id=scope.account_id,
        region=scope.region,
        name=name,
        status="available",
        engine="valkey",
        engine_version="8.1",
        endpoint=Endpoint(f"{name}-abc123.serverless.euw1.cache.amazonaws.com", 6379),
        created_at=EARLIER,
        user_group_id="app",
    )


def database(name: str, scope: Scope = WEST, **labels: str) -> Database:
    return Database(
        name=ResourceName(f"{name}-elasticache-serverless-{scope.region}-{scope.account_id}"),
        labels={"managed-by": "cachemuster", "cachemuster/group": "prod", **labels},
        description=f"ElastiCache Serverless cache in {scope.region}",
        spec={
            "protocol": "redis",
            "uri": f"{name}-abc123.serverless.euw1.cache.amazonaws.com:6379",
            "aws": {
                "account_id": scope.account_id,
                "region": scope.region,
                "external_id": SECRET,
                "elasticache_serverless": {"cache_name": name},
            },
        },
    )


def item(
    action: Action, reason: Reason, cache: str = "orders", scope: Scope = WEST, /, **more: Any
) -> Item:
    resource = database(cache, scope)
    fields: dict[str, Any] = {
        "scope": scope,
        "arn": arn(cache, scope),
        "cache": cache,
        "name": resource.name,
        "matcher": "production",
        "action": action,
        "reason": reason,
        "message": f"why {cache} is {action.value}",
        "database": resource,
    }
    return Item(**{**fields, **more})


def finding(
    code: FindingCode = FindingCode.NO_IAM_USER, severity: Severity = Severity.BLOCKER
) -> Finding:
    return Finding(
        code,
        severity,
        "app",
        "User group app has no member that can log in with IAM.",
        (
            "aws elasticache create-user --user-id alice --user-name alice --engine valkey "
            "--access-string 'on ~* +@all' --authentication-mode Type=iam --region eu-west-1",
            "aws elasticache modify-user-group --user-group-id app --user-ids-to-add alice "
            "--region eu-west-1",
        ),
    )


def judged(*findings: Finding, verdict: IamVerdict = IamVerdict.NOT_READY) -> IamJudgement:
    return IamJudgement(verdict, NOW, (), findings)


def one_of_each() -> tuple[Item, ...]:
    """Items that together show everything a report can hold."""
    unready = judged(finding(), finding(FindingCode.DEFAULT_USER_OPEN, Severity.WARNING))
    ready = IamJudgement(IamVerdict.READY, NOW, ("alice",), ())
    return in_order(
        (
            item(Action.CREATE, Reason.NEW, "orders", iam=ready),
            item(
                Action.UPDATE,
                Reason.LABELS_CHANGED,
                "payments",
                iam=unready,
                changes=(
                    Change("/metadata/labels/env", "dev", "prod"),
                    Change("/spec/aws/external_id", "old-secret", SECRET),
                ),
            ),
            item(
                Action.UPDATE,
                Reason.RENAMED,
                "baskets",
                previous_name=ResourceName("baskets-by-hand"),
            ),
            item(Action.DELETE, Reason.ABSENT, "legacy", missed=MissCount(2, EARLIER)),
            item(Action.KEEP, Reason.UNCHANGED, "sessions", iam=unready),
            item(Action.KEEP, Reason.UNCHANGED, "tokens", iam=ready),
            item(Action.HELD, Reason.SCOPE_FAILED, "users", OTHER),
            item(Action.HELD, Reason.WAITING, "old", EAST, missed=MissCount(1, NOW)),
            item(
                Action.BLOCKED,
                Reason.NAME_COLLISION,
                "shared",
                message="shared and shared-2 want the name shared; give one of them another name",
                notes=(Note(NoteCode.TAG_KEY_DROPPED, "a b", "the key has a space"),),
            ),
            item(Action.CONFLICT, Reason.FOREIGN, "mine", arn=None, cache=None, matcher=None),
            item(Action.SKIPPED, Reason.NO_MATCHER, "scratch", name=None, database=None),
            item(Action.SKIPPED, Reason.ENGINE, "pages", EAST, name=None, database=None),
        )
    )


def probed(items: Iterable[Item]) -> tuple[Item, ...]:
    """The same items after logins to four caches, each with another outcome."""
    logins = (
        login("orders", ProbeOutcome.PROVED, ProbeStep.PING, "logged in"),
        login("payments", ProbeOutcome.REFUSED, ProbeStep.AUTH, "the cache refused the token"),
        login("sessions", ProbeOutcome.UNREACHABLE, ProbeStep.TCP, "nothing answered at the port"),
        login("tokens", ProbeOutcome.UNPROVED, ProbeStep.AUTH, "AWS throttles logins with IAM"),
    )
    found = (replace(one, found=cache(one.cache)) if one.cache else one for one in items)
    return with_logins(found, logins, "agent-1")


def login(name: str, outcome: ProbeOutcome, step: ProbeStep, cause: str) -> ProbedLogin:
    parsed = parse_cache_arn(arn(name))
    assert parsed is not None
    return ProbedLogin(
        cache=parsed,
        name=None,
        endpoint=None,
        user="alice",
        signer="arn:aws:iam::111122223333:role/teleport-connect",
        as_teleport=True,
        outcome=outcome,
        step=step,
        at=NOW,
        took=timedelta(milliseconds=20),
        cause=cause,
        remedy="" if outcome is ProbeOutcome.PROVED else f"what helps at {step.value}",
    )


def scopes() -> tuple[Complete | Failed | Skipped, ...]:
    complete = Complete(
        scope=WEST,
        started_at=EARLIER,
        duration_s=0.734,
        calls=7,
        caches=(cache("orders"), cache("payments")),
    )
    failed = Failed(
        scope=OTHER,
        started_at=EARLIER,
        duration_s=2.1,
        calls=3,
        reason=ScopeReason.THROTTLED,
        message="AWS throttled DescribeServerlessCaches; nothing here was changed.",
    )
    skipped = Skipped(
        scope=Scope(AccountId("111122223333"), Region("me-south-1")),
        started_at=EARLIER,
        reason=ScopeReason.REGION_NOT_ENABLED,
    )
    return (complete, failed, skipped)


def report(*items: Item, **more: Any) -> Report:
    fields: dict[str, Any] = {
        "sweep_id": "20261123T092404-1f3a",
        "agent": Agent("agent-1", "0.1.0"),
        "started_at": NOW - timedelta(seconds=3.2),
        "finished_at": NOW,
        "dry_run": True,
        "checksum": "ab" * 32,
        "endpoints": {},
        "scopes": scopes()[:1],
        "items": items,
        "guard": CALM,
    }
    return Report(**{**fields, **more})


def full_report(**more: Any) -> Report:
    fields = {"scopes": scopes(), "failing_since": {OTHER: EARLIER}}
    items = more.pop("items", None) or one_of_each()
    return report(*items, **{**fields, **more})


def carried_out(found: Report, *, failed: str | None = None) -> Report:
    """The same report of a sweep that wrote; the item of cache `failed` did not go through."""
    error = ItemError("UNAVAILABLE", "the control plane did not answer", retryable=True)
    items = (
        replace(one, applied=one.cache != failed, error=error if one.cache == failed else None)
        if one.action.writes
        else one
        for one in found.items
    )
    return replace(found, dry_run=False, items=tuple(items))
