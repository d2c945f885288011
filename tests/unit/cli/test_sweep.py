"""Sweeps as a shell runs them: exit codes, one document, what a person reads."""

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from discovery.reports.schema import committed_schema
from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.command_line import (
    CONFIGURATION,
    HUB,
    MEMBER,
    SCRIPT,
    VIRGINIA,
    CommandLine,
    Run,
)
from tests.support.command_line import cli as make_rig

VALIDATOR = Draft202012Validator(committed_schema())
HOSTILE = "x[/bold]y\x9b31m\u202e\u200b" + "m" * 240


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path) as made:
        yield made


def document(run: Run) -> dict[str, Any]:
    """The one document on stdout, valid."""
    VALIDATOR.validate(run.document)
    return run.document


def actions(found: dict[str, Any]) -> dict[str, str]:
    return {
        one["cache"] or one["name"]: f"{one['action']}/{one['reason']}" for one in found["items"]
    }


def deny(cli: CommandLine, region: str = VIRGINIA) -> None:
    operation = "DescribeServerlessCaches"
    cli.aws.faults.add(
        Fault(effect=Effect.DENIED, region=region, service="elasticache", operation=operation)
    )


def slow_down(cli: CommandLine) -> None:
    operation = "DescribeServerlessCaches"
    cli.aws.faults.add(
        Fault(effect=Effect.LATENCY, delay_s=8, service="elasticache", operation=operation)
    )


def wait_for_the_scan(cli: CommandLine) -> None:
    for _ in range(200):
        if cli.aws.calls.of("DescribeServerlessCaches"):
            return
        threading.Event().wait(0.1)
    pytest.fail("the scan did not begin")


def test_a_first_sweep_registers_a_second_one_writes_nothing(cli: CommandLine) -> None:
    first = cli.run("sweep", "--format", "json")
    assert first.code == 0, first
    assert document(first)["summary"]["create"] == 3
    assert all(one["applied"] is True for one in document(first)["items"])
    second = cli.run("sweep")
    assert second.code == 0, second
    assert "= 3 keep" in second.out
    assert second.out.splitlines()[-1] == "3 caches in 1 account; nothing to change"


def test_an_audit_writes_nothing_at_all(cli: CommandLine) -> None:
    run = cli.run("audit", "--format", "json")
    assert run.code == 0, run
    assert document(run)["dry_run"] is True
    assert [file.name for file in cli.directory.iterdir()] == ["cachemuster.yaml"]


@pytest.mark.slow
def test_the_audit_shows_what_the_sweep_then_does(cli: CommandLine) -> None:
    audit = document(cli.run("audit", "--format", "json"))
    dry_run = document(cli.run("sweep", "--dry-run", "--format", "json"))
    sweep = cli.run("sweep", "--checksum", audit["checksum"].upper(), "--format", "json")
    assert sweep.code == 0, sweep
    assert audit["checksum"] == dry_run["checksum"] == document(sweep)["checksum"]
    assert actions(audit) == actions(document(sweep))


@pytest.mark.slow
def test_another_plan_than_reviewed_is_exit_4(cli: CommandLine) -> None:
    run = cli.run("sweep", "--checksum", "0" * 64, "--format", "json")
    assert run.code == 4, run
    assert all(one["applied"] is None for one in document(run)["items"])
    assert document(run)["checksum"] in run.err
    shown = cli.run("sweep", "--checksum", "0" * 64)
    assert "not the plan that --checksum names" in shown.out
    assert document(run)["checksum"] in shown.out
    assert cli.run("export", "--registered").out == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param((), 0, id="plain"),
        pytest.param(("--detailed-exitcode",), 2, id="changes-pending"),
        pytest.param(("--fail-on", "blocker"), 5, id="a-blocker"),
        pytest.param(("--fail-on", "warning", "--detailed-exitcode"), 5, id="findings-first"),
    ],
)
def test_what_an_audit_tells_by_its_exit(
    cli: CommandLine, arguments: tuple[str, ...], code: int
) -> None:
    assert cli.run("audit", *arguments).code == code


def test_findings_come_with_their_repair(cli: CommandLine) -> None:
    run = cli.run("audit")
    assert "NO_USER_GROUP" in run.out
    assert f"legacy · {HUB}/{VIRGINIA} · NO_USER_GROUP" in run.out


