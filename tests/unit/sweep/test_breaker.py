"""What a role may not do is not asked for for ever, and one refused resource stops no other."""

from __future__ import annotations

import asyncio

import pytest

from discovery.control_plane.base import ClusterInfo, Denied
from discovery.model.values import Database, ResourceName, Served
from discovery.sweep.breaker import DENIALS, Breaker
from state.records import IntentKind


class Registry:
    """A control plane that refuses the creation of some names."""

    def __init__(self, refused: frozenset[str]) -> None:
        self.refused = refused
        self.asked: list[str] = []
        self.most_at_once = self._now = 0

    async def ping(self) -> ClusterInfo:
        return ClusterInfo(kind="embedded", cluster="here")

    async def list_databases(self) -> tuple[Database, ...]:
        return ()

    async def get(self, name: ResourceName) -> Database | None:
        del name
        return None

    async def served(self) -> tuple[Served, ...]:
        return ()

    async def create(self, database: Database) -> None:
        self.asked.append(database.name)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if database.name in self.refused:
            raise Denied(f"may not create {database.name}")

    async def update(self, database: Database) -> None:
        del database

    async def delete(self, name: ResourceName) -> None:
        del name


NAMES = tuple(f"n{number}" for number in range(20))


async def create_all(breaker: Breaker, names: tuple[str, ...] = NAMES) -> list[str]:
    """Try each name at once, as the workers of a sweep do; returns what became of each."""

    async def one(name: str) -> str:
        async with breaker.trial(IntentKind.CREATE) as denied:
            if denied is not None:
                return str(denied)
            try:
                await breaker.create(Database(ResourceName(name), {}, "", {}))
            except Denied as error:
                return str(error)
            return "done"

    return await asyncio.gather(*map(one, names))


async def test_after_five_denials_of_a_verb_it_is_not_tried_again() -> None:
    registry = Registry(frozenset(NAMES))
    outcomes = await create_all(Breaker(registry))
    assert registry.asked == list(NAMES[:DENIALS])
    assert set(outcomes[DENIALS:]) == {f"may not create {NAMES[DENIALS - 1]}"}


@pytest.mark.parametrize("allowed", ["n0", "n4"])
async def test_a_role_that_is_denied_single_resources_goes_on(allowed: str) -> None:
    registry = Registry(frozenset(NAMES) - {allowed, "n19"})
    outcomes = await create_all(Breaker(registry))
    assert registry.asked == list(NAMES)
    assert [name for name, end in zip(NAMES, outcomes, strict=True) if end == "done"] == [
        allowed,
        "n19",
    ]


async def test_few_are_tried_at_once_until_one_is_allowed_and_then_all() -> None:
    registry = Registry(frozenset())
    breaker = Breaker(registry)
    await create_all(breaker, NAMES[:1])
    await create_all(breaker)
    assert registry.most_at_once == len(NAMES)
    shy = Registry(frozenset(NAMES))
    await create_all(Breaker(shy))
    assert shy.most_at_once == DENIALS


async def test_a_rename_is_not_begun_where_its_removal_would_be_denied() -> None:
    class NoRemovals(Registry):
        async def delete(self, name: ResourceName) -> None:
            raise Denied(f"may not delete {name}")

    breaker = Breaker(NoRemovals(frozenset()))
    for name in NAMES[:DENIALS]:
        with pytest.raises(Denied):
            await breaker.delete(ResourceName(name))
    async with breaker.trial(IntentKind.RENAME) as denied:
        assert str(denied) == "may not delete n4"
    async with breaker.trial(IntentKind.CREATE) as denied:
        assert denied is None
