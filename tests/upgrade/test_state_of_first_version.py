"""What becomes of a state file that the first version wrote."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.codes import Reason, ScopeStatus
from state.records import RememberedState
from state.store import Store, load_state
from tests.scenarios.conftest import quick_sdk, scenario
from tests.support.scenario import FRANKFURT, VIRGINIA, Scenario
from tests.upgrade.files import LAST_SWEEP, name_of, write_state

__all__ = ["quick_sdk", "scenario"]  # the fixtures

MADE = {name_of("made"), name_of("leaving"), name_of("gone"), name_of("adopted"), "ledger"}
MADE_ABROAD = f"abroad-elasticache-serverless-{VIRGINIA}-111122223333"
ANOTHERS = {name_of("theirs"), name_of("restored")}


@pytest.fixture(params=["brought up to date", "read as it is"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RememberedState]:
    """As the writer has it once it has opened the file, and as a reader has it that may not."""
    path = tmp_path / "state.db"
    write_state(path, tmp_path / "registry.db")
    if request.param == "brought up to date":
        with Store.open(path) as store:
            yield store.load()
    else:
        yield load_state(path)


def test_what_the_journal_made_renamed_or_adopted_is_its_own(state: RememberedState) -> None:
    own = {name for name, each in state.registrations.items() if not each.inherited}
    assert own == MADE | {MADE_ABROAD}


def test_what_another_agent_made_is_inherited(state: RememberedState) -> None:
    """Also what this state had made once, and had removed before the other made it again."""
    assert {name for name, each in state.registrations.items() if each.inherited} == ANOTHERS


def test_removals_are_known_from_the_journal(state: RememberedState) -> None:
    assert set(state.removed) == {name_of("removed"), name_of("restored")}
    assert {each.revision for each in state.removed.values()} == {""}
    assert all(each.removed_at < LAST_SWEEP for each in state.removed.values())


def test_everything_else_is_as_it_was(state: RememberedState) -> None:
    pending_removals = {
        name: (miss.reason, miss.scans) for name, miss in state.pending_removals.items()
    }
    assert pending_removals == {
        name_of("leaving"): (Reason.UNMATCHED, 2),
        name_of("gone"): (Reason.ABSENT, 2),
        name_of("theirs"): (Reason.UNMATCHED, 2),
        name_of("restored"): (Reason.UNMATCHED, 2),
    }
    assert state.finished_sweeps == 7
    assert len(state.removals) == 3
    assert state.open_intents == ()
    failing = [each for each in state.scopes.values() if each.status is ScopeStatus.FAILED]
    assert [each.scope.region for each in failing] == [VIRGINIA]


def test_nothing_is_known_of_the_names_of_accounts(state: RememberedState) -> None:
    assert state.account_names == {}


def test_no_row_of_the_file_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    write_state(path, tmp_path / "registry.db")
    before = counts(path)
    with Store.open(path):
        pass
    assert {table: count for table, count in counts(path).items() if table in before} == before


def counts(path: Path) -> dict[str, int]:
    tables = ("registrations", "caches", "misses", "journal", "history", "sweeps", "scopes")
    with contextlib.closing(sqlite3.connect(path)) as file:
        found = {each: file.execute(f"SELECT count(*) FROM {each}").fetchone() for each in tables}
    assert all(count for (count,) in found.values())
    return {table: count for table, (count,) in found.items()}


def world_as_it_was(scenario: Scenario) -> None:
    """The caches of the dump exist, and what its agents had registered stands."""
    write_state(scenario.state_file, scenario.registry_file)
    scenario.offset = LAST_SWEEP - datetime.now(UTC)
    for each in scenario.state.caches.values():
        if each.name != "gone":
            tags = dict(each.tags.values) if each.tags is not None else {}
            region = each.scope.region or ""
            scenario.cache(each.name, region=region, tags=tags, created_at=each.created_at)

    async def register() -> None:
        async with Embedded(scenario.registry_file) as plane:
            for each in scenario.state.registrations.values():
                await plane.create(each.database)

    asyncio.run(register())
    pay: list[Any] = [{"name": "pay", "tags": {"team": "pay"}}]
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]}, matchers=pay)


@pytest.mark.slow
def test_sweeps_go_on_from_it_and_remove_nothing_of_another_agent(scenario: Scenario) -> None:
    world_as_it_was(scenario)
    scenario.later(minutes=11)
    shown = scenario.sweep()
    assert shown.verdicts["leaving"] == "delete/UNMATCHED"
    assert shown.verdicts["gone"] == "delete/ABSENT"
    assert shown.verdicts["theirs"] == "held/INHERITED"
    assert shown.verdicts["restored"] == "conflict/RESTORED"
    assert shown.verdicts["removed"] == "skipped/NO_MATCHER"
    scenario.tag("adopted", {"team": "nobody"})
    assert scenario.sweep().verdicts["adopted"] == "held/WAITING"
    scenario.later(minutes=11)
    assert scenario.sweep().verdicts["adopted"] == "delete/UNMATCHED"
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.document["summary"]["delete"] == 0
    assert {name_of("theirs"), name_of("restored"), name_of("made"), "ledger"} < set(
        scenario.registry
    )