def test_an_unread_scope_is_exit_3_and_takes_nothing_away(cli: CommandLine) -> None:
    assert cli.run("sweep").code == 0
    deny(cli)
    run = cli.run("sweep", "--format", "json")
    assert run.code == 3, run
    found = document(run)
    assert actions(found)["legacy"] == "held/SCOPE_FAILED"
    (failed,) = [one for one in found["scopes"] if one["status"] == "failed"]
    assert (failed["region"], failed["reason"]) == (VIRGINIA, "DENIED")
    assert "failing since" in failed["message"]
    assert "1 scope unread since" in cli.run("sweep").out
    status = json.loads(cli.run("status", "--format", "json").out)
    assert [one["region"] for one in status["scopes"] if one["failing_since"]] == [VIRGINIA]
    assert len(status["registrations"]) == 3


def test_an_expected_failure_is_exit_0(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION.replace("[]", f"['{HUB}/{VIRGINIA}']"))
    deny(cli)
    assert cli.run("sweep").code == 0


def test_an_account_that_cannot_be_entered_is_a_failed_scope(cli: CommandLine) -> None:
    role = f"arn:aws:iam::{MEMBER}:role/cachemuster"
    accounts = f"accounts: [{{id: '{HUB}'}}, {{id: '{MEMBER}', role_arn: '{role}'}}], "
    cli.configure(CONFIGURATION.replace("aws: {", "aws: {" + accounts))
    run = cli.run("sweep", "--format", "json")
    assert run.code == 3, run
    (failed,) = [one for one in document(run)["scopes"] if one["status"] == "failed"]
    assert (failed["account_id"], failed["region"]) == (MEMBER, None)


@pytest.mark.slow
def test_a_mass_removal_is_refused_and_can_be_allowed(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION.replace("min_allowed: 2", "min_allowed: 1"))
    assert cli.run("sweep").code == 0
    cli.region().remove_cache("orders")
    cli.region().remove_cache("payments")
    assert cli.run("sweep").code == 0  # the first miss waits
    refused = cli.run("sweep", "--format", "json")
    assert refused.code == 4, refused
    assert document(refused)["guard"]["refused"] is True
    assert document(refused)["summary"]["delete"] == 0
    assert cli.run("audit").code == 4
    allowed = cli.run("sweep", "--allow-mass-removal", "2", "--format", "json")
    assert allowed.code == 0, allowed
    assert document(allowed)["summary"]["delete"] == 2


def test_a_registry_that_cannot_be_read_is_exit_1_with_a_document(cli: CommandLine) -> None:
    (cli.directory / "registry.db").write_text("this is no registry" * 300)
    run = cli.run("sweep", "--format", "json")
    assert run.code == 1, run
    assert {item["reason"] for item in document(run)["items"]} == {"REGISTRY_UNREAD"}
    assert "registry.db" in run.err
    assert "Traceback" not in run.err


def test_without_credentials_it_says_so_and_prints_no_document(cli: CommandLine) -> None:
    del cli.environment["AWS_ACCESS_KEY_ID"], cli.environment["AWS_SECRET_ACCESS_KEY"]
    run = cli.run("audit", "--format", "json", HOME=str(cli.directory))
    assert (run.code, run.out) == (1, ""), run
    assert "credentials" in run.err
    assert "Traceback" not in run.err


def test_a_secret_that_is_not_there_is_exit_78(cli: CommandLine) -> None:
    connect = "{assume_role_arn: 'arn:aws:iam::{account_id}:role/c', external_id: 'env:NOWHERE'}"
    cli.configure(f"{CONFIGURATION}matchers: [{{name: all, connect: {connect}}}]\n")
    run = cli.run("sweep")
    assert (run.code, run.out) == (78, ""), run
    assert "NOWHERE" in run.err


@pytest.mark.slow
def test_state_of_another_setup_is_exit_78_until_rebound(cli: CommandLine) -> None:
    assert cli.run("sweep").code == 0
    cli.configure(CONFIGURATION.replace("group: trial", "group: other"))
    run = cli.run("sweep")
    assert (run.code, run.out) == (78, ""), run
    assert "--rebind-state" in run.err
    assert cli.run("sweep", "--rebind-state").code in (0, 4)


