"""`adopt` and `release` as a shell runs them, on an embedded registry."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.cli import transfer
from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from discovery.model.values import Database, ResourceName
from discovery.sandbox.aws.faults import Effect, Fault
from state.lock import lock_path
from state.store import load_state
from tests.support.command_line import (
    CONFIGURATION,
    FRANKFURT,
    HUB,
    SCRIPT,
    VIRGINIA,
    CommandLine,
    Run,
)
from tests.support.command_line import cli as make_rig

NAME = f"orders-elasticache-serverless-{FRANKFURT}-{HUB}"
MATCHERS = CONFIGURATION + 'matchers: [{name: all, exclude_tags: {teleport: "off"}}]\n'
DISCOVERED = {"teleport.dev/origin": "cloud", "teleport.internal/discovery-group-name": "g1"}


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path, configuration=MATCHERS) as made:
        yield made


def registry(cli: CommandLine) -> dict[str, Database]:
    listed = asyncio.run(EmbeddedReader(cli.directory / "registry.db").list_databases())
    return {str(each.name): each for each in listed}


def put(cli: CommandLine, *databases: Database) -> None:
    async def write() -> None:
        async with Embedded(cli.directory / "registry.db") as plane:
            for each in databases:
                if await plane.get(each.name) is None:
                    await plane.create(each)
                else:
                    await plane.update(each)

    asyncio.run(write())


def relabelled(database: Database, **labels: str | None) -> Database:
    """`__` reads `/`, `_` reads `-`."""
    keys = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    merged = {**database.labels, **keys}
    return replace(database, labels={k: v for k, v in merged.items() if v is not None})


def discovered(cli: CommandLine) -> dict[str, Database]:
    """Everything is registered, and Teleport's Discovery Service has it; state knows nothing."""
    assert cli.run("sweep").code == 0
    theirs = {
        name: replace(
            each,
            labels={k: v for k, v in each.labels.items() if not k.startswith("cachemuster/")}
            | DISCOVERED
            | {"managed-by": "teleport"},
            spec={**each.spec, "tls": {"server_name": "x"}},
        )
        for name, each in registry(cli).items()
    }
    put(cli, *theirs.values())
    for file in cli.directory.glob("cachemuster.db*"):
        file.unlink()
    return theirs


def sweep_actions(cli: CommandLine) -> dict[str, str]:
    document = cli.run("sweep", "--format", "json").document
    return {one["cache"]: f"{one['action']}/{one['reason']}" for one in document["items"]}


def history(cli: CommandLine) -> list[str]:
    document = cli.run("history", "--cache", "orders", "--format", "json").document
    return [entry["message"] for entry in document["entries"]]


@pytest.mark.slow
def test_released_it_stays_and_state_forgets_it(cli: CommandLine) -> None:
    cli.run("sweep")
    before = registry(cli)[NAME]
    run = cli.run("release", NAME, "--yes")
    assert run.code == 0, run
    after = registry(cli)[NAME]
    assert after.spec == before.spec
    assert set(before.labels) - set(after.labels) == {
        "managed-by",
        "cachemuster/group",
        "cachemuster/arn",
        "cachemuster/iam-auth",
    }
    assert NAME not in load_state(cli.directory / "cachemuster.db").registrations
    assert "conflict/FOREIGN" in run.out
    assert "--tags Key=teleport,Value=off" in run.out
    assert history(cli)[0].startswith("released")
    assert sweep_actions(cli)["orders"] == "conflict/FOREIGN"


