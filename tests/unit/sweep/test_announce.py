"""A journal that is kept elsewhere: every intent is there before the first write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from discovery.plan.item import Item
from discovery.sweep.apply import apply
from state.errors import StateError
from state.records import IntentKind, IntentOutcome
from tests.support.simulated_control_plane import SimulatedControlPlane
from tests.support.state_records import START
from tests.unit.sweep.test_apply import NEW, OLD, Journal, Pauses, creation, removal


class RemoteJournal(Journal):
    """One that remembers what was there at each upload."""

    def __init__(self, control_plane: SimulatedControlPlane) -> None:
        super().__init__(control_plane)
        self.uploads: list[tuple[int, int]] = []
        """Intents that are there, and writes that were made."""
        self.refuses_upload = False
        self.checks: Callable[[], None] = lambda: None

    async def upload(self) -> None:
        if self.refuses_upload:
            raise StateError("the snapshot could not be put back")
        self.uploads.append((len(self.intents), len(self.control_plane.writes)))

    def check(self) -> None:
        self.checks()


async def run(
    sim: SimulatedControlPlane,
    journal: RemoteJournal,
    *items: Item,
    stop: asyncio.Event | None = None,
    concurrency: int = 4,
) -> tuple[Item, ...]:
    return await apply(
        items,
        control_plane=sim,
        journal=journal,
        group="prod",
        sweep_id="s1",
        clock=lambda: START,
        sleep=Pauses(),
        stop=stop,
        concurrency=concurrency,
        remote_journal=journal,
    )


def some(count: int) -> list[Item]:
    return [creation(replace(NEW, name=type(NEW.name)(f"new-{n}"))) for n in range(count)]


def plane(*databases: object) -> SimulatedControlPlane:
    sim = SimulatedControlPlane()
    for each in databases:
        sim.put(each)  # type: ignore[arg-type]
    return sim


async def test_all_intents_are_there_before_the_first_write() -> None:
    sim = plane(OLD)
    journal = RemoteJournal(sim)
    done = await run(sim, journal, *some(20), removal())
    assert journal.uploads == [(21, 0)]
    assert {each.applied for each in done} == {True}
    assert journal.open == []
    assert {outcome for outcome, _ in journal.outcomes.values()} == {IntentOutcome.DONE}
    assert [each.kind for each in journal.intents].count(IntentKind.DELETE) == 1


async def test_where_they_could_not_be_put_nothing_is_written() -> None:
    sim = plane(OLD)
    journal = RemoteJournal(sim)
    journal.refuses_upload = True
    done = await run(sim, journal, creation(), removal())
    assert sim.writes == []
    assert {each.error.code for each in done if each.error} == {"STATE"}
    # Nothing was done about them, so nobody has to look.
    assert {outcome for outcome, _ in journal.outcomes.values()} == {IntentOutcome.ABANDONED}
    assert journal.open == []


async def test_each_write_asks_whether_it_may_still_be_made() -> None:
    sim = plane()
    journal = RemoteJournal(sim)

    def check() -> None:
        if sim.writes:
            raise StateError("the lease was lost")

    journal.checks = check
    done = await run(sim, journal, *some(5), concurrency=1)
    assert len(sim.writes) == 1
    assert [each.applied for each in done] == [True, False, False, False, False]
    outcomes = [outcome for outcome, _ in journal.outcomes.values()]
    assert outcomes.count(IntentOutcome.ABANDONED) == 4


async def test_what_a_stop_left_out_is_abandoned() -> None:
    sim, stop = plane(), asyncio.Event()
    journal = RemoteJournal(sim)
    journal.checks = stop.set
    await run(sim, journal, *some(3), stop=stop, concurrency=1)
    assert len(sim.writes) == 1
    assert journal.open == []


async def test_a_defect_in_one_item_is_its_own() -> None:
    sim = plane()
    journal = RemoteJournal(sim)
    broken, good = replace(creation(), arn=None), some(1)[0]
    done = await run(sim, journal, broken, good)
    assert [each.applied for each in done] == [False, True]
    assert done[0].error is not None
    assert done[0].error.code == "INTERNAL"


async def test_where_there_is_nothing_to_write_nothing_is_put() -> None:
    journal = RemoteJournal(plane())
    assert await run(plane(), journal) == ()
    assert journal.uploads == []
