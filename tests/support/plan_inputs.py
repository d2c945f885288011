"""Caches, users, rules, memories and situations with everything filled in, to be varied by tests.

The defaults are one quiet world: a valkey cache in a complete scope, one user who can log in, one
matcher that takes everything, and a state file that has seen three sweeps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from discovery.model.codes import Action, NoteCode, ScopeReason
from discovery.model.values import (
    AccountId,
    Arn,
    Cache,
    CacheUser,
    Complete,
    Database,
    Endpoint,
    Failed,
    KnownCache,
    Note,
    Region,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
    Tags,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item
from discovery.plan.lookups import LookUp
from discovery.plan.plan import Plan, make_plan
from discovery.plan.rules import Budget, Rules
from discovery.plan.targets import Targets
from matchers.matcher import Matcher
from matchers.regions import RegionList
from matchers.selectors import Selector, TagExclusion, TagSelector
from state.records import RememberedState
from tests.support.plan_state import CREATED, DIGEST, NOW, make_state

ACCOUNT, OTHER_ACCOUNT = AccountId("111122223333"), AccountId("444455556666")
WEST = Scope(ACCOUNT, Region("eu-west-1"))
EAST = Scope(ACCOUNT, Region("us-east-1"))
ABROAD = Scope(OTHER_ACCOUNT, Region("eu-west-1"))
GROUP = "prod"


def arn_of(name: str, scope: Scope = WEST) -> Arn:
    return Arn(f"arn:aws:elasticache:{scope.region}:{scope.account_id}:serverlesscache:{name}")


def name_in(name: str, scope: Scope = WEST) -> ResourceName:
    """The generated name of a cache whose own name holds no part of the suffix."""
    return ResourceName(f"{name}-elasticache-serverless-{scope.region}-{scope.account_id}")


def tagged(values: Mapping[str, str] | None = None, **more: str) -> Tags:
    """Tags read just now, by `ListTagsForResource`."""
    return Tags({**(values or {}), **more}, read_at=NOW, confirmed=True)


def cache(name: str = "orders", scope: Scope = WEST, **more: Any) -> Cache:
    fields: dict[str, Any] = {
        "arn": arn_of(name, scope),
        "partition": "aws",
        "account_id": scope.account_id,
        "region": scope.region,
        "name": name,
        "status": "available",
        "engine": "valkey",
        "engine_version": "8.1",
        "endpoint": Endpoint(f"{name}-abc123.serverless.euw1.cache.amazonaws.com", 6379),
        "created_at": CREATED,
        "user_group_id": "app",
        "tags": tagged(),
        "vpc_id": "vpc-1",
    }
    return Cache(**{**fields, **more})


def known_cache(name: str = "orders", scope: Scope = WEST, **more: Any) -> KnownCache:
    """Make a cache of which every fact is known that a registration rests on."""
    known = cache(name, scope, **more)
    return KnownCache(
        **{each.name: getattr(known, each.name) for each in dataclasses.fields(known)}
    )


def user(user_id: str = "alice", **more: Any) -> CacheUser:
    """A user who can log in with IAM."""
    fields: dict[str, Any] = {
        "user_id": user_id,
        "user_name": user_id,
        "status": "active",
        "engine": "valkey",
        "access_string": "on ~* +@all",
        "authentication": "iam",
    }
    return CacheUser(**{**fields, **more})


def group(*user_ids: str, **more: Any) -> UserGroup:
    fields: dict[str, Any] = {"group_id": "app", "status": "active", "engine": "valkey"}
    return UserGroup(**{**fields, "user_ids": user_ids, **more})


def directory(groups: Iterable[UserGroup], *users: CacheUser) -> UsersAndGroups:
    return UsersAndGroups({g.group_id: g for g in groups}, {u.user_id: u for u in users}, NOW)


READY = directory([group("alice")], user())
UNREADY = directory([group("alice")], user(authentication="password"))


def matcher(
    name: str = "all",
    *,
    names: str = "*",
    tags: Mapping[str, str] | None = None,
    exclude: Mapping[str, str] | None = None,
    **more: Any,
) -> Matcher:
    """A matcher; one value is enough for each tag here."""
    wanted = {key: [value] for key, value in (tags or {"*": "*"}).items()}
    unwanted = {key: [value] for key, value in (exclude or {}).items()}
    return Matcher(
        name=name,
        names=Selector.of([names]),
        tags=TagSelector.of(wanted),
        exclude_tags=TagExclusion.of(unwanted),
        **more,
    )


def budget(**more: Any) -> Budget:
    fields: dict[str, Any] = {
        "window": timedelta(hours=1),
        "max_count": 20,
        "max_percent": 30,
        "min_allowed": 2,
        "allow_empty": False,
    }
    return Budget(**{**fields, **more})


def rules(*matchers: Matcher, **more: Any) -> Rules:
    fields: dict[str, Any] = {
        "group": GROUP,
        "matchers": matchers or (matcher(),),
        "matching_digest": DIGEST,
        "budget": budget(),
    }
    return Rules(**{**fields, **more})


def registered(
    of: Cache | None = None,
    *,
    under: Rules | None = None,
    users: UsersAndGroups | UnknownType = READY,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    spec: Mapping[str, Any] | None = None,
    **more: Any,
) -> Database:
    """What one sweep registers for a cache, as somebody may have changed it since."""
    made = create_of(of or cache(), under or rules(), users)
    kept = {key: value for key, value in made.labels.items() if key not in tuple(without)}
    return replace(
        made,
        name=ResourceName(name or made.name),
        labels={**kept, **(labels or {})},
        spec={**made.spec, **(spec or {})},
        **more,
    )


def create_of(of: Cache, under: Rules, users: UsersAndGroups | UnknownType = READY) -> Database:
    item = only(plan_of(plan_input(instead=[complete(of.scope, of, users=users)]), under))
    assert item.action is Action.CREATE, item
    assert item.database is not None
    return item.database


def foreign(name: str, **labels: str) -> Database:
    """A database that somebody registered by hand."""
    spec = {"protocol": "redis", "uri": "cache.example.com:6379"}
    return Database(ResourceName(name), labels, "by hand", spec)


REGIONS = RegionList(frozenset({Region("eu-west-1"), Region("us-east-1")}), complete=True)
TARGETS = Targets(accounts={ACCOUNT: REGIONS}, accounts_complete=True)


def complete(scope: Scope, *caches: Cache, users: UsersAndGroups | UnknownType = READY) -> Complete:
    return Complete(scope=scope, started_at=NOW, caches=caches, users_and_groups=users)


def failed(scope: Scope, reason: ScopeReason = ScopeReason.DENIED) -> Failed:
    return Failed(scope=scope, started_at=NOW, reason=reason, message="denied")


def backing_off(scope: Scope, reason: ScopeReason = ScopeReason.DENIED) -> Failed:
    note = Note(NoteCode.BACKING_OFF, str(scope), "asked again later")
    return Failed(scope=scope, started_at=NOW, reason=reason, message="denied", notes=(note,))


def skipped(scope: Scope, reason: ScopeReason) -> Skipped:
    return Skipped(scope=scope, started_at=NOW, reason=reason)


def plan_input(
    *caches: Cache,
    listed: Iterable[Database] = (),
    known: RememberedState | None = None,
    targets: Targets = TARGETS,
    instead: Iterable[Scanned] = (),
    users: UsersAndGroups | UnknownType = READY,
    now: datetime = NOW,
    looked_up: Mapping[ResourceName, LookUp] | None = None,
    account_names: Mapping[str, str] | None = None,
) -> PlanInput:
    """A complete scan of all targets, but for the results in `instead`."""
    results: dict[Scope, Scanned] = {
        scope: complete(scope, *(c for c in caches if c.scope == scope), users=users)
        for scope in targets.scopes
    }
    results |= {each.scope: each for each in instead}
    return PlanInput(
        results=tuple(results.values()),
        targets=targets,
        listed=tuple(listed),
        state=known if known is not None else make_state(),
        now=now,
        looked_up=looked_up or {},
        account_names=account_names or {},
    )


def plan_of(at: PlanInput, under: Rules | None = None) -> Plan:
    return make_plan(at, under or rules())


def only(plan: Plan) -> Item:
    """The single item of a plan."""
    (item,) = plan.items
    return item
