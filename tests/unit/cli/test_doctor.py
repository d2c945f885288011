"""What doctor says of a setup, and what it says when something is missing."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.cli.progress import OnProgress
from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.command_line import FRANKFURT, HUB, MEMBER, VIRGINIA, CommandLine, Run
from tests.support.command_line import cli as make_rig

PERMISSIONS = [
    "ec2:DescribeSubnets",
    "elasticache:DescribeServerlessCaches",
    "elasticache:DescribeUserGroups",
    "elasticache:DescribeUsers",
    "elasticache:ListTagsForResource",
    "tag:GetResources",
]


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path) as made:
        yield made


def examined(cli: CommandLine, *arguments: str, exits: int = 0, **environment: str) -> Run:
    run = cli.run("doctor", "--format", "json", *arguments, **environment)
    assert run.code == exits, run
    return run


def checks(run: Run, area: str) -> list[dict[str, Any]]:
    return [each for each in run.document["checks"] if each["area"] == area]


def failed(run: Run) -> list[dict[str, Any]]:
    return [each for each in run.document["checks"] if each["outcome"] == "fail"]


def outcomes(run: Run, area: str) -> list[str]:
    return [each["outcome"] for each in checks(run, area)]


def member(cli: CommandLine, **trust: Any) -> None:
    """One more account in the configuration; without trust its role lets the agent in."""
    account = cli.aws.world.account(MEMBER, regions=(FRANKFURT,))
    account.add_role("cachemuster", **({"trusted": [HUB]} | trust))
    role = f"arn:aws:iam::{MEMBER}:role/cachemuster"
    accounts = [{"id": HUB}, {"id": MEMBER, "role_arn": role}]
    aws = {"regions": [FRANKFURT], "accounts": accounts}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))


def test_a_good_setup_has_no_complaint(cli: CommandLine) -> None:
    run = examined(cli)
    assert run.document["summary"]["fail"] == 0
    [identity, override] = checks(run, "credentials")
    assert identity["subject"] == f"arn:aws:iam::{HUB}:user/agent"
    assert override["outcome"] == "warn"
    assert outcomes(run, "clock") == outcomes(run, "role") == ["ok"]
    permissions = checks(run, "permission")
    assert [each["action"] for each in permissions] == PERMISSIONS
    assert {each["message"] for each in permissions} == {f"allowed in {FRANKFURT}, {VIRGINIA}"}
    assert outcomes(run, "control plane") == outcomes(run, "state") == ["ok", "ok"]
    assert run.err == f"{len(run.document['checks']) - 1} ok, 1 warning\n"


def test_it_leaves_nothing_behind(cli: CommandLine) -> None:
    before = sorted(cli.directory.iterdir())
    examined(cli)
    assert sorted(cli.directory.iterdir()) == before


@pytest.mark.slow
def test_a_registry_that_is_there_is_tried_and_stays_the_same(cli: CommandLine) -> None:
    cli.run("sweep")
    before = cli.run("export", "--registered").out
    run = examined(cli)
    assert checks(run, "control plane")[1]["message"] == "allowed"
    assert "3 databases, 3 of group trial" in checks(run, "control plane")[0]["message"]
    assert "1 finished sweep, 3 registrations" in checks(run, "state")[0]["message"]
    assert cli.run("export", "--registered").out == before


@pytest.mark.slow
@pytest.mark.parametrize("action", PERMISSIONS)
def test_a_missing_permission_is_named_with_the_statement_to_add(
    cli: CommandLine, action: str
) -> None:
    policy = cli.run("policies", "hub").document
    lacking = next(each for each in policy["Statement"] if each["Action"] == action)
    rest = [each for each in policy["Statement"] if each is not lacking]
    user = cli.aws.world.account(HUB)
    user.allow(user.iam_arn("user/agent"), {**policy, "Statement": rest})
    [one] = failed(examined(cli, exits=1))
    assert (one["area"], one["action"], one["statement"]) == ("permission", action, lacking)
    assert f"{FRANKFURT}, {VIRGINIA}" in one["message"]
    user.allow(user.iam_arn("user/agent"), policy)
    assert failed(examined(cli)) == []


def test_a_region_that_is_shut_is_told_apart(cli: CommandLine) -> None:
    cli.aws.faults.add(
        Fault(
            effect=Effect.DENIED, region=VIRGINIA, service="elasticache", operation="DescribeUsers"
        )
    )
    run = examined(cli, exits=1)
    [one] = failed(run)
    assert one["subject"] == f"{HUB}/{VIRGINIA}"
    good = [each for each in checks(run, "permission") if each["action"] == one["action"]]
    assert [each["message"] for each in good if each["outcome"] == "ok"] == [
        f"allowed in {FRANKFURT}"
    ]
    assert examined(cli, "--only", f"{HUB}/{FRANKFURT}").code == 0


def test_without_a_cache_tags_are_tried_on_one_that_is_not_there(cli: CommandLine) -> None:
    for name in ("orders", "payments"):
        cli.region().remove_cache(name)
    cli.region(VIRGINIA).remove_cache("legacy")
    assert failed(examined(cli)) == []
    [call, _] = cli.aws.calls.of("ListTagsForResource")
    assert call.error == "ServerlessCacheNotFoundFault"


def test_a_role_that_does_not_let_the_agent_in(cli: CommandLine) -> None:
    member(cli, trusted=["999988887777"])
    run = examined(cli, exits=1)
    [one] = failed(run)
    assert (one["area"], one["action"]) == ("role", "sts:AssumeRole")
    assert "trust policy" in one["message"]
    assert one["statement"]["Resource"] == f"arn:aws:iam::{MEMBER}:role/cachemuster"
    assert {each["subject"] for each in checks(run, "permission")} == {HUB}


def test_a_role_that_lacks_a_permission(cli: CommandLine) -> None:
    member(cli)
    policy = cli.run("policies", "member").document
    account = cli.aws.world.account(MEMBER)
    account.allow(account.iam_arn("role/cachemuster"), {**policy, "Statement": []})
    found = failed(examined(cli, exits=1))
    assert [each["action"] for each in found] == PERMISSIONS
    assert f":{MEMBER}:" in found[1]["statement"]["Resource"]


def test_a_failure_that_is_expected_is_a_warning(cli: CommandLine) -> None:
    member(cli, trusted=["999988887777"])
    config = json.loads((cli.directory / "cachemuster.yaml").read_text())
    config["aws"]["expected_failures"] = [MEMBER]
    cli.configure(json.dumps(config))
    assert outcomes(examined(cli), "role") == ["ok", "warn"]


def test_regions_by_glob_are_listed(cli: CommandLine) -> None:
    config = {"version": 1, "group": "trial", "aws": {"regions": ["eu-*", "me-south-1"]}}
    cli.configure(json.dumps(config))
    listed, off = checks(examined(cli), "regions")
    assert listed["message"] == "1 to scan, of 2 enabled regions"
    assert "me-south-1" in off["message"]
    cli.aws.faults.add(Fault(effect=Effect.DENIED, service="ec2", operation="DescribeRegions"))
    [one] = [each for each in failed(examined(cli, exits=1)) if each["area"] == "regions"]
    assert one["statement"]["Action"] == "ec2:DescribeRegions"


def test_an_organization_is_read(cli: CommandLine) -> None:
    world = cli.aws.world
    organization = world.organize(HUB)
    world.account(MEMBER, regions=(FRANKFURT,)).add_role("cachemuster", trusted=[HUB])
    organization.join(MEMBER)
    entry = {"organization": {"role_name": "cachemuster"}}
    aws = {"regions": [FRANKFURT], "accounts": [entry]}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    run = examined(cli)
    assert checks(run, "organization")[0]["message"] == "2 active accounts"
    assert [each["subject"] for each in checks(run, "role")] == [HUB, MEMBER]
    cli.aws.faults.add(Fault(effect=Effect.DENIED, service="organizations"))
    [one] = failed(examined(cli, exits=1))
    assert one["statement"]["Action"] == "organizations:ListAccounts"


def test_somebody_who_waits_sees_how_far_it_is(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int]] = []

    @contextmanager
    def watched() -> Iterator[OnProgress]:
        yield lambda *figures: seen.append(figures)

    monkeypatch.setattr("discovery.cli.doctor.progress", watched)
    cli.aws.faults.add(
        Fault(
            effect=Effect.DENIED, region=VIRGINIA, service="elasticache", operation="DescribeUsers"
        )
    )
    examined(cli, exits=1)
    assert seen == [(1, seen[0][1], 2), (2, 1, 2)]


def test_credentials_that_are_none_end_only_what_needs_them(cli: CommandLine) -> None:
    run = examined(cli, exits=1, AWS_SECRET_ACCESS_KEY="wrong")
    [one] = failed(run)
    assert one["area"] == "credentials"
    assert outcomes(run, "state") == ["ok", "ok"]


def test_a_clock_that_is_off_is_told_by_the_refusal(cli: CommandLine) -> None:
    cli.aws.world.auth_clock.advance(timedelta(minutes=10))
    [one] = failed(examined(cli, exits=1))
    assert "clock is off" in one["message"]


def test_a_throttled_call_is_no_missing_permission(cli: CommandLine) -> None:
    cli.aws.faults.add(Fault(effect=Effect.THROTTLED, service="ec2", operation="DescribeSubnets"))
    run = examined(cli)
    first = checks(run, "permission")[0]
    assert (first["outcome"], first["statement"]) == ("warn", None)


def test_a_damaged_state_file(cli: CommandLine) -> None:
    (cli.directory / "cachemuster.db").write_bytes(b"not a database at all" * 50)
    [one] = failed(examined(cli, exits=1))
    assert one["area"] == "state"


def test_state_of_another_group(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.configure("version: 1\ngroup: other\naws: {regions: [eu-central-1]}\n")
    [one] = failed(examined(cli, exits=1))
    assert "belongs to group trial" in one["message"]


def test_state_that_is_held_or_paused_is_a_warning(cli: CommandLine) -> None:
    cli.run("pause", "--for", "1h")
    with (cli.directory / "cachemuster.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        messages = [each["message"] for each in checks(examined(cli), "state")]
    assert any(each.startswith("held by another process") for each in messages)
    assert any(each.startswith("paused until") for each in messages)


def test_a_missing_directory(cli: CommandLine) -> None:
    cli.configure(
        "version: 1\ngroup: trial\naws: {regions: [eu-central-1]}\n"
        "state: {path: nowhere/state.db}\ncontrol_plane: {kind: embedded, path: nowhere/r.db}\n"
    )
    assert {each["area"] for each in failed(examined(cli, exits=1))} == {"state", "control plane"}


def test_the_queue_of_change_events(cli: CommandLine) -> None:
    url = f"{cli.environment['AWS_ENDPOINT_URL']}/{HUB}/changes"
    service = {"events": {"queue_url": url}}
    aws = {"regions": [FRANKFURT]}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws, "service": service}))
    [check] = checks(examined(cli, exits=1), "queue")
    assert "correct service.events.queue_url" in check["message"]
    cli.region(FRANKFURT).add_queue("changes")
    assert outcomes(examined(cli), "queue") == ["ok"] * 5 + ["warn"] * 2, "as SQS makes a queue"


@pytest.mark.slow
def test_how_old_the_list_of_regions_is(cli: CommandLine) -> None:
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": {"regions": ["*"]}}))
    assert "regions as of" not in cli.run("doctor", "-v").out
    cli.run("sweep")
    assert "regions as of 20" in " ".join(cli.run("doctor", "-v").out.split())


def test_a_region_that_refuses_version_1_tokens(cli: CommandLine) -> None:
    member = cli.aws.world.account(MEMBER, regions=(FRANKFURT, "eu-south-1"))
    role = member.add_role("cachemuster", trusted=[HUB])
    cli.aws.world.session_token_version = 1
    aws = {"regions": ["eu-*"], "accounts": [{"id": MEMBER, "role_arn": role.arn}]}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    found = failed(examined(cli, exits=1))
    assert {each["subject"] for each in found} == {f"{MEMBER}/eu-south-1"}
    assert all("version 1 token" in each["message"] for each in found)
    assert all(each["statement"] is None for each in found), "no permission is missing"


def test_a_secret_that_is_not_there(cli: CommandLine) -> None:
    connect = {
        "assume_role_arn": "arn:{partition}:iam::{account_id}:role/db",
        "external_id": "env:NOT_SET",
    }
    matchers = [{"name": "all", "connect": connect}]
    aws = {"regions": [FRANKFURT]}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws, "matchers": matchers}))
    [one] = failed(examined(cli, exits=1))
    assert one["area"] == "configuration"


def test_the_table_fits_and_shows_the_statement(cli: CommandLine) -> None:
    cli.aws.faults.add(
        Fault(effect=Effect.DENIED, service="elasticache", operation="DescribeUsers")
    )
    run = cli.run("doctor")
    assert run.code == 1
    # A line is longer than 80 only for a word that fits into none: a path is never broken.
    assert all(len(each) <= 80 or len(each.split()) == 2 for each in run.out.splitlines())
    joined = "".join(run.out.split())
    assert '"Action":"elasticache:DescribeUsers"' in joined
    assert run.out.splitlines()[-1].endswith("1 fail")


@pytest.mark.slow
def test_many_good_lines_are_counted(cli: CommandLine) -> None:
    world = cli.aws.world
    organization = world.organize(HUB)
    for number in range(12):
        account = world.account(f"{number:012d}", regions=(FRANKFURT,))
        account.add_role("cachemuster", trusted=[HUB])
        organization.join(account.id)
    aws = {"regions": [FRANKFURT], "accounts": [{"organization": {"role_name": "cachemuster"}}]}
    cli.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    out = cli.run("doctor").out
    assert "elasticache:DescribeUsers: 13 of this sort" in out
    assert "000000000003" not in out
    assert "000000000003" in cli.run("doctor", "-v").out


@pytest.mark.parametrize("trusted", [HUB, MEMBER])
def test_connect_roles_are_tried_where_logins_are_configured(
    cli: CommandLine, trusted: str
) -> None:
    cli.aws.world.account(HUB).add_role("connect", trusted=[trusted])
    connect = {"assume_role_arn": "arn:aws:iam::{account_id}:role/connect"}
    settings = {
        "version": 1,
        "group": "trial",
        "aws": {"regions": [FRANKFURT]},
        "matchers": [{"name": "all", "connect": connect}],
    }
    cli.configure(json.dumps(settings))
    assert len(checks(examined(cli), "role")) == 1
    cli.configure(json.dumps({**settings, "service": {"probe": {"interval": "1h"}}}))
    found = checks(examined(cli), "role")[1]
    assert found["subject"] == f"arn:aws:iam::{HUB}:role/connect"
    assert (found["outcome"], found["action"]) == (
        "ok" if trusted == HUB else "warn",
        "sts:AssumeRole",
    )
