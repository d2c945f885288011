"""The history that sweeps leave, as a shell asks for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, CommandLine, bare_environment
from tests.support.command_line import cli as make_rig

ARN = "arn:aws:elasticache:eu-central-1:111122223333:serverlesscache:orders"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path) as made:
        yield made


def shown(cli: CommandLine, *arguments: str) -> list[tuple[str, str]]:
    """Action/reason and message of each entry, oldest first."""
    run = cli.run("history", "--format", "json", *arguments)
    assert run.code == 0, run
    entries = reversed(run.document["entries"])
    return [(f"{one['action']}/{one['reason']}", one["message"]) for one in entries]


def test_without_a_state_file_there_is_no_history(cli: CommandLine) -> None:
    assert shown(cli) == []
    assert cli.run("history").out == "0 entries\n"


def test_nothing_about_a_cache_says_where_to_look(cli: CommandLine) -> None:
    cli.run("sweep")
    run = cli.run("history", "--cache", "nobody")
    assert (run.code, run.out) == (1, "0 entries\n")  # as `explain nobody`
    assert "Nothing is remembered of 'nobody'" in run.err
    assert cli.run("explain", "nobody").code == 1
    assert cli.run("history", "--cache", "orders", "--since", "0s").code == 0
    assert "Nothing so recent" in cli.run("history", "--cache", "orders", "--since", "0s").err


@pytest.mark.parametrize("since", ["800000d", "9999999d"])
def test_a_span_that_reaches_back_before_the_calendar_is_all_of_it(
    cli: CommandLine, since: str
) -> None:
    cli.run("sweep")
    assert shown(cli, "--since", since) == shown(cli) != []


def test_an_action_stands_on_one_line(cli: CommandLine) -> None:
    cli.region().add_cache("pages", engine="memcached")
    cli.run("sweep")
    out = cli.run("history").out
    assert ". skipped" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
def test_the_life_of_a_cache(cli: CommandLine) -> None:
    cli.run("sweep")
    region = cli.region()
    region.remove_cache("orders")
    cli.run("sweep")
    cli.run("sweep")
    found = shown(cli, "--cache", "Orders")
    assert [what for what, _ in found] == [
        "create/NEW",  # written
        "create/NEW",  # first seen
        "held/WAITING",
        "delete/ABSENT",
    ]
    assert found[2][1].startswith("missed for the first time")


@pytest.mark.slow
def test_a_registered_cache_that_turns_not_ready_is_a_change_and_counted(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().add_user("app", access_string="off")
    turned = cli.run("sweep")
    assert turned.out.splitlines()[-1].endswith("2 updated; 2 no longer ready for IAM login")
    messages = [message for _, message in shown(cli, "--cache", "orders")]
    [change] = [message for message in messages if message.startswith("IAM login")]
    assert change.startswith("IAM login was ready and is not-ready: no member of user group people")
    again = cli.run("sweep")
    assert "no longer ready" not in again.out
    assert len(shown(cli, "--cache", "orders")) == len(messages)


@pytest.mark.slow
def test_a_changed_tag_is_told_as_an_update(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().set_tags(ARN, {"env": "prod", "team": "x"})
    cli.run("sweep")
    assert shown(cli, "--cache", "orders")[-1] == ("update/LABELS_CHANGED", "updated")


@pytest.mark.slow
def test_an_unchanged_sweep_adds_nothing(cli: CommandLine) -> None:
    cli.run("sweep")
    before = shown(cli)
    cli.run("sweep")
    assert shown(cli) == before


def test_since_and_names_choose(cli: CommandLine) -> None:
    cli.run("sweep")
    everything = shown(cli)
    assert shown(cli, "--since", "1h") == everything
    registered = "orders-elasticache-serverless-eu-central-1-111122223333"
    assert shown(cli, "--cache", registered) == shown(cli, "--cache", ARN) != everything
    assert cli.run("history", "--cache", "order").code == 1


def test_the_table_names_what_happened(cli: CommandLine) -> None:
    cli.run("sweep")
    out = cli.run("history").out
    assert "+ create" in out
    assert "orders" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_names_the_command(cli: CommandLine, shell: str) -> None:
    run = cli.run("completion", shell)
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