@pytest.mark.slow
def test_state_held_by_another_process_is_exit_75(cli: CommandLine) -> None:
    slow_down(cli)
    with cli.start("sweep") as holder:
        wait_for_the_scan(cli)
        run = cli.run("sweep", "--lock-timeout", "0s")
        holder.terminate()
        holder.communicate(timeout=30)
    assert (run.code, run.out) == (75, ""), run
    assert "`sweep`, process" in run.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="int"), pytest.param(signal.SIGTERM, 143, id="term")],
)
def test_an_interrupted_sweep_still_prints_its_document(
    cli: CommandLine, number: signal.Signals, code: int
) -> None:
    slow_down(cli)
    with cli.start("sweep", "--format", "json") as process:
        wait_for_the_scan(cli)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    run = Run(process.returncode, out, err)
    assert run.code == code, run
    document(run)
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_reader_that_goes_away_is_no_error(cli: CommandLine, form: str) -> None:
    with cli.start("audit", "--format", form) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(timeout=30)
    assert code == 0, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_a_report_in_a_file_leaves_stdout_empty_and_says_the_sentence(cli: CommandLine) -> None:
    run = cli.run("sweep", "--format", "json", "-o", "report.json")
    assert (run.code, run.out) == (0, ""), run
    VALIDATOR.validate(json.loads((cli.directory / "report.json").read_text()))
    assert run.err.splitlines()[-1] == "3 caches in 1 account; 3 created"


def test_only_part_of_the_cloud(cli: CommandLine) -> None:
    assert cli.run("sweep").code == 0
    cli.region().remove_cache("orders")
    run = cli.run("sweep", "--only", f"{HUB}/{VIRGINIA}", "--format", "json")
    assert run.code == 0, run
    assert actions(document(run))["orders"] == "held/NOT_IN_RUN"
    assert actions(document(run))["legacy"] == "keep/UNCHANGED"


def test_only_what_is_configured_can_be_named(cli: CommandLine) -> None:
    run = cli.run("audit", "--only", f"{HUB}/ap-east-1", "--only", HUB, "--format", "json")
    assert (run.code, run.out) == (64, ""), run
    assert f"--only {HUB}/ap-east-1: account {HUB} has no such region" in run.err
    assert f"--only {HUB}:" not in run.err


@pytest.mark.slow
def test_closed_streams_lead_into_no_file(cli: CommandLine) -> None:
    command = f"{' '.join(SCRIPT)} sweep --format json <&- >&- 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=cli.directory, env=cli.environment, check=False, timeout=60
    )
    assert done.returncode == 0
    status = cli.run("status", "--format", "json")
    assert len(status.document["registrations"]) == 3


def test_events_are_json_lines_when_nobody_watches(cli: CommandLine) -> None:
    run = cli.run("sweep", "--log-format", "json")
    events = [json.loads(line) for line in run.err.splitlines() if line.startswith("{")]
    (finished,) = [event for event in events if event["event"] == "sweep.finished"]
    assert (finished["create"], finished["exit_code"]) == (3, 0)
    assert len(finished["plan_checksum"]) == 64


@pytest.mark.slow
def test_export_is_what_a_sweep_registers(cli: CommandLine) -> None:
    planned = cli.run("export")
    assert planned.code == 0, planned
    assert planned.out.count("kind: db") == 3
    assert cli.run("sweep").code == 0
    assert cli.run("export", "--registered").out == planned.out
    assert cli.run("export").out == planned.out


@pytest.mark.slow
def test_export_alone_shows_a_connect_external_id_and_says_so(cli: CommandLine) -> None:
    connect = "{assume_role_arn: 'arn:aws:iam::{account_id}:role/c', external_id: 'env:EID'}"
    cli.configure(f"{CONFIGURATION}matchers: [{{name: all, connect: {connect}}}]\n")
    secret = "open-sesame-1234"
    export = cli.run("export", EID=secret)
    assert secret in export.out
    assert "3 resources hold their connect external id in clear" in export.err
    said = []
    for arguments in (("audit", "-v"), ("sweep", "--format", "json"), ("status", "-v"), ("audit",)):
        run = cli.run(*arguments, EID=secret)
        assert run.code == 0, run
        said.append(run.out + run.err)
    assert secret not in "".join(said)
    state = (cli.directory / "cachemuster.db").read_bytes()
    assert secret.encode() not in state


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("audit", "-v"), id="audit"),
        pytest.param(("audit", "--format", "json"), id="audit-json"),
        pytest.param(("sweep", "-v", "--log-format", "console"), id="sweep"),
        pytest.param(("export",), id="export"),
        pytest.param(("status", "-v"), id="status"),
    ],
)
def test_hostile_tags_are_only_text(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    region = cli.region()
    region.add_cache("bad", tags={"env": HOSTILE, "TeleportDatabaseName": HOSTILE}, group="people")
    region.add_cache("worse", tags={HOSTILE[:100]: HOSTILE}, group="people")
    run = cli.run(*arguments)
    assert run.code in (0, 3), run
    for text in (run.out, run.err):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", text), repr(text)
