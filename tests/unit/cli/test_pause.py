"""A pause: sweeps go on and write nothing, and everybody says so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from discovery.model.codes import Reason
from state.store import Store, load_state
from tests.support.command_line import CommandLine
from tests.support.command_line import cli as make_rig


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path) as made:
        yield made


def state(cli: CommandLine) -> Path:
    return cli.directory / "cachemuster.db"


def registered(cli: CommandLine) -> int:
    return cli.run("export", "--registered").out.count("kind: db")


def test_a_paused_sweep_plans_and_writes_nothing(cli: CommandLine) -> None:
    assert cli.run("pause", "--for", "2h").code == 0
    run = cli.run("sweep", "--format", "json")
    assert run.code == 0, run
    assert {(item["action"], item["applied"]) for item in run.document["items"]} == {
        ("create", None)
    }
    assert run.document["summary"] == {**run.document["summary"], "create": 3, "failed": 0}
    assert "paused until" in run.err
    assert "`cachemuster resume` ends the pause" in run.err
    assert registered(cli) == 0
    assert len(load_state(state(cli)).scopes) == 2


def test_the_table_says_it_and_resume_ends_it(cli: CommandLine) -> None:
    cli.run("pause", "--for", "1h")
    out = cli.run("sweep").out
    assert "? paused until" in out
    assert "3 not done; paused until" in " ".join(out.split())
    assert cli.run("resume").out.startswith("Resumed")
    assert cli.run("sweep").code == 0
    assert registered(cli) == 3
    assert cli.run("resume").out == "Nothing was paused.\n"


@pytest.mark.slow
def test_misses_go_on_counting_and_are_due_after_it(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().remove_cache("orders")
    cli.run("pause", "--for", "1h")
    for scans in (1, 2, 3):
        cli.run("sweep")
        [miss] = load_state(state(cli)).pending_removals.values()
        assert (miss.scans, miss.reason) == (scans, Reason.ABSENT)
    assert registered(cli) == 3
    cli.run("resume")
    run = cli.run("sweep", "--format", "json")
    assert run.document["summary"]["delete"] == 1
    assert registered(cli) == 2


def test_an_audit_is_the_same_and_says_it(cli: CommandLine) -> None:
    before = cli.run("audit", "--format", "json").document
    cli.run("pause", "--for", "1h")
    run = cli.run("audit", "--format", "json")
    assert run.document["checksum"] == before["checksum"]
    assert "before that a sweep scans and remembers, but writes nothing" in run.err
    assert cli.run("sweep", "--dry-run").out.count("paused until") == 2


def test_a_pause_ends_by_itself(cli: CommandLine) -> None:
    with Store.open(state(cli)) as store:
        now = datetime.now(UTC)
        store.pause(now - timedelta(seconds=1), now)
    assert cli.run("sweep").code == 0
    assert registered(cli) == 3
    assert "aused" not in cli.run("status").out
    assert cli.run("resume").out == "Nothing was paused any more.\n"


def test_status_shows_it(cli: CommandLine) -> None:
    cli.run("pause", "--for", "7d")
    run = cli.run("status")
    assert "? Paused until" in run.out
    assert "; paused until" in run.out
    assert cli.run("status", "--format", "json").document["paused_until"] is not None
    cli.run("resume")
    assert cli.run("status", "--format", "json").document["paused_until"] is None


@pytest.mark.parametrize("span", ["0s", "366d", "soon", ""])
def test_a_pause_has_a_length(cli: CommandLine, span: str) -> None:
    assert cli.run("pause", "--for", span).code == 64
    assert not state(cli).exists()


def test_resume_makes_no_state_file(cli: CommandLine) -> None:
    assert cli.run("resume").out == "Nothing was paused.\n"
    assert not state(cli).exists()


def test_a_sweep_that_runs_ends_first(cli: CommandLine) -> None:
    cli.run("pause", "--for", "1h")
    with state(cli).with_name("cachemuster.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("pause", "--for", "2h"), ("resume",)):
            run = cli.run(*command, "--lock-timeout", "0s")
            assert run.code == 75, run


def test_status_counts_misses_down(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().remove_cache("orders")
    cli.run("sweep")
    [waiting] = cli.run("status", "--format", "json").document["waiting"]
    assert (waiting["scans"], waiting["scans_left"]) == (1, 1)
    assert "1 scan to go" in " ".join(cli.run("status").out.split())
