"""New names are looked up before a plan counts: each once, a few at a time, and not for nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from discovery.control_plane.base import (
    ClusterInfo,
    ControlPlaneError,
    Denied,
    Malformed,
    Unavailable,
)
from discovery.model.codes import Reason
from discovery.model.values import Cache, Database, ResourceName
from discovery.plan.plan import Plan
from discovery.sweep.current_state import AT_ONCE, check_new_names
from tests.support.plan_inputs import cache, name_in, plan_input, plan_of, registered, rules, tagged
from tests.support.plan_state import journaled, make_state


@dataclass
class Names:
    """A control plane of which only names are asked."""

    taken: set[str] = field(default_factory=set)
    stands: dict[str, Database] = field(default_factory=dict)
    trouble: list[ControlPlaneError] = field(default_factory=list)
    """What the next look-ups fail with."""
    locked: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    pings: int = 0
    now: int = 0
    most: int = 0

    async def ping(self) -> ClusterInfo:
        self.pings += 1
        if self.locked:
            raise Denied("locked")
        return ClusterInfo(kind="teleport", cluster="one")

    async def get(self, name: ResourceName) -> Database | None:
        self.asked[name] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.trouble:
            raise self.trouble.pop()
        if name in self.taken or self.locked:
            raise Denied(f"not for you: {name}")
        return self.stands.get(name)


async def checked(plan: Plan, names: Names) -> Plan:
    async def no_pause(_: float) -> None: ...

    return await check_new_names(plan, rules(), names, sleep=no_pause)  # type: ignore[arg-type]


def reasons(plan: Plan) -> dict[str | None, Reason]:
    return {item.cache: item.reason for item in plan.items}


def many(count: int) -> list[Cache]:
    return [cache(f"c{number}") for number in range(count)]


async def test_nothing_is_looked_up_where_nothing_is_to_be_registered() -> None:
    names, live = Names(), registered()
    plan = plan_of(
        plan_input(cache(), listed=[live], known=make_state(registrations=[journaled(live)]))
    )
    assert await checked(plan, names) is plan
    assert (names.asked, names.pings) == (Counter(), 0)


@pytest.mark.slow
async def test_a_thousand_names_are_looked_up_once_each_and_a_few_at_a_time() -> None:
    names = Names()
    plan = await checked(plan_of(plan_input(*many(1000))), names)
    assert set(names.asked.values()) == {1}
    assert len(names.asked) == 1000
    assert 1 < names.most <= AT_ONCE
    assert set(reasons(plan).values()) == {Reason.NEW}
    assert names.pings == 0


async def test_free_names_leave_the_plan_as_it_is() -> None:
    before = plan_of(plan_input(*many(3)))
    plan = await checked(before, Names())
    assert (plan.items, plan.checksum) == (before.items, before.checksum)
    assert len(plan.observed.plan_input.looked_up) == 3


async def test_a_plan_that_is_made_again_asks_for_no_name_twice() -> None:
    found = [cache(name, tags=tagged(TeleportDatabaseName=f"new-{name}")) for name in "ab"]
    live = [registered(each, name=f"old-{each.name}") for each in found]
    fresh = cache("fresh")
    at = plan_input(
        *found,
        fresh,
        listed=live,
        known=make_state(registrations=[journaled(each) for each in live]),
    )
    names = Names(taken={name_in("fresh"), "new-a"})
    plan = await checked(plan_of(at), names)
    assert names.asked == {name_in("fresh"): 1, "new-a": 1, "new-b": 1}
    assert reasons(plan)["fresh"] is Reason.NAME_TAKEN_UNSEEN
    assert reasons(plan)["b"] is Reason.RENAMED
    again = await checked(plan, names)
    assert again is plan


@pytest.mark.parametrize("count", [1, 3])
async def test_what_passes_by_is_asked_again(count: int) -> None:
    names = Names(trouble=[Unavailable("busy") for _ in range(count)])
    plan = await checked(plan_of(plan_input(cache())), names)
    assert reasons(plan) == {"orders": Reason.NEW}
    assert names.asked == {name_in("orders"): count + 1}


FAILURES: list[list[ControlPlaneError]] = [
    [Unavailable("busy") for _ in range(4)],
    [Malformed("?")],
]


@pytest.mark.parametrize("trouble", FAILURES, ids=["unavailable", "malformed"])
async def test_what_does_not_pass_by_is_a_broken_list(trouble: list[ControlPlaneError]) -> None:
    expected = type(trouble[0])
    with pytest.raises(expected):
        await checked(plan_of(plan_input(cache())), Names(trouble=list(trouble)))


async def test_denials_count_only_from_who_is_still_let_in() -> None:
    names = Names(taken={name_in("orders")})
    assert reasons(await checked(plan_of(plan_input(cache())), names)) == {
        "orders": Reason.NAME_TAKEN_UNSEEN
    }
    assert names.pings == 1
    names.locked = True
    with pytest.raises(Denied):
        await checked(plan_of(plan_input(cache())), names)
