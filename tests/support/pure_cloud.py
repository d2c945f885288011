"""A cloud and a registry as plain values, and the strategies that make them.

It stands in for the edges only: what is planned here is planned by the real plan, what is
remembered is remembered by the real recollection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st

from discovery.model.codes import Action, ScopeReason
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import (
    UNKNOWN,
    AccountId,
    Arn,
    Cache,
    CacheUser,
    Complete,
    Database,
    Endpoint,
    Failed,
    Region,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
    Tags,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item
from discovery.plan.next_state import next_state
from discovery.plan.plan import Plan, make_plan
from discovery.plan.rules import Budget, Rules
from discovery.plan.targets import ScopeFilter, Targets
from discovery.sweep.write_strategy import intent_kind
from matchers.matcher import IamUsers, Matcher
from matchers.regions import RegionList
from matchers.selectors import TagExclusion, TagSelector
from state.records import IntentKind, Registration, RememberedState, RemovedRegistration

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
"""From one sweep to the next."""
GROUP = "prod"
ACCOUNTS = (AccountId("111122223333"), AccountId("222233334444"))
REGIONS = (Region("eu-central-1"), Region("us-east-1"))
SCOPES = (
    Scope(ACCOUNTS[0], REGIONS[0]),
    Scope(ACCOUNTS[0], REGIONS[1]),
    Scope(ACCOUNTS[1], REGIONS[0]),
)
NOWHERE = Scope(AccountId("999988887777"), REGIONS[0])
"""A scope that is not configured."""
NAMES = ("orders", "orders-elasticache-serverless")
OVERRIDES = ("shared", "Shared", "other", "not a legal name")
SKIPS = (ScopeReason.REGION_NOT_ENABLED, ScopeReason.NOT_IN_RUN)
STATUSES = ("available", "deleting", "creating", "create-failed", "modifying", "never-heard-of")
T = TypeVar("T")


def rules(**changes: object) -> Rules:
    """Rules under which a reason to remove acts at once, and the budget never refuses."""
    plain = Rules(
        group=GROUP,
        matchers=(
            Matcher(
                name="prod",
                tags=TagSelector.of({"env": ["prod"]}),
                exclude_tags=TagExclusion.of({"teleport": ["off"]}),
            ),
            Matcher(
                name="strict",
                tags=TagSelector.of({"env": ["strict"]}),
                iam_users=IamUsers.REQUIRE,
                deregister_unready=True,
            ),
        ),
        matching_digest="one",
        missed_sweeps=1,
        grace=timedelta(0),
        budget=Budget(
            window=timedelta(0), max_count=1000, max_percent=100, min_allowed=1000, allow_empty=True
        ),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def arn_of(scope: Scope, name: str) -> Arn:
    return Arn(f"arn:aws:elasticache:{scope.region}:{scope.account_id}:serverlesscache:{name}")


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    """The usual value three times out of four, else one of the others."""
    return st.integers(0, 3).flatmap(
        lambda n: st.sampled_from(others) if n == 3 else st.just(usual)
    )


@st.composite
def caches(draw: st.DrawFn, scope: Scope, name: str) -> Cache:
    """One cache in any state AWS may show it in; most are ordinary, so that names collide."""
    assert scope.region is not None
    tags = {"env": draw(mostly("prod", "dev", "strict"))}
    override = draw(st.sampled_from([None, *OVERRIDES]))
    if override is not None:
        tags["TeleportDatabaseName"] = override
    if draw(mostly(False, True)) and draw(st.booleans()):
        tags["teleport"] = "off"
    odd = draw(mostly(False, True))
    host = f"{name}-abc123.serverless.euc1.cache.amazonaws.com"
    return Cache(
        arn=arn_of(scope, name),
        partition="aws",
        account_id=scope.account_id,
        region=scope.region,
        name=name,
        status=draw(st.sampled_from(STATUSES)) if odd else "available",
        engine=draw(st.sampled_from(["valkey", "redis", "memcached"])) if odd else "valkey",
        engine_version="8.1",
        endpoint=draw(mostly(Endpoint(host, 6379), None)) if odd else Endpoint(host, 6379),
        created_at=NOW - timedelta(days=draw(mostly(400, 3))),
        user_group_id=draw(mostly("people", "nobody", None)),
        tags=draw(mostly(Tags(tags, NOW, confirmed=True), UNKNOWN))
        if odd
        else Tags(tags, NOW, confirmed=True),
        vpc_id=draw(mostly("vpc-1", None, UNKNOWN)),
    )


DIRECTORY = UsersAndGroups(
    groups={
        "people": UserGroup(group_id="people", status="active", engine="redis", user_ids=("ann",)),
        "nobody": UserGroup(group_id="nobody", status="active", engine="redis", user_ids=()),
    },
    users={
        "ann": CacheUser(
            user_id="ann",
            user_name="ann",
            status="active",
            engine="redis",
            access_string="on ~app:* -@all +@read",
            authentication="iam",
        )
    },
    read_at=NOW,
)


@st.composite
def complete_scans(draw: st.DrawFn, scope: Scope) -> Complete:
    names = draw(mostly(NAMES, NAMES[:1], NAMES[1:], ()))
    return Complete(
        scope=scope,
        started_at=NOW,
        caches=tuple(draw(caches(scope, name)) for name in names),
        users_and_groups=draw(st.sampled_from([DIRECTORY, DIRECTORY, UNKNOWN])),
    )


@st.composite
def scans(draw: st.DrawFn, scope: Scope) -> Scanned:
    fate = draw(st.integers(0, 6))
    if fate == 0:
        return Failed(scope=scope, started_at=NOW, reason=ScopeReason.DENIED)
    if fate == 1:
        return Skipped(scope=scope, started_at=NOW, reason=draw(st.sampled_from(SKIPS)))
    return draw(complete_scans(scope))


def all_complete() -> st.SearchStrategy[tuple[Scanned, ...]]:
    return st.tuples(*(complete_scans(scope) for scope in SCOPES))


def any_results() -> st.SearchStrategy[tuple[Scanned, ...]]:
    return st.tuples(*(scans(scope) for scope in SCOPES))


TARGETS = Targets(
    accounts={
        account: RegionList(listed=frozenset(REGIONS), complete=True) for account in ACCOUNTS
    },
    accounts_complete=True,
)


BY_HAND = "by hand"
"""The description of what is not ours; every registration of ours has another."""

_MARKS = {
    "managed-by": "cachemuster",
    "cachemuster/group": GROUP,
    "cachemuster/arn": arn_of(SCOPES[0], "orders"),
}
_PLACE = {
    "account_id": SCOPES[0].account_id,
    "region": SCOPES[0].region,
    "elasticache_serverless": {"cache_name": "orders"},
}
STRANGE: tuple[tuple[Mapping[str, str], Mapping[str, object]], ...] = (
    ({"team": "x"}, {}),
    ({**_MARKS, "managed-by": "somebody"}, _PLACE),
    ({**_MARKS, "cachemuster/group": "other"}, _PLACE),
    ({**_MARKS, "cachemuster/arn": "no ARN"}, _PLACE),
    (_MARKS, {}),
    (_MARKS, {**_PLACE, "account_id": ACCOUNTS[1]}),
    (_MARKS, {**_PLACE, "region": REGIONS[1]}),
    (_MARKS, {**_PLACE, "elasticache_serverless": {"cache_name": "carts"}}),
)
"""Labels and `spec.aws` of resources that are not ours, each by one thing."""


@st.composite
def strangers(draw: st.DrawFn) -> tuple[Database, ...]:
    """Resources that are not ours, some of them in names that a cache may want."""
    names = (
        "shared",
        "SHARED",
        "orders-elasticache-serverless-eu-central-1-111122223333",
        "someone-elses",
    )
    taken = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    return tuple(stranger(name, *draw(st.sampled_from(STRANGE))) for name in taken)


def stranger(name: str, labels: Mapping[str, str], place: Mapping[str, object]) -> Database:
    """A resource that somebody has made by hand."""
    spec = {"protocol": "redis", "uri": "elsewhere:6379", "aws": dict(place)}
    return Database(ResourceName(name), labels, BY_HAND, spec)


@dataclass(frozen=True)
class World:
    """What a sweep meets, and what it leaves."""

    listed: Mapping[str, Database] = field(default_factory=dict)
    state: RememberedState = field(default_factory=RememberedState)
    now: datetime = NOW
    writes: int = 0
    """How many resources have been written; each has a revision of its own."""

    def plan_input(
        self, results: Iterable[Scanned], *, targets: Targets = TARGETS, now: datetime | None = None
    ) -> PlanInput:
        return PlanInput(
            results=tuple(results),
            targets=targets,
            listed=tuple(self.listed.values()),
            state=self.state,
            now=now or self.now,
        )

    def sweep(
        self,
        results: Iterable[Scanned],
        by: Rules,
        *,
        targets: Targets = TARGETS,
        now: datetime | None = None,
    ) -> tuple[Plan, World]:
        """One sweep: the plan, and the world an interval after every call of it succeeded."""
        now = now or self.now
        plan_input = self.plan_input(results, targets=targets, now=now)
        plan = make_plan(plan_input, by)
        items = tuple(
            replace(item, applied=True if item.action.writes else None) for item in plan.items
        )
        listed, writes = dict(self.listed), self.writes
        for item in items:
            writes += 1
            _apply(item, listed, f"r{writes}")
        state = remembering(self.state, plan, items, by, now)
        return plan, World(listed, state, now + INTERVAL, writes)

    def forgetful(self) -> World:
        """The same world after the state file was lost."""
        return replace(self, state=RememberedState())


def remembering(
    before: RememberedState, plan: Plan, items: Iterable[Item], by: Rules, now: datetime
) -> RememberedState:
    """The memory after a sweep whose items came out like this."""
    items = tuple(items)
    known = next_state(plan.observed, items, started_at=now)
    registrations, removed = dict(before.registrations), dict(before.removed)
    for item in items:
        _register(item, registrations, removed, now)
    for name in known.registrations_forgotten:
        registrations.pop(name, None)
    registrations.update({each.name: each for each in known.registrations_inherited})
    for name in known.registrations_matched:
        removed.pop(name, None)
        if name in registrations:
            registrations[name] = replace(registrations[name], inherited=False)
    gone, over = set(known.caches_gone), set(known.scopes_forgotten)
    caches = {arn: cache for arn, cache in before.caches.items() if arn not in gone}
    scopes = {scope: each for scope, each in before.scopes.items() if scope not in over}
    return RememberedState(
        caches={**caches, **{each.arn: each for each in known.caches_seen}},
        registrations=registrations,
        removed=removed,
        pending_removals={miss.name: miss for miss in known.pending_removals},
        scopes={**scopes, **{each.scope: each for each in known.scopes}},
        finished_sweeps=before.finished_sweeps + 1,
        matching_digest=by.matching_digest,
    )


def _register(
    item: Item,
    registrations: dict[ResourceName, Registration],
    removed: dict[ResourceName, RemovedRegistration],
    now: datetime,
) -> None:
    if not item.applied or item.name is None or item.arn is None:
        return
    known = registrations.get(item.name)
    own = known is not None and known.arn == item.arn and not known.inherited
    for name in (item.previous_name, item.name):
        if name is not None:
            registrations.pop(name, None)
    if item.action is Action.DELETE:
        revision = item.live.revision if item.live is not None else ""
        removed[item.name] = RemovedRegistration(
            name=item.name, arn=item.arn, revision=revision, removed_at=now
        )
    elif item.database is not None:
        if item.action is Action.CREATE:
            removed.pop(item.name, None)
        registrations[item.name] = Registration(
            name=item.name,
            arn=item.arn,
            database=item.database,
            registered_at=now,
            updated_at=now,
            inherited=intent_kind(item) is IntentKind.UPDATE and not own,
        )


def _apply(item: Item, listed: dict[str, Database], revision: str) -> None:
    if not item.action.writes or item.name is None:
        return
    if item.action is Action.CREATE:
        assert item.name not in listed, "created over something that stands"
    for name in (item.previous_name, item.name if item.action is Action.DELETE else None):
        if name is not None:
            del listed[name]
    if item.action is not Action.DELETE:
        assert item.database is not None
        assert item.database.name == item.name
        listed[item.name] = replace(item.database, revision=revision)


def ours(listed: Mapping[str, Database]) -> dict[str, Arn]:
    """The ARN behind every registration of ours, by name."""
    owners = {name: owner_of(database, GROUP) for name, database in listed.items()}
    return {name: owner.arn for name, owner in owners.items() if isinstance(owner, CacheArn)}


def part(*only: Scope, without: Iterable[Scope] = ()) -> Targets:
    """A run over these scopes alone; `without`: what is not configured any more."""
    gone = set(without)
    accounts = {
        account: RegionList(
            frozenset(each for each in REGIONS if Scope(account, each) not in gone), complete=True
        )
        for account in ACCOUNTS
    }
    return replace(TARGETS, accounts=accounts, scope_filter=ScopeFilter(only=only))
