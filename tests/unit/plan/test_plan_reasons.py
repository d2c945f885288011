"""Every action and reason, each by the smallest situation that leads to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from discovery.model.codes import REASONS_OF, Action, GuardCode, NoteCode, Reason
from discovery.model.values import UNKNOWN, Cache, Database, Endpoint, Region
from discovery.plan.inputs import PlanInput
from discovery.plan.lookups import NameState
from discovery.plan.rules import Rules, WritePolicy
from discovery.plan.targets import ScopeFilter, Targets
from matchers.matcher import Connect, IamUsers
from matchers.regions import RegionList
from tests.support.plan_inputs import (
    ABROAD,
    ACCOUNT,
    EAST,
    TARGETS,
    UNREADY,
    WEST,
    budget,
    cache,
    failed,
    foreign,
    matcher,
    name_in,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import (
    CREATED,
    MINUTE,
    inherited,
    journaled,
    make_state,
    miss,
    remembered,
    removed,
)

A, R = Action, Reason
LIVE, NAME = registered(), name_in("orders")
QUIET = cache("quiet", EAST)
PROD = rules(matcher(tags={"env": "prod"}))


@dataclass(frozen=True)
class Case:
    """One situation that has a second, quiet cache beside the one that is looked at."""

    pair: tuple[Action, Reason]
    found: Cache | None = None
    listed: tuple[Database, ...] = (LIVE,)
    pending_removals: tuple[Reason, ...] = ()
    """Reasons that have held long enough to remove `LIVE`."""
    under: Rules = field(default_factory=rules)
    world: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    journal: Database | None = None
    """What was written last, if it is not the first that is listed."""
    alone: bool = False
    """True: without the quiet cache."""

    @property
    def plan_input(self) -> PlanInput:
        beside = () if self.alone else (QUIET,)
        ours = [each for each in self.listed if "cachemuster/arn" in each.labels]
        written = [self.journal] if self.journal is not None else ours[:1]
        known: dict[str, Any] = {
            "registrations": [journaled(each) for each in written],
            "caches": [remembered(self.found)] if self.found is not None else [],
            "pending_removals": [miss(LIVE, reason) for reason in self.pending_removals],
        }
        return plan_input(
            *([self.found] if self.found is not None else []),
            *beside,
            listed=self.listed,
            known=make_state(**{**known, **self.known}),
            **self.world,
        )


def new(action: Action, reason: Reason, found: Cache, **more: Any) -> Case:
    return Case((action, reason), found, **{"listed": (), **more})


def live(action: Action, reason: Reason, found: Cache | None = None, **more: Any) -> Case:
    return Case((action, reason), found, **more)


STRICT = rules(matcher(iam_users=IamUsers.REQUIRE))
STRICTER = rules(matcher(iam_users=IamUsers.REQUIRE, deregister_unready=True))
EXCLUDING = rules(matcher(exclude={"teleport": "off"}))
OFF = cache(tags=tagged(teleport="off"))
OVERRIDDEN = cache(tags=tagged(TeleportDatabaseName="shared"))
ELSEWHERE = Endpoint("orders-zzz.serverless.euw1.cache.amazonaws.com", 6379)
PUBLIC = Endpoint("orders-abc123.public.serverless.euw1.cache.amazonaws.com", 6379)
THEIRS = registered(cache("theirs"), name=NAME, labels={"cachemuster/group": "dev"})
FORGED = registered(name=NAME, spec={"aws": {}})
ROLE = Connect("arn:aws:iam::444455556666:role/c")
HALF_READ = Targets(
    accounts={ACCOUNT: RegionList(frozenset({Region("us-east-1")}), complete=False)},
    accounts_complete=True,
)
RECREATED = {"caches": [remembered(cache(created_at=CREATED - MINUTE))]}
LOST = {
    "registrations": [journaled(registered(cache(name))) for name in ("a", "b", "c")],
    "pending_removals": [miss(LIVE, R.ABSENT)],
}
THEIR_DOING = {"registrations": [inherited(LIVE)]}

CASES = [
    new(A.CREATE, R.NEW, cache()),
    # update: the first that holds
    live(A.UPDATE, R.RENAMED, OVERRIDDEN),
    live(A.UPDATE, R.RECREATED, cache(endpoint=ELSEWHERE), known=RECREATED),
    live(A.UPDATE, R.URI_CHANGED, cache(endpoint=ELSEWHERE)),
    live(
        A.UPDATE,
        R.SPEC_CHANGED,
        cache(),
        under=rules(matcher(connect=Connect("arn:aws:iam::{account_id}:role/c"))),
    ),
    live(A.UPDATE, R.LABELS_CHANGED, cache(tags=tagged(env="prod"))),
    live(A.UPDATE, R.DRIFT, cache(), listed=(registered(labels={"mine": "1"}),), journal=LIVE),
    # delete
    live(A.DELETE, R.ABSENT, pending_removals=(R.ABSENT,)),
    live(A.DELETE, R.DELETING, cache(status="deleting")),
    live(A.DELETE, R.UNMATCHED, cache(), under=PROD, pending_removals=(R.UNMATCHED,)),
    live(A.DELETE, R.EXCLUDED, OFF, under=EXCLUDING),
    live(A.DELETE, R.INELIGIBLE, cache(engine="memcached"), pending_removals=(R.INELIGIBLE,)),
    live(A.DELETE, R.INELIGIBLE, cache(status="create-failed"), pending_removals=(R.INELIGIBLE,)),
    live(A.DELETE, R.INELIGIBLE, cache(endpoint=PUBLIC), pending_removals=(R.INELIGIBLE,)),
    live(
        A.DELETE,
        R.UNREADY,
        cache(),
        under=STRICTER,
        world={"users": UNREADY},
        pending_removals=(R.UNREADY,),
    ),
    live(  # what is the matter with its name keeps nothing that has to go
        A.DELETE,
        R.UNREADY,
        cache(tags=tagged(TeleportDatabaseName="a_b")),
        under=STRICTER,
        world={"users": UNREADY},
        pending_removals=(R.UNREADY,),
    ),
    live(
        A.DELETE,
        R.OUT_OF_SCOPE,
        listed=(registered(cache(scope=ABROAD)),),
        under=rules(removes_out_of_scope=True),
        known={"pending_removals": [miss(registered(cache(scope=ABROAD)), R.OUT_OF_SCOPE)]},
    ),
    live(A.KEEP, R.UNCHANGED, cache()),
    live(A.KEEP, R.UNCHANGED, cache(), under=STRICT),
    # held
    live(A.HELD, R.SCOPE_FAILED, world={"instead": [failed(WEST)]}),
    live(
        A.HELD,
        R.NOT_IN_RUN,
        world={"targets": replace(TARGETS, scope_filter=ScopeFilter(only=(EAST,)))},
    ),
    live(A.HELD, R.TARGETS_UNKNOWN, world={"targets": HALF_READ}),
    live(A.HELD, R.OUT_OF_SCOPE, listed=(registered(cache(scope=ABROAD)),)),
    live(A.HELD, R.WAITING),
    live(A.HELD, R.WAITING, cache(), under=PROD),
    live(
        A.HELD, R.GUARD_COUNT, pending_removals=(R.ABSENT,), under=rules(budget=budget(max_count=0))
    ),
    live(
        A.HELD,
        R.GUARD_PERCENT,
        pending_removals=(R.ABSENT,),
        under=rules(budget=budget(min_allowed=0)),
    ),
    live(A.HELD, R.GUARD_EMPTY, pending_removals=(R.ABSENT,), alone=True),
    live(A.HELD, R.REGISTRY_SHRANK, known=LOST),
    live(
        A.HELD, R.POLICY, pending_removals=(R.ABSENT,), under=rules(policy=WritePolicy.UPSERT_ONLY)
    ),
    live(A.HELD, R.POLICY, OVERRIDDEN, under=rules(policy=WritePolicy.CREATE_ONLY)),
    live(
        A.HELD, R.INHERITED, cache(), under=PROD, pending_removals=(R.UNMATCHED,), known=THEIR_DOING
    ),
    live(A.HELD, R.INHERITED, OFF, under=EXCLUDING, known=THEIR_DOING),
    new(A.HELD, R.TAGS_UNKNOWN, cache(tags=UNKNOWN)),
    live(A.HELD, R.TAGS_UNKNOWN, cache(tags=UNKNOWN), under=PROD),
    live(A.HELD, R.NOT_READY_YET, cache(status="creating")),
    live(A.HELD, R.NOT_READY_YET, cache(endpoint=None)),
    # blocked
    new(A.BLOCKED, R.NAME_COLLISION, cache(), listed=(registered(cache("x"), name=NAME),)),
    new(A.BLOCKED, R.NAME_INVALID, cache(tags=tagged(TeleportDatabaseName="a_b"))),
    live(A.BLOCKED, R.NAME_INVALID, cache(tags=tagged(TeleportDatabaseName="a_b"))),
    new(A.BLOCKED, R.UNREADABLE, cache(engine_version=UNKNOWN, malformed=("FullEngineVersion",))),
    live(A.BLOCKED, R.UNREADABLE, cache(engine_version="8" * 5000)),
    live(  # what is remembered of an engine turns nothing away
        A.BLOCKED,
        R.UNREADABLE,
        cache(engine=UNKNOWN),
        known={"caches": [remembered(cache(engine="memcached"))]},
        pending_removals=(R.INELIGIBLE,),
    ),
    new(A.BLOCKED, R.IAM_NOT_READY, cache(), under=STRICT, world={"users": UNREADY}),
    new(A.BLOCKED, R.IAM_UNKNOWN, cache(), under=STRICT, world={"users": UNKNOWN}),
    new(A.BLOCKED, R.CONNECT_ROLE_INVALID, cache(), under=rules(matcher(connect=ROLE))),
    live(A.BLOCKED, R.CONNECT_ROLE_INVALID, cache(), under=rules(matcher(connect=ROLE))),
    # conflict
    new(A.CONFLICT, R.FOREIGN, cache(), listed=(foreign(NAME),)),
    new(A.CONFLICT, R.OTHER_GROUP, cache(), listed=(THEIRS,)),
    new(
        A.CONFLICT,
        R.NAME_TAKEN_UNSEEN,
        cache(),
        world={"looked_up": {NAME: NameState.TAKEN}},
    ),
    new(A.CONFLICT, R.IDENTITY_MISMATCH, cache(), listed=(FORGED,)),
    live(
        A.CONFLICT,
        R.RESTORED,
        cache(),
        under=PROD,
        pending_removals=(R.UNMATCHED,),
        known={"registrations": [], "removed": [removed(LIVE)]},
    ),
    live(A.CONFLICT, R.DUPLICATE_REGISTRATION, cache(), listed=(LIVE, registered(name="twin"))),
    # skipped
    new(A.SKIPPED, R.NO_MATCHER, cache(), under=PROD),
    new(A.SKIPPED, R.EXCLUDED, OFF, under=EXCLUDING),
    new(A.SKIPPED, R.ENGINE, cache(engine="memcached")),
    new(A.SKIPPED, R.CREATING, cache(status="creating")),
    new(A.SKIPPED, R.DELETING, cache(status="deleting")),
    new(A.SKIPPED, R.CREATE_FAILED, cache(status="create-failed")),
    new(A.SKIPPED, R.NO_ENDPOINT, cache(endpoint=None)),
    new(A.SKIPPED, R.PUBLIC, cache(endpoint=PUBLIC)),
]

BEYOND_THE_PLAN = {
    (A.HELD, R.PROOF_FAILED): "told by the proof",
    (A.BLOCKED, R.REJECTED): "told by the control plane",
    (A.HELD, R.REGISTRY_UNREAD): "told where the list was not read, so that there is no plan",
    (A.CONFLICT, R.OWNER_CHANGED): "told just before the write",
}


def names(cases: Iterable[Case]) -> list[str]:
    return [f"{action.value}-{reason.value}" for action, reason in (case.pair for case in cases)]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_the_item_has_its_action_and_reason(case: Case) -> None:
    plan = plan_of(case.plan_input, case.under)
    items = [item for item in plan.items if item.cache != "quiet"]
    assert case.pair in [(item.action, item.reason) for item in items]
    for item in items:
        assert item.reason in REASONS_OF[item.action]
        assert item.message
        assert item.action.writes is bool(item.changes) or item.action is A.DELETE
        assert item.applied is None
    refusals = {item.reason.value for item in items} & {code.value for code in GuardCode}
    assert refusals == ({plan.guard.code.value} if plan.guard.code is not None else set())


def test_the_table_is_covered_but_for_what_is_told_after_the_plan() -> None:
    pairs = {(action, reason) for action, reasons in REASONS_OF.items() for reason in reasons}
    assert pairs - {case.pair for case in CASES} == set(BEYOND_THE_PLAN)


@pytest.mark.parametrize("reason", [R.NAME_COLLISION, R.IAM_NOT_READY, R.IAM_UNKNOWN, R.FOREIGN])
def test_what_stands_in_the_way_of_a_new_cache_hides_not_what_it_is_to_become(
    reason: Reason,
) -> None:
    case = next(case for case in CASES if case.pair[1] is reason)
    items = plan_of(case.plan_input, case.under).items
    item = next(item for item in items if item.reason is reason and item.cache == "orders")
    assert item.wanted is not None
    assert item.wanted.labels["region"] == "eu-west-1"
    assert (item.changes, item.live, item.database) == ((), None, None)


REGISTERED = [case for case in CASES if case.listed and case.pair[0] is not A.CONFLICT]


@pytest.mark.parametrize(
    "case", [c for c in REGISTERED if not c.pair[0].writes], ids=lambda c: names([c])[0]
)
def test_what_is_not_written_shows_the_registration_as_it_is(case: Case) -> None:
    for item in plan_of(case.plan_input, case.under).items:
        if item.live is not None:
            assert (item.name, item.database, item.previous_name) == (
                item.live.name,
                item.live,
                None,
            )


JOURNALED = [case for case in CASES if not case.known and case.journal is None]


@pytest.mark.parametrize("case", JOURNALED, ids=names(JOURNALED))
def test_losing_the_journal_inherits_and_neither_removes_nor_registers(case: Case) -> None:
    """What has never matched since is removed only where AWS says that the cache goes."""
    lost = replace(case, known={"registrations": []})
    before, after = plan_of(case.plan_input, case.under), plan_of(lost.plan_input, case.under)
    for item, was in zip(after.items, before.items, strict=True):
        waits = item.removal_reason in (R.UNMATCHED, R.EXCLUDED, R.INELIGIBLE, R.UNREADY)
        verdict = (A.HELD, R.INHERITED) if waits else (was.action, was.reason)
        assert (item.name, item.action, item.reason) == (was.name, *verdict)
    for item in after.items:
        ours = item.live is not None and item.action is not A.CONFLICT
        assert (NoteCode.INHERITED in [note.code for note in item.notes]) is ours