@pytest.mark.slow
def test_what_it_says_to_do_after_a_release_is_enough(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.run("release", NAME, "--yes")
    arn = f"arn:aws:elasticache:{FRANKFURT}:{HUB}:serverlesscache:orders"
    cli.region().set_tags(arn, {"teleport": "off"})
    before = registry(cli)[NAME]
    for _ in range(3):
        assert sweep_actions(cli)["orders"] == "skipped/EXCLUDED"
    assert registry(cli)[NAME] == before


@pytest.mark.slow
def test_adopted_again_it_is_ours_and_remembered(cli: CommandLine) -> None:
    cli.run("sweep")
    before = registry(cli)[NAME]
    cli.run("release", NAME, "--yes")
    run = cli.run("adopt", NAME, "--yes")
    assert run.code == 0, run
    after = registry(cli)[NAME]
    assert (after.labels, after.spec) == (before.labels, before.spec)
    assert NAME in load_state(cli.directory / "cachemuster.db").registrations
    assert history(cli)[0].startswith("adopted")
    assert set(sweep_actions(cli).values()) == {"keep/UNCHANGED"}


@pytest.mark.slow
def test_moving_from_teleports_discovery_service(cli: CommandLine) -> None:
    theirs = discovered(cli)
    run = cli.run("adopt", "--all", "--yes", "--format", "json")
    assert run.code == 0, run
    items = run.document["items"]
    assert {item["name"] for item in items} == set(theirs)
    assert {item["outcome"] for item in items} == {"done"}
    assert all(item["recreated"] for item in items)
    assert " ".join(run.err.split()).count("deleted and created again") == 3
    for name, database in registry(cli).items():
        assert database.labels["teleport.dev/origin"] == "dynamic"
        assert database.labels["managed-by"] == "cachemuster"
        assert database.spec["tls"] == {"server_name": "x"}, name
        assert database.revision != theirs[name].revision
    assert set(sweep_actions(cli).values()) == {"keep/UNCHANGED"}
    assert cli.run("adopt", "--all", "--yes").out.splitlines()[-1] == "nothing to adopt"


@pytest.mark.slow
def test_adopted_databases_do_not_spend_the_removal_budget(cli: CommandLine) -> None:
    discovered(cli)
    assert cli.run("adopt", "--all", "--yes").code == 0
    assert load_state(cli.directory / "cachemuster.db").removals == ()


@pytest.mark.slow
def test_renaming_a_group(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.configure(MATCHERS.replace("group: trial", "group: prod\nstate: {path: prod.db}"))
    nothing = cli.run("adopt", "--all", "--yes")
    assert (nothing.code, nothing.out.splitlines()[-1]) == (0, "nothing to adopt")
    refused = cli.run("adopt", NAME, "--yes", "--format", "json")
    assert (refused.code, refused.document["refused"][0]["code"]) == (1, "OTHER_GROUP")
    run = cli.run("adopt", "--all", "--from-group", "trial", "--yes")
    assert (run.code, run.out.splitlines()[-1]) == (0, "3 adopted")
    assert {each.labels["cachemuster/group"] for each in registry(cli).values()} == {"prod"}
    assert set(sweep_actions(cli).values()) == {"keep/UNCHANGED"}


@pytest.mark.slow
def test_what_is_refused_says_why_and_writes_nothing(cli: CommandLine) -> None:
    theirs = discovered(cli)
    stale = {**theirs[NAME].spec, "uri": "old.example.com:6379"}
    put(cli, replace(theirs[NAME], spec=stale))
    before = registry(cli)
    run = cli.run("adopt", NAME, "--yes")
    assert run.code == 1
    assert "URI_DISAGREES" in run.out
    assert run.out.splitlines()[-1] == "1 refused"
    assert registry(cli) == before


@pytest.mark.slow
def test_an_unread_scope_is_exit_3_of_all_and_takes_the_rest(cli: CommandLine) -> None:
    discovered(cli)
    operation = "DescribeServerlessCaches"
    cli.aws.faults.add(
        Fault(effect=Effect.DENIED, region=VIRGINIA, service="elasticache", operation=operation)
    )
    run = cli.run("adopt", "--all", "--yes")
    assert run.code == 3, run
    assert run.out.splitlines()[-1] == "2 adopted, 1 scope unread"


@pytest.mark.slow
def test_one_name_asks_its_own_scope_only(cli: CommandLine) -> None:
    discovered(cli)
    cli.aws.calls.clear()
    assert cli.run("adopt", NAME, "--yes").code == 0
    asked = {call.region for call in cli.aws.calls.of("DescribeServerlessCaches")}
    assert asked == {FRANKFURT}


def test_a_release_asks_aws_nothing(cli: CommandLine) -> None:
    cli.run("sweep")
    del cli.environment["AWS_ACCESS_KEY_ID"], cli.environment["AWS_SECRET_ACCESS_KEY"]
    assert cli.run("release", NAME, "--yes", HOME=str(cli.directory)).code == 0


@pytest.mark.slow
def test_all_are_released_at_once_but_what_disagrees_with_itself(cli: CommandLine) -> None:
    cli.run("sweep")
    odd = replace(registry(cli)[NAME], name=ResourceName("odd"))
    put(cli, relabelled(odd, cachemuster__arn="nonsense"))
    assert cli.run("release", "--all").code == 64, "nobody is there to agree"
    run = cli.run("release", "--all", "--yes")
    assert run.code == 0, run
    assert "! odd is refused: IDENTITY_MISMATCH" in run.out
    assert "3 released, 1 refused" in run.out
    owners = {name: each.labels.get("managed-by") for name, each in registry(cli).items()}
    assert owners.pop("odd") == "cachemuster"
    assert set(owners.values()) == {None}
    assert set(sweep_actions(cli).values()) == {"conflict/FOREIGN", "conflict/IDENTITY_MISMATCH"}
    again = cli.run("release", "--all", "--yes")
    assert (again.code, again.out.splitlines()[-1]) == (0, "1 refused")


USAGE: list[Any] = [
    pytest.param(("adopt", NAME), "nobody is at a terminal", id="nobody-to-ask"),
    pytest.param(("release", NAME), "nobody is at a terminal", id="nobody-to-ask-either"),
    pytest.param(("adopt", "--yes"), "or give --all", id="neither-name-nor-all"),
    pytest.param(("adopt", NAME, "--all", "--yes"), "or give --all", id="both"),
    pytest.param(("release", "--yes"), "or give --all", id="neither-to-release"),
    pytest.param(("release", NAME, "--all", "--yes"), "or give --all", id="both-to-release"),
    pytest.param(
        ("adopt", NAME, "--yes", "--identity-file", "x"), "needs none", id="identity-for-a-file"
    ),
    pytest.param(
        ("adopt", "--all", "--from-group", "trial", "--yes"), "is the group of", id="from-ourselves"
    ),
]


@pytest.mark.parametrize(("arguments", "text"), USAGE)
def test_what_cannot_be_meant_is_exit_64(
    cli: CommandLine, arguments: tuple[str, ...], text: str
) -> None:
    run = cli.run(*arguments)
    assert (run.code, run.out) == (64, "")
    assert text in run.err
    assert [file.name for file in cli.directory.iterdir()] == ["cachemuster.yaml"]


def test_state_of_another_setup_is_exit_78(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.configure(MATCHERS.replace("group: trial", "group: other"))
    for arguments in (("release", NAME), ("adopt", NAME, "--from-group", "trial")):
        run = cli.run(*arguments, "--yes")
        assert (run.code, run.out) == (78, ""), run


def test_it_waits_for_the_lock_and_names_its_holder(cli: CommandLine) -> None:
    import fcntl  # noqa: PLC0415

    cli.run("sweep")
    with lock_path(cli.directory / "cachemuster.db").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = cli.run("release", NAME, "--yes", "--lock-timeout", "0s")
    assert (run.code, run.out) == (75, ""), run
    assert "managed-by" in registry(cli)[NAME].labels


Meddling = Callable[[Database], Database]
MEDDLING: list[Any] = [
    pytest.param(lambda d: relabelled(d, managed_by="terraform"), id="another-owner"),
    pytest.param(lambda d: replace(d, description="edited"), id="an-edit"),
    pytest.param(lambda d: replace(d, spec={**d.spec, "uri": "x.example.com:1"}), id="its-uri"),
]


@pytest.mark.parametrize("meddle", MEDDLING)
@pytest.mark.parametrize("verb", ["adopt", "release"])
def test_what_changes_after_the_plan_was_shown_is_left_alone(
    cli: CommandLine, verb: str, meddle: Meddling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is quicker than the person who reads the plan."""
    if verb == "adopt":
        discovered(cli)
    else:
        cli.run("sweep")
    changed = meddle(registry(cli)[NAME])
    original = transfer.TransferCommand.ask_consent

    def slowly(command_line: transfer.TransferCommand, report: Any) -> bool:
        put(cli, changed)
        return original(command_line, report)

    monkeypatch.setattr(transfer.TransferCommand, "ask_consent", slowly)
    run = cli.run(verb, NAME, "--yes", "--format", "json")
    assert run.code == 1, run
    (item,) = run.document["items"]
    assert (item["outcome"], item["error"]["code"]) == ("not done", "PLAN_CHANGED")
    assert (registry(cli)[NAME].labels, registry(cli)[NAME].spec) == (changed.labels, changed.spec)
    assert load_state(cli.directory / "cachemuster.db").open_intents == ()


@pytest.mark.slow
def test_a_report_goes_to_its_file_whole(cli: CommandLine) -> None:
    discovered(cli)
    run = cli.run("adopt", NAME, "--yes", "-o", "adopted.txt")
    assert (run.code, run.out) == (0, ""), run
    assert "1 adopted" in run.err
    assert (cli.directory / "adopted.txt").read_text().splitlines()[-1] == "1 adopted"


@pytest.mark.slow
def test_text_from_the_registry_cannot_act_on_a_terminal(cli: CommandLine) -> None:
    theirs = discovered(cli)
    put(cli, relabelled(theirs[NAME], evil="\x1b[2J[/bold]\u202e", managed_by="x\x9b31m"))
    run = cli.run("adopt", NAME, "--yes")
    assert run.code == 0, run
    assert not {"\x1b", "\x9b", "\u202e"} & set(run.out + run.err)


@pytest.mark.slow
def test_a_connect_secret_is_shown_as_its_digest(cli: CommandLine) -> None:
    connect = "{assume_role_arn: 'arn:aws:iam::{account_id}:role/c', external_id: 'env:EID'}"
    cli.configure(CONFIGURATION + f"matchers: [{{name: all, connect: {connect}}}]\n")
    cli.environment["EID"] = "a-connect-secret"
    theirs = discovered(cli)
    aws = {k: v for k, v in theirs[NAME].spec["aws"].items() if k != "external_id"}
    put(cli, replace(theirs[NAME], spec={**theirs[NAME].spec, "aws": aws}))
    run = cli.run("adopt", NAME, "--yes", "--format", "json")
    assert run.code == 0, run
    assert "a-connect-secret" not in run.out + run.err
    assert "sha256:" in run.out
    assert registry(cli)[NAME].spec["aws"]["external_id"] == "a-connect-secret"


# -- a person at a terminal ------------------------------------------------------------------------


def at_a_terminal(
    cli: CommandLine, answer: bytes | signal.Signals, *arguments: str
) -> tuple[int, str]:
    """Exit code and what the terminal shows; `answer` is typed, or sent, once asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SCRIPT, *arguments],
        cwd=cli.directory,
        env={**cli.environment, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    received, is_asked = b"", False
    while True:
        try:
            received += os.read(ours, 65536)
        except OSError:  # the last writer is gone
            break
        if b"[y/N]" in received and not is_asked:
            is_asked = True
            if isinstance(answer, signal.Signals):
                process.send_signal(answer)
            # A signal that comes just before the prompt begins to read is seen after one line.
            os.write(ours, answer if isinstance(answer, bytes) else b"\n")
    os.close(ours)
    return process.wait(timeout=30), received.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "code", "owner"),
    [
        pytest.param(b"y\n", 0, "cachemuster", id="yes"),
        pytest.param(b"n\n", 1, "teleport", id="no"),
        pytest.param(b"\n", 1, "teleport", id="the-default-is-no"),
        pytest.param(b"\x04", 130, "teleport", id="ctrl-d"),
        pytest.param(signal.SIGINT, 130, "teleport", id="ctrl-c"),
    ],
)
def test_a_person_sees_the_plan_and_is_asked(
    cli: CommandLine, answer: bytes | signal.Signals, code: int, owner: str
) -> None:
    discovered(cli)
    ended, shown = at_a_terminal(cli, answer, "adopt", NAME)
    assert ended == code, shown
    plan, _, rest = shown.partition("Shall cachemuster adopt this? [y/N]")
    assert "/metadata/labels/managed-by: teleport → cachemuster" in plan
    assert "deleted and created again" in " ".join(plan.split())
    assert ("1 adopted" in rest) is (code == 0)
    assert registry(cli)[NAME].labels["managed-by"] == owner


def refused_by(run: Run) -> str:
    """The code of the one refusal."""
    (refused,) = run.document["refused"]
    return str(refused["code"])


@pytest.mark.parametrize("verb", ["adopt", "release"])
def test_a_name_that_nobody_has_is_exit_1(cli: CommandLine, verb: str) -> None:
    run = cli.run(verb, "no-such-database", "--yes", "--format", "json")
    assert (run.code, refused_by(run)) == (1, "NOT_FOUND")
    assert not (cli.directory / "registry.db").exists()


def test_what_is_ours_is_not_adopted_and_what_is_not_is_not_released(cli: CommandLine) -> None:
    cli.run("sweep")
    run = cli.run("adopt", NAME, "--yes", "--format", "json")
    assert (run.code, refused_by(run)) == (1, "ALREADY_OURS")
    put(cli, replace(registry(cli)[NAME], name=ResourceName("other"), labels={}))
    run = cli.run("release", "other", "--yes", "--format", "json")
    assert (run.code, refused_by(run)) == (1, "NOT_OURS")
