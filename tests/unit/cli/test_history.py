"""The history that sweeps leave, as a shell asks for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, Rig, bare_environment
from tests.support.command_line import rig as make_rig

ARN = "arn:aws:elasticache:eu-central-1:111122223333:serverlesscache:orders"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with make_rig(tmp_path) as made:
        yield made


def told(rig: Rig, *arguments: str) -> list[tuple[str, str]]:
    """Action/reason and message of each entry, oldest first."""
    run = rig.run("history", "--format", "json", *arguments)
    assert run.code == 0, run
    entries = reversed(run.document["entries"])
    return [(f"{one['action']}/{one['reason']}", one["message"]) for one in entries]


def test_without_a_state_file_there_is_no_history(rig: Rig) -> None:
    assert told(rig) == []
    assert rig.run("history").out == "0 entries\n"


def test_nothing_about_a_cache_says_where_to_look(rig: Rig) -> None:
    rig.run("sweep")
    run = rig.run("history", "--cache", "nobody")
    assert (run.code, run.out) == (1, "0 entries\n")  # as `explain nobody`
    assert "Nothing is remembered of 'nobody'" in run.err
    assert rig.run("explain", "nobody").code == 1
    assert rig.run("history", "--cache", "orders", "--since", "0s").code == 0
    assert "Nothing so recent" in rig.run("history", "--cache", "orders", "--since", "0s").err


@pytest.mark.parametrize("since", ["800000d", "9999999d"])
def test_a_span_that_reaches_back_before_the_calendar_is_all_of_it(rig: Rig, since: str) -> None:
    rig.run("sweep")
    assert told(rig, "--since", since) == told(rig) != []


def test_an_action_stands_on_one_line(rig: Rig) -> None:
    rig.region().add_cache("pages", engine="memcached")
    rig.run("sweep")
    out = rig.run("history").out
    assert ". skipped" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_life_of_a_cache(rig: Rig) -> None:
    rig.run("sweep")
    region = rig.region()
    region.remove_cache("orders")
    rig.run("sweep")
    rig.run("sweep")
    found = told(rig, "--cache", "Orders")
    assert [what for what, _ in found] == [
        "create/NEW",  # written
        "create/NEW",  # first seen
        "held/WAITING",
        "delete/ABSENT",
    ]
    assert found[2][1].startswith("missed for the first time")


def test_a_registered_cache_that_turns_not_ready_is_a_change_and_counted(rig: Rig) -> None:
    rig.run("sweep")
    rig.region().add_user("app", access_string="off")
    turned = rig.run("sweep")
    assert turned.out.splitlines()[-1].endswith("2 updated; 2 no longer ready for IAM login")
    messages = [message for _, message in told(rig, "--cache", "orders")]
    [change] = [message for message in messages if message.startswith("IAM login")]
    assert change.startswith("IAM login was ready and is not-ready: no member of user group people")
    again = rig.run("sweep")
    assert "no longer ready" not in again.out
    assert len(told(rig, "--cache", "orders")) == len(messages)


def test_a_changed_tag_is_told_as_an_update(rig: Rig) -> None:
    rig.run("sweep")
    rig.region().set_tags(ARN, {"env": "prod", "team": "x"})
    rig.run("sweep")
    assert told(rig, "--cache", "orders")[-1] == ("update/LABELS_CHANGED", "updated")


def test_an_unchanged_sweep_adds_nothing(rig: Rig) -> None:
    rig.run("sweep")
    before = told(rig)
    rig.run("sweep")
    assert told(rig) == before


def test_since_and_names_choose(rig: Rig) -> None:
    rig.run("sweep")
    everything = told(rig)
    assert told(rig, "--since", "1h") == everything
    registered = "orders-elasticache-serverless-eu-central-1-111122223333"
    assert told(rig, "--cache", registered) == told(rig, "--cache", ARN) != everything
    assert rig.run("history", "--cache", "order").code == 1


def test_the_table_names_what_happened(rig: Rig) -> None:
    rig.run("sweep")
    out = rig.run("history").out
    assert "+ create" in out
    assert "orders" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_names_the_command(rig: Rig, shell: str) -> None:
    run = rig.run("completion", shell)
    assert run.code == 0
    assert "_CACHEMUSTER_COMPLETE" in run.out


@pytest.mark.slow
def test_a_shell_completes_commands() -> None:
    found = subprocess.run(
        [*SCRIPT],
        env={
            **bare_environment(),
            "_CACHEMUSTER_COMPLETE": "bash_complete",
            "COMP_WORDS": "cachemuster swe",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.split() == ["plain,sweep"]
