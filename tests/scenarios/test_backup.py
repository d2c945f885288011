"""A state file that comes back from a backup: older than what happened since."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow

NAMED = {"TeleportDatabaseName": "by-tag"}


def back_up(scenario: Scenario, name: str = "backup.db") -> Path:
    """A copy as deploy/state/README.md makes it, beside the state file."""
    copy = scenario.directory / name
    with contextlib.closing(sqlite3.connect(scenario.state_file)) as file:
        file.execute("VACUUM INTO ?", [str(copy)])
    return copy


def restore(scenario: Scenario, copy: Path) -> None:
    """The copy in place of the state file, and nothing of that one left."""
    scenario.forget()
    shutil.copy(copy, scenario.state_file)


def names_by_cache(scenario: Scenario) -> dict[str, list[str]]:
    """The registrations of every cache."""
    found: dict[str, list[str]] = {}
    for name, database in scenario.registry.items():
        found.setdefault(database.labels["cachemuster/arn"].rpartition(":")[2], []).append(name)
    return found


@pytest.fixture
def busy(scenario: Scenario) -> Path:
    """A backup, and then: one cache new, one gone and removed, one renamed, one edited, one made
    anew under its name."""
    for name in ("steady", "leaves", "renamed", "edited", "replaced"):
        scenario.cache(name)
    scenario.sweep()
    copy = back_up(scenario)
    scenario.cache("fresh")
    scenario.gone("leaves")
    scenario.gone("replaced")
    scenario.cache("replaced", created_at=scenario.now())
    scenario.tag("renamed", NAMED)
    scenario.tag("edited", {"team": "web"})
    for _ in range(3):
        scenario.sweep()
        scenario.later(minutes=11)
    return copy


def test_an_old_backup_removes_nothing_live_and_registers_nothing_twice(
    scenario: Scenario, busy: Path
) -> None:
    before = scenario.registry
    assert set(names_by_cache(scenario)) == {"steady", "renamed", "edited", "replaced", "fresh"}
    restore(scenario, busy)
    dry = scenario.audit()
    first = scenario.sweep()
    assert dry.document["checksum"] == first.document["checksum"]
    assert first.document["summary"]["delete"] == 0
    assert first.document["summary"]["create"] == 0
    for _ in range(4):
        scenario.later(minutes=11)
        shown = scenario.sweep()
        assert shown.writes == 0, shown.verdicts
    assert scenario.registry.keys() == before.keys()
    assert {name: len(names) for name, names in names_by_cache(scenario).items()} == dict.fromkeys(
        ("steady", "renamed", "edited", "replaced", "fresh"), 1
    )


def test_what_the_backup_does_not_know_is_inherited_and_what_it_remembers_too_much_forgotten(
    scenario: Scenario, busy: Path
) -> None:
    restore(scenario, busy)
    first = scenario.sweep()
    assert first.notes("fresh") == {"INHERITED"}
    assert first.verdicts["fresh"] == "keep/UNCHANGED"
    assert "leaves" not in first.verdicts
    assert not any("leaves" in name for name in scenario.state.registrations)


def test_a_cache_deleted_after_the_restore_waits_as_ever(scenario: Scenario, busy: Path) -> None:
    restore(scenario, busy)
    scenario.sweep()
    scenario.gone("fresh")
    scenario.gone("steady")
    shown = scenario.sweep()
    assert (shown.verdicts["fresh"], shown.verdicts["steady"]) == ("held/WAITING", "held/WAITING")
    scenario.later(minutes=11)
    shown = scenario.sweep()
    assert (shown.verdicts["fresh"], shown.verdicts["steady"]) == ("delete/ABSENT", "delete/ABSENT")


def test_a_miss_that_the_backup_remembers_removes_nothing_that_is_there(scenario: Scenario) -> None:
    """Gone at the time of the backup, and back since."""
    scenario.cache("steady")
    scenario.cache("flaps")
    scenario.sweep()
    scenario.gone("flaps")
    assert scenario.sweep().verdicts["flaps"] == "held/WAITING"
    copy = back_up(scenario)
    scenario.cache("flaps")
    scenario.later(days=3)
    scenario.sweep()
    restore(scenario, copy)
    shown = scenario.sweep()
    assert shown.document["summary"]["delete"] == 0
    assert shown.item("flaps")["missed"] is None


def test_a_backup_from_before_most_was_removed_holds_removals(scenario: Scenario) -> None:
    """It remembers more than twice what is listed: the list is doubted, not the registrations."""
    for number in range(7):
        scenario.cache(f"cache-{number}")
    scenario.sweep()
    copy = back_up(scenario)
    for number in range(4):
        scenario.gone(f"cache-{number}")
    scenario.configure(
        deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100, "min_allowed": 9}
    )
    scenario.sweep()
    assert len(scenario.registry) == 3
    restore(scenario, copy)
    scenario.gone("cache-4")
    shown = scenario.sweep(exits=4)
    assert shown.verdicts["cache-4"] == "held/REGISTRY_SHRANK"
    assert len(scenario.registry) == 3
    assert scenario.sweep().verdicts["cache-4"] == "delete/ABSENT"


def test_a_pause_is_as_old_as_the_backup(scenario: Scenario) -> None:
    """One that was made since is forgotten, one that was ended since holds again."""
    scenario.cache("steady")
    scenario.sweep()
    before = back_up(scenario)
    scenario.run("pause", "--for", "2h")
    paused = back_up(scenario, "paused.db")
    restore(scenario, before)
    scenario.cache("fresh")
    assert scenario.sweep().item("fresh")["applied"] is True
    restore(scenario, paused)
    scenario.cache("later")
    assert scenario.sweep().item("later")["applied"] is None


@pytest.mark.parametrize(
    ("back", "verdict"), [(False, "held/GUARD_COUNT"), (True, "delete/ABSENT")]
)
def test_the_budget_is_as_old_as_the_backup(scenario: Scenario, back: bool, verdict: str) -> None:
    """Removals within `window` are counted as far as the copy knows of them."""
    scenario.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_count": 1})
    for name in ("first", "second", "steady"):
        scenario.cache(name)
    scenario.sweep()
    copy = back_up(scenario)
    scenario.gone("first")
    assert scenario.sweep().verdicts["first"] == "delete/ABSENT"
    if back:
        restore(scenario, copy)
        scenario.sweep()
    scenario.gone("second")
    assert scenario.sweep(exits=0 if back else 4).verdicts["second"] == verdict


def test_what_was_released_since_the_backup_stays_released(scenario: Scenario) -> None:
    scenario.cache("steady")
    scenario.sweep()
    copy = back_up(scenario)
    (name,) = scenario.registry
    assert scenario.run("release", name, "--yes").code == 0
    before = scenario.registry
    restore(scenario, copy)
    for _ in range(3):
        assert scenario.sweep().verdicts["steady"] == "conflict/FOREIGN"
        scenario.later(minutes=11)
    assert scenario.registry == before
