"""One transaction for many entries; nobody is answered before it is written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from state.errors import StateError, Unwritable
from state.group_commit import GroupCommit
from state.journal import IntentClosure
from state.records import Intent, IntentOutcome
from state.store import Store, load_state
from tests.support.state_records import START, intent_of


class Journal:
    """Keeps batches; the first one takes until `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[Intent | IntentClosure]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.poison: Intent | None = None
        self.trouble: Exception | None = None

    def write(self, entries: Sequence[Intent | IntentClosure]) -> list[int]:
        self.begun.set()
        assert self.go.wait(10)
        if self.trouble is not None:
            raise self.trouble
        if self.poison in entries:
            raise KeyError("a bug")
        self.batches.append(list(entries))
        return list(range(len(entries)))


def shared(journal: Journal) -> GroupCommit[Intent | IntentClosure, int]:
    return GroupCommit(journal.write, is_common=lambda error: isinstance(error, StateError))


@pytest.fixture
def journal() -> Journal:
    return Journal()


def intents(count: int) -> list[Intent]:
    return [intent_of(name=f"n{number}") for number in range(count)]


async def test_who_comes_while_a_batch_is_written_shares_the_next(journal: Journal) -> None:
    writer, (first, *others) = shared(journal), intents(5)
    one = asyncio.create_task(writer.submit(first))
    await asyncio.to_thread(journal.begun.wait)
    more = [asyncio.create_task(writer.submit(intent)) for intent in others]
    await asyncio.sleep(0.01)
    assert not one.done(), "it is not on disk yet"
    journal.go.set()
    assert await one == 0
    assert await asyncio.gather(*more) == [0, 1, 2, 3]
    assert journal.batches == [[first], others]
    await writer.close()


async def test_a_journal_in_trouble_answers_everybody(journal: Journal) -> None:
    writer = shared(journal)
    journal.go.set()
    journal.trouble = Unwritable("the disk is full")
    found = await asyncio.gather(*map(writer.submit, intents(3)), return_exceptions=True)
    assert found == [journal.trouble] * 3
    assert journal.batches == []


async def test_one_entry_that_cannot_be_written_takes_no_other_with_it(journal: Journal) -> None:
    writer, given = shared(journal), intents(3)
    journal.go.set()
    journal.poison = given[1]
    found = await asyncio.gather(*map(writer.submit, given), return_exceptions=True)
    assert [type(each) for each in found] == [int, KeyError, int]
    assert journal.batches == [[given[0]], [given[2]]]


async def test_closed_it_leaves_nothing_running(journal: Journal) -> None:
    writer = shared(journal)
    waiting = asyncio.create_task(writer.submit(intents(1)[0]))
    await asyncio.to_thread(journal.begun.wait)
    await writer.close()
    journal.go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_batch_of_the_real_journal_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    given = intents(4)
    with Store.open(tmp_path / "state.db") as store:
        numbers = store.write(given)
        done = [IntentClosure(number, IntentOutcome.DONE, None, START) for number in numbers]
        unknown = IntentClosure(99, IntentOutcome.DONE, None, START)
        with pytest.raises(Exception, match=r"intent 99 .* is not open"):
            store.write([done[0], unknown, intents(5)[4]])
        assert len(store.load().open_intents) == 4
        assert store.write([done[1], *intents(1), done[0]]) == [numbers[1], 5, numbers[0]]
    state = load_state(tmp_path / "state.db")
    assert set(state.registrations) == {"n0", "n1"}
    assert {each.intent_id for each in state.open_intents} == {numbers[2], numbers[3], 5}
