"""A pause: sweeps go on and write nothing, and everybody says so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from discovery.model.codes import Reason
from state.store import Store, load_state
from tests.support.command_line import Rig
from tests.support.command_line import rig as make_rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with make_rig(tmp_path) as made:
        yield made


def state(rig: Rig) -> Path:
    return rig.directory / "cachemuster.db"


def registered(rig: Rig) -> int:
    return rig.run("export", "--registered").out.count("kind: db")


def test_a_paused_sweep_plans_and_writes_nothing(rig: Rig) -> None:
    assert rig.run("pause", "--for", "2h").code == 0
    run = rig.run("sweep", "--format", "json")
    assert run.code == 0, run
    assert {(item["action"], item["applied"]) for item in run.document["items"]} == {
        ("create", None)
    }
    assert run.document["summary"] == {**run.document["summary"], "create": 3, "failed": 0}
    assert "paused until" in run.err
    assert "`cachemuster resume` ends the pause" in run.err
    assert registered(rig) == 0
    assert len(load_state(state(rig)).scopes) == 2


def test_the_table_says_it_and_resume_ends_it(rig: Rig) -> None:
    rig.run("pause", "--for", "1h")
    out = rig.run("sweep").out
    assert "? paused until" in out
    assert "3 not done; paused until" in " ".join(out.split())
    assert rig.run("resume").out.startswith("Resumed")
    assert rig.run("sweep").code == 0
    assert registered(rig) == 3
    assert rig.run("resume").out == "Nothing was paused.\n"


@pytest.mark.slow
def test_misses_go_on_counting_and_are_due_after_it(rig: Rig) -> None:
    rig.run("sweep")
    rig.region().remove_cache("orders")
    rig.run("pause", "--for", "1h")
    for scans in (1, 2, 3):
        rig.run("sweep")
        [miss] = load_state(state(rig)).pending_removals.values()
        assert (miss.scans, miss.reason) == (scans, Reason.ABSENT)
    assert registered(rig) == 3
    rig.run("resume")
    run = rig.run("sweep", "--format", "json")
    assert run.document["summary"]["delete"] == 1
    assert registered(rig) == 2


def test_an_audit_is_the_same_and_says_it(rig: Rig) -> None:
    before = rig.run("audit", "--format", "json").document
    rig.run("pause", "--for", "1h")
    run = rig.run("audit", "--format", "json")
    assert run.document["checksum"] == before["checksum"]
    assert "before that a sweep scans and remembers, but writes nothing" in run.err
    assert rig.run("sweep", "--dry-run").out.count("paused until") == 2


def test_a_pause_ends_by_itself(rig: Rig) -> None:
    with Store.open(state(rig)) as store:
        now = datetime.now(UTC)
        store.pause(now - timedelta(seconds=1), now)
    assert rig.run("sweep").code == 0
    assert registered(rig) == 3
    assert "aused" not in rig.run("status").out
    assert rig.run("resume").out == "Nothing was paused any more.\n"


def test_status_shows_it(rig: Rig) -> None:
    rig.run("pause", "--for", "7d")
    run = rig.run("status")
    assert "? Paused until" in run.out
    assert "; paused until" in run.out
    assert rig.run("status", "--format", "json").document["paused_until"] is not None
    rig.run("resume")
    assert rig.run("status", "--format", "json").document["paused_until"] is None


@pytest.mark.parametrize("span", ["0s", "366d", "soon", ""])
def test_a_pause_has_a_length(rig: Rig, span: str) -> None:
    assert rig.run("pause", "--for", span).code == 64
    assert not state(rig).exists()


def test_resume_makes_no_state_file(rig: Rig) -> None:
    assert rig.run("resume").out == "Nothing was paused.\n"
    assert not state(rig).exists()


def test_a_sweep_that_runs_ends_first(rig: Rig) -> None:
    rig.run("pause", "--for", "1h")
    with state(rig).with_name("cachemuster.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("pause", "--for", "2h"), ("resume",)):
            run = rig.run(*command, "--lock-timeout", "0s")
            assert run.code == 75, run


def test_status_counts_misses_down(rig: Rig) -> None:
    rig.run("sweep")
    rig.region().remove_cache("orders")
    rig.run("sweep")
    [waiting] = rig.run("status", "--format", "json").document["waiting"]
    assert (waiting["scans"], waiting["scans_left"]) == (1, 1)
    assert "1 scan to go" in " ".join(rig.run("status").out.split())
