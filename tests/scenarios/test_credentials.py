"""Trouble with the agent's own credentials, as the real command in its own process reports it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.command_line import Run
from tests.support.scenario import FRANKFURT, HUB, Scenario
from tests.support.service_process import service_process

pytestmark = pytest.mark.slow

SUBJECT = "system:serviceaccount:cachemuster:cachemuster"
SECRET = "S3cret"
COULD_NOT = "the agent's credentials could not be got: "


def process(scenario: Scenario, *arguments: str, **environment: str) -> Run:
    """One command without the keys that others have, and nobody at its terminal."""
    started = scenario.cli.start(*arguments, **bare(scenario, **environment))
    out, err = started.communicate(timeout=60)
    return Run(started.returncode, out, err)


def bare(scenario: Scenario, **environment: str) -> dict[str, str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        scenario.cli.environment.pop(name, None)
    files = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}
    named = {name: str(scenario.directory / file) for name, file in files.items()}
    return {**scenario.environment, **named, "COLUMNS": "1000", **environment}


def script(scenario: Scenario, text: str) -> Path:
    file = scenario.directory / "command"
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return file


def profile(scenario: Scenario, *lines: str) -> dict[str, str]:
    (scenario.directory / "config").write_text("\n".join(("[profile work]", *lines, "")), "utf-8")
    return {"AWS_PROFILE": "work"}


def token(scenario: Scenario, role: str = "security/pod", **lifetime: timedelta) -> dict[str, str]:
    """The environment that Kubernetes gives a pod, and the token that it mounts."""
    hub = scenario.aws.world.account(HUB)
    hub.add_role(role, trusted=[SUBJECT])
    file = scenario.directory / "token"
    file.write_text(scenario.aws.world.issue_web_identity(SUBJECT, **lifetime), "utf-8")
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_ROLE_ARN": hub.iam_arn(f"role/{role}"),
    }


def missing_token(scenario: Scenario) -> tuple[dict[str, str], str]:
    named = token(scenario)
    file = Path(named["AWS_WEB_IDENTITY_TOKEN_FILE"])
    file.unlink()
    return named, f"web identity token file {file} .*No such file or directory"


def unreadable_token(scenario: Scenario) -> tuple[dict[str, str], str]:
    named = token(scenario) | {"AWS_WEB_IDENTITY_TOKEN_FILE": str(scenario.directory)}
    return named, f"web identity token file {scenario.directory} .*Is a directory"


def ended_token(scenario: Scenario) -> tuple[dict[str, str], str]:
    return token(scenario, lifetime=-timedelta(hours=1)), "refused \\(ExpiredTokenException"


def container_token(scenario: Scenario) -> tuple[dict[str, str], str]:
    file = scenario.directory / "nowhere"
    named = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/creds",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
    }
    return named, f"http://127.0.0.1:9/creds, with the token of {file}: No such file"


def no_json(scenario: Scenario) -> tuple[dict[str, str], str]:
    command = script(scenario, f"echo {SECRET}")
    named = profile(scenario, f"credential_process = {command} --key {SECRET}")
    return named, f"credential_process `{command} …` of profile work .*printed no JSON document"


def no_command(scenario: Scenario) -> tuple[dict[str, str], str]:
    file = scenario.directory / "nowhere"
    return profile(
        scenario, f"credential_process = {file}"
    ), f"credential_process `{file}` .*No such"


def failing_command(scenario: Scenario) -> tuple[dict[str, str], str]:
    command = script(scenario, f"echo the vault is shut: http://a:{SECRET}@vault >&2; exit 3")
    named = profile(scenario, f"credential_process = {command}")
    return named, f"credential_process `{command}` .*the vault is shut: http://\\*\\*\\*@vault"


def code_to_type(scenario: Scenario) -> tuple[dict[str, str], str]:
    key = scenario.aws.world.account(HUB).add_key("alice")
    named = profile(
        scenario,
        f"role_arn = arn:aws:iam::{HUB}:role/plain",
        "source_profile = base",
        f"mfa_serial = arn:aws:iam::{HUB}:mfa/alice",
        "[profile base]",
        f"aws_access_key_id = {key.access_key_id}",
        f"aws_secret_access_key = {key.secret}",
    )
    return named, "profile work .*MFA device, and nobody is there to type it"


def broken_file(scenario: Scenario) -> tuple[dict[str, str], str]:
    return profile(
        scenario, "region = x", SECRET
    ), f"{scenario.directory}/config:3: the line is neither"


def wrong_name(scenario: Scenario) -> tuple[dict[str, str], str]:
    return profile(scenario) | {"AWS_PROFILE": "wrok"}, "profile wrok: .*could not be found"


def signed_out(scenario: Scenario) -> tuple[dict[str, str], str]:
    named = profile(
        scenario,
        "sso_session = corp",
        f"sso_account_id = {HUB}",
        "sso_role_name = x",
        "[sso-session corp]",
        f"sso_region = {FRANKFURT}",
        "sso_start_url = https://corp.example.com/start",
    )
    return named, "the SSO session of profile work .*`aws sso login --profile work`"


def made_by_login(scenario: Scenario) -> tuple[dict[str, str], str]:
    named = profile(scenario, f"login_session = arn:aws:iam::{HUB}:user/alice")
    return named, "profile work .*made by `aws login`.*export-credentials --profile work"


def number_for_a_key(scenario: Scenario) -> tuple[dict[str, str], str]:
    command = script(
        scenario, """echo '{"Version": 1, "AccessKeyId": 7, "SecretAccessKey": "x"}'"""
    )
    return profile(
        scenario, f"credential_process = {command}"
    ), "the access key id is empty, or holds"


def line_break_in_a_token(scenario: Scenario) -> tuple[dict[str, str], str]:
    del scenario
    given = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
    return given | {"AWS_SESSION_TOKEN": f"{SECRET}\n"}, "the environment .*: the session token is"


def endless_command(scenario: Scenario) -> tuple[dict[str, str], str]:
    named = profile(scenario, f"credential_process = {script(scenario, 'exec yes')}")
    return named, "printed no JSON document"


def half_a_key(scenario: Scenario) -> tuple[dict[str, str], str]:
    return {"AWS_ACCESS_KEY_ID": "AKIA"}, "the environment .*AWS_SECRET_ACCESS_KEY is missing"


def nothing(scenario: Scenario) -> tuple[dict[str, str], str]:
    del scenario
    return {}, "there are none .*give the agent credentials by environment"


TROUBLES = [
    *(missing_token, unreadable_token, ended_token, container_token, no_json, no_command),
    *(failing_command, code_to_type, broken_file, wrong_name, signed_out, made_by_login),
    *(half_a_key, nothing, number_for_a_key, line_break_in_a_token, endless_command),
]
Trouble = Callable[[Scenario], tuple[dict[str, str], str]]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_trouble_of_this_machine_is_not_reported_as_a_malformed_answer_of_aws(
    scenario: Scenario, trouble: Trouble
) -> None:
    scenario.cache("orders")
    named, words = trouble(scenario)
    swept = scenario.cli.run("sweep", "--format", "json", **bare(scenario, **named))
    assert (swept.code, swept.out) == (1, "")
    assert COULD_NOT in swept.err
    examined = scenario.cli.run("doctor", "--format", "json", **bare(scenario, **named))
    assert examined.code == 1
    [check] = [each for each in examined.document["checks"] if each["area"] == "credentials"]
    assert check["outcome"] == "fail"
    assert COULD_NOT in check["message"]
    for said in (swept.err, check["message"]):
        assert "makes no sense" not in said
        assert SECRET not in said
        assert re.search(words, said), said
    assert scenario.aws.calls.tally.get("elasticache:DescribeServerlessCaches") is None


def origin(run: Run) -> str:
    [identity, *_] = [each for each in run.document["checks"] if each["area"] == "credentials"]
    return str(identity["message"])


def until(span: timedelta) -> str:
    return f"{datetime.now(UTC) + span:%Y-%m-%d}"


def test_doctor_says_that_the_credentials_are_a_pods_and_until_when(scenario: Scenario) -> None:
    named = token(scenario)
    run = process(scenario, "doctor", "--format", "json", **named)
    assert run.code == 0, run
    assert f"web identity token file {named['AWS_WEB_IDENTITY_TOKEN_FILE']}" in origin(run)
    assert f"good until {until(timedelta(hours=1))}" in origin(run)


def test_doctor_says_that_the_credentials_are_of_the_environment(scenario: Scenario) -> None:
    key = scenario.aws.world.account(HUB).add_key("alice")
    named = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret}
    run = process(scenario, "doctor", "--format", "json", **named)
    assert "from the environment (AWS_ACCESS_KEY_ID), no end known" in origin(run)


def test_a_sweep_by_a_pods_token_registers(scenario: Scenario) -> None:
    scenario.cache("orders")
    run = process(scenario, "sweep", "--format", "json", **token(scenario))
    assert run.code == 0, run
    assert run.document["summary"]["create"] == 1


def lending(scenario: Scenario, times: int) -> dict[str, str]:
    """A command whose credentials have to be renewed at each use, and that gives them so often."""
    key = scenario.aws.world.account(HUB).add_key("alice")
    given = {
        "Version": 1,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "Expiration": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
    }
    count = scenario.directory / "count"
    command = script(
        scenario,
        f"echo x >> {count}; test $(wc -l < {count}) -gt {times} && exit 9; "
        f"echo '{json.dumps(given)}'",
    )
    return profile(scenario, f"credential_process = {command}")


def test_credentials_that_are_lost_during_a_sweep_fail_its_scopes(scenario: Scenario) -> None:
    scenario.cache("orders")
    assert process(scenario, "sweep", **token(scenario)).code == 0
    run = process(scenario, "sweep", "--format", "json", **lending(scenario, 3))
    assert run.code == 3, run
    failed: list[Mapping[str, Any]] = run.document["scopes"]
    assert {(each["status"], each["reason"]) for each in failed} == {("failed", "CREDENTIALS")}
    assert COULD_NOT in failed[0]["message"]
    assert not run.document["complete"]
    [item] = run.document["items"]
    assert (item["action"], item["reason"]) == ("held", "SCOPE_FAILED")


def test_a_reload_ends_that_a_failing_scope_is_left_alone(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.configure(service={"interval": "10s", "jitter": "0s", "listen": "127.0.0.1:0"})
    scenario.fault(Effect.DENIED, service="elasticache")
    for _ in range(3):
        scenario.sweep(exits=3)
    asked = len(scenario.aws.calls.of("DescribeServerlessCaches"))
    with service_process(scenario) as service:
        service.until("sweep.finished", kind="sweep")
        assert len(scenario.aws.calls.of("DescribeServerlessCaches")) == asked
        scenario.healed()
        service.send(signal.SIGHUP)
        service.until("item.applied", reason="NEW")
        assert service.ended() == 0
