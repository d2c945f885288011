"""A state file that comes back from a backup: older than what happened since."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.scenarios.tale import Tale

NAMED = {"TeleportDatabaseName": "by-tag"}


def back_up(tale: Tale, name: str = "backup.db") -> Path:
    """A copy as deploy/README.md makes it, beside the state file."""
    copy = tale.directory / name
    with contextlib.closing(sqlite3.connect(tale.state_file)) as file:
        file.execute("VACUUM INTO ?", [str(copy)])
    return copy


def restore(tale: Tale, copy: Path) -> None:
    """The copy in place of the state file, and nothing of that one left."""
    tale.forget()
    shutil.copy(copy, tale.state_file)


def names_by_cache(tale: Tale) -> dict[str, list[str]]:
    """The registrations of every cache."""
    found: dict[str, list[str]] = {}
    for name, database in tale.registry.items():
        found.setdefault(database.labels["cachemuster/arn"].rpartition(":")[2], []).append(name)
    return found


@pytest.fixture
def busy(tale: Tale) -> Path:
    """A backup, and then: one cache new, one gone and removed, one renamed, one edited, one made
    anew under its name."""
    for name in ("steady", "leaves", "renamed", "edited", "replaced"):
        tale.cache(name)
    tale.sweep()
    copy = back_up(tale)
    tale.cache("fresh")
    tale.gone("leaves")
    tale.gone("replaced")
    tale.cache("replaced", created_at=tale.now())
    tale.tag("renamed", NAMED)
    tale.tag("edited", {"team": "web"})
    for _ in range(3):
        tale.sweep()
        tale.later(minutes=11)
    return copy


def test_an_old_backup_removes_nothing_live_and_registers_nothing_twice(
    tale: Tale, busy: Path
) -> None:
    before = tale.registry
    assert set(names_by_cache(tale)) == {"steady", "renamed", "edited", "replaced", "fresh"}
    restore(tale, busy)
    dry = tale.audit()
    first = tale.sweep()
    assert dry.document["checksum"] == first.document["checksum"]
    assert first.document["summary"]["delete"] == 0
    assert first.document["summary"]["create"] == 0
    for _ in range(4):
        tale.later(minutes=11)
        told = tale.sweep()
        assert told.writes == 0, told.verdicts
    assert tale.registry.keys() == before.keys()
    assert {name: len(names) for name, names in names_by_cache(tale).items()} == dict.fromkeys(
        ("steady", "renamed", "edited", "replaced", "fresh"), 1
    )


def test_what_the_backup_does_not_know_is_inherited_and_what_it_remembers_too_much_forgotten(
    tale: Tale, busy: Path
) -> None:
    restore(tale, busy)
    first = tale.sweep()
    assert first.notes("fresh") == {"INHERITED"}
    assert first.verdicts["fresh"] == "keep/UNCHANGED"
    assert "leaves" not in first.verdicts
    assert not any("leaves" in name for name in tale.memory.registrations)


def test_a_cache_deleted_after_the_restore_waits_as_ever(tale: Tale, busy: Path) -> None:
    restore(tale, busy)
    tale.sweep()
    tale.gone("fresh")
    tale.gone("steady")
    told = tale.sweep()
    assert (told.verdicts["fresh"], told.verdicts["steady"]) == ("held/WAITING", "held/WAITING")
    tale.later(minutes=11)
    told = tale.sweep()
    assert (told.verdicts["fresh"], told.verdicts["steady"]) == ("delete/ABSENT", "delete/ABSENT")


def test_a_miss_that_the_backup_remembers_removes_nothing_that_is_there(tale: Tale) -> None:
    """Gone at the time of the backup, and back since."""
    tale.cache("steady")
    tale.cache("flaps")
    tale.sweep()
    tale.gone("flaps")
    assert tale.sweep().verdicts["flaps"] == "held/WAITING"
    copy = back_up(tale)
    tale.cache("flaps")
    tale.later(days=3)
    tale.sweep()
    restore(tale, copy)
    told = tale.sweep()
    assert told.document["summary"]["delete"] == 0
    assert told.item("flaps")["missed"] is None


def test_a_backup_from_before_most_was_removed_holds_removals(tale: Tale) -> None:
    """It remembers more than twice what is listed: the list is doubted, not the registrations."""
    for number in range(7):
        tale.cache(f"cache-{number}")
    tale.sweep()
    copy = back_up(tale)
    for number in range(4):
        tale.gone(f"cache-{number}")
    tale.configure(
        deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100, "min_allowed": 9}
    )
    tale.sweep()
    assert len(tale.registry) == 3
    restore(tale, copy)
    tale.gone("cache-4")
    told = tale.sweep(exits=4)
    assert told.verdicts["cache-4"] == "held/REGISTRY_SHRANK"
    assert len(tale.registry) == 3
    assert tale.sweep().verdicts["cache-4"] == "delete/ABSENT"


def test_a_pause_is_as_old_as_the_backup(tale: Tale) -> None:
    """One that was made since is forgotten, one that was ended since holds again."""
    tale.cache("steady")
    tale.sweep()
    before = back_up(tale)
    tale.run("pause", "--for", "2h")
    paused = back_up(tale, "paused.db")
    restore(tale, before)
    tale.cache("fresh")
    assert tale.sweep().item("fresh")["applied"] is True
    restore(tale, paused)
    tale.cache("later")
    assert tale.sweep().item("later")["applied"] is None


@pytest.mark.parametrize(
    ("back", "verdict"), [(False, "held/GUARD_COUNT"), (True, "delete/ABSENT")]
)
def test_the_budget_is_as_old_as_the_backup(tale: Tale, back: bool, verdict: str) -> None:
    """Removals within `window` are counted as far as the copy knows of them."""
    tale.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_count": 1})
    for name in ("first", "second", "steady"):
        tale.cache(name)
    tale.sweep()
    copy = back_up(tale)
    tale.gone("first")
    assert tale.sweep().verdicts["first"] == "delete/ABSENT"
    if back:
        restore(tale, copy)
        tale.sweep()
    tale.gone("second")
    assert tale.sweep(exits=0 if back else 4).verdicts["second"] == verdict


def test_what_was_released_since_the_backup_stays_released(tale: Tale) -> None:
    tale.cache("steady")
    tale.sweep()
    copy = back_up(tale)
    (name,) = tale.registry
    assert tale.run("release", name, "--yes").code == 0
    before = tale.registry
    restore(tale, copy)
    for _ in range(3):
        assert tale.sweep().verdicts["steady"] == "conflict/FOREIGN"
        tale.later(minutes=11)
    assert tale.registry == before
