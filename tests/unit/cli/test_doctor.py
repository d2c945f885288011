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
from tests.support.command_line import FRANKFURT, HUB, MEMBER, VIRGINIA, Rig, Run
from tests.support.command_line import rig as make_rig

PERMISSIONS = [
    "ec2:DescribeSubnets",
    "elasticache:DescribeServerlessCaches",
    "elasticache:DescribeUserGroups",
    "elasticache:DescribeUsers",
    "elasticache:ListTagsForResource",
    "tag:GetResources",
]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with make_rig(tmp_path) as made:
        yield made


def examined(rig: Rig, *arguments: str, exits: int = 0, **environment: str) -> Run:
    run = rig.run("doctor", "--format", "json", *arguments, **environment)
    assert run.code == exits, run
    return run


def checks(run: Run, area: str) -> list[dict[str, Any]]:
    return [each for each in run.document["checks"] if each["area"] == area]


def failed(run: Run) -> list[dict[str, Any]]:
    return [each for each in run.document["checks"] if each["outcome"] == "fail"]


def outcomes(run: Run, area: str) -> list[str]:
    return [each["outcome"] for each in checks(run, area)]


def member(rig: Rig, **trust: Any) -> None:
    """One more account in the configuration; without trust its role lets the agent in."""
    account = rig.aws.world.account(MEMBER, regions=(FRANKFURT,))
    account.add_role("cachemuster", **({"trusted": [HUB]} | trust))
    role = f"arn:aws:iam::{MEMBER}:role/cachemuster"
    accounts = [{"id": HUB}, {"id": MEMBER, "role_arn": role}]
    aws = {"regions": [FRANKFURT], "accounts": accounts}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))


def test_a_good_setup_has_no_complaint(rig: Rig) -> None:
    run = examined(rig)
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


def test_it_leaves_nothing_behind(rig: Rig) -> None:
    before = sorted(rig.directory.iterdir())
    examined(rig)
    assert sorted(rig.directory.iterdir()) == before


def test_a_registry_that_is_there_is_tried_and_stays_the_same(rig: Rig) -> None:
    rig.run("sweep")
    before = rig.run("export", "--registered").out
    run = examined(rig)
    assert checks(run, "control plane")[1]["message"] == "allowed"
    assert "3 databases, 3 of group trial" in checks(run, "control plane")[0]["message"]
    assert "1 finished sweep, 3 registrations" in checks(run, "state")[0]["message"]
    assert rig.run("export", "--registered").out == before


@pytest.mark.parametrize("action", PERMISSIONS)
def test_a_missing_permission_is_named_with_the_statement_to_add(rig: Rig, action: str) -> None:
    policy = rig.run("policies", "hub").document
    lacking = next(each for each in policy["Statement"] if each["Action"] == action)
    rest = [each for each in policy["Statement"] if each is not lacking]
    user = rig.aws.world.account(HUB)
    user.allow(user.iam_arn("user/agent"), {**policy, "Statement": rest})
    [one] = failed(examined(rig, exits=1))
    assert (one["area"], one["action"], one["statement"]) == ("permission", action, lacking)
    assert f"{FRANKFURT}, {VIRGINIA}" in one["message"]
    user.allow(user.iam_arn("user/agent"), policy)
    assert failed(examined(rig)) == []


def test_a_region_that_is_shut_is_told_apart(rig: Rig) -> None:
    rig.aws.faults.add(
        Fault(
            effect=Effect.DENIED, region=VIRGINIA, service="elasticache", operation="DescribeUsers"
        )
    )
    run = examined(rig, exits=1)
    [one] = failed(run)
    assert one["subject"] == f"{HUB}/{VIRGINIA}"
    good = [each for each in checks(run, "permission") if each["action"] == one["action"]]
    assert [each["message"] for each in good if each["outcome"] == "ok"] == [
        f"allowed in {FRANKFURT}"
    ]
    assert examined(rig, "--only", f"{HUB}/{FRANKFURT}").code == 0


def test_without_a_cache_tags_are_tried_on_one_that_is_not_there(rig: Rig) -> None:
    for name in ("orders", "payments"):
        rig.region().remove_cache(name)
    rig.region(VIRGINIA).remove_cache("legacy")
    assert failed(examined(rig)) == []
    [call, _] = rig.aws.calls.of("ListTagsForResource")
    assert call.error == "ServerlessCacheNotFoundFault"


def test_a_role_that_does_not_let_the_agent_in(rig: Rig) -> None:
    member(rig, trusted=["999988887777"])
    run = examined(rig, exits=1)
    [one] = failed(run)
    assert (one["area"], one["action"]) == ("role", "sts:AssumeRole")
    assert "trust policy" in one["message"]
    assert one["statement"]["Resource"] == f"arn:aws:iam::{MEMBER}:role/cachemuster"
    assert {each["subject"] for each in checks(run, "permission")} == {HUB}


def test_a_role_that_lacks_a_permission(rig: Rig) -> None:
    member(rig)
    policy = rig.run("policies", "member").document
    account = rig.aws.world.account(MEMBER)
    account.allow(account.iam_arn("role/cachemuster"), {**policy, "Statement": []})
    found = failed(examined(rig, exits=1))
    assert [each["action"] for each in found] == PERMISSIONS
    assert f":{MEMBER}:" in found[1]["statement"]["Resource"]


def test_a_failure_that_is_expected_is_a_warning(rig: Rig) -> None:
    member(rig, trusted=["999988887777"])
    config = json.loads((rig.directory / "cachemuster.yaml").read_text())
    config["aws"]["expected_failures"] = [MEMBER]
    rig.configure(json.dumps(config))
    assert outcomes(examined(rig), "role") == ["ok", "warn"]


def test_regions_by_glob_are_listed(rig: Rig) -> None:
    config = {"version": 1, "group": "trial", "aws": {"regions": ["eu-*", "me-south-1"]}}
    rig.configure(json.dumps(config))
    listed, off = checks(examined(rig), "regions")
    assert listed["message"] == "1 to scan, of 2 enabled regions"
    assert "me-south-1" in off["message"]
    rig.aws.faults.add(Fault(effect=Effect.DENIED, service="ec2", operation="DescribeRegions"))
    [one] = [each for each in failed(examined(rig, exits=1)) if each["area"] == "regions"]
    assert one["statement"]["Action"] == "ec2:DescribeRegions"


def test_an_organization_is_read(rig: Rig) -> None:
    world = rig.aws.world
    organization = world.organize(HUB)
    world.account(MEMBER, regions=(FRANKFURT,)).add_role("cachemuster", trusted=[HUB])
    organization.join(MEMBER)
    entry = {"organization": {"role_name": "cachemuster"}}
    aws = {"regions": [FRANKFURT], "accounts": [entry]}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    run = examined(rig)
    assert checks(run, "organization")[0]["message"] == "2 active accounts"
    assert [each["subject"] for each in checks(run, "role")] == [HUB, MEMBER]
    rig.aws.faults.add(Fault(effect=Effect.DENIED, service="organizations"))
    [one] = failed(examined(rig, exits=1))
    assert one["statement"]["Action"] == "organizations:ListAccounts"


def test_somebody_who_waits_sees_how_far_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    @contextmanager
    def watched() -> Iterator[OnProgress]:
        yield lambda *figures: seen.append(figures)

    monkeypatch.setattr("discovery.cli.doctor.progress", watched)
    rig.aws.faults.add(
        Fault(
            effect=Effect.DENIED, region=VIRGINIA, service="elasticache", operation="DescribeUsers"
        )
    )
    examined(rig, exits=1)
    assert seen == [(1, seen[0][1], 2), (2, 1, 2)]


def test_credentials_that_are_none_end_only_what_needs_them(rig: Rig) -> None:
    run = examined(rig, exits=1, AWS_SECRET_ACCESS_KEY="wrong")
    [one] = failed(run)
    assert one["area"] == "credentials"
    assert outcomes(run, "state") == ["ok", "ok"]


def test_a_clock_that_is_off_is_told_by_the_refusal(rig: Rig) -> None:
    rig.aws.world.auth_clock.advance(timedelta(minutes=10))
    [one] = failed(examined(rig, exits=1))
    assert "clock is off" in one["message"]


def test_a_throttled_call_is_no_missing_permission(rig: Rig) -> None:
    rig.aws.faults.add(Fault(effect=Effect.THROTTLED, service="ec2", operation="DescribeSubnets"))
    run = examined(rig)
    first = checks(run, "permission")[0]
    assert (first["outcome"], first["statement"]) == ("warn", None)


def test_a_damaged_state_file(rig: Rig) -> None:
    (rig.directory / "cachemuster.db").write_bytes(b"not a database at all" * 50)
    [one] = failed(examined(rig, exits=1))
    assert one["area"] == "state"


def test_state_of_another_group(rig: Rig) -> None:
    rig.run("sweep")
    rig.configure("version: 1\ngroup: other\naws: {regions: [eu-central-1]}\n")
    [one] = failed(examined(rig, exits=1))
    assert "belongs to group trial" in one["message"]


def test_state_that_is_held_or_paused_is_a_warning(rig: Rig) -> None:
    rig.run("pause", "--for", "1h")
    with (rig.directory / "cachemuster.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        messages = [each["message"] for each in checks(examined(rig), "state")]
    assert any(each.startswith("held by another process") for each in messages)
    assert any(each.startswith("paused until") for each in messages)


def test_a_missing_directory(rig: Rig) -> None:
    rig.configure(
        "version: 1\ngroup: trial\naws: {regions: [eu-central-1]}\n"
        "state: {path: nowhere/state.db}\ncontrol_plane: {kind: embedded, path: nowhere/r.db}\n"
    )
    assert {each["area"] for each in failed(examined(rig, exits=1))} == {"state", "control plane"}


def test_the_queue_of_change_events(rig: Rig) -> None:
    url = f"{rig.environment['AWS_ENDPOINT_URL']}/{HUB}/changes"
    service = {"events": {"queue_url": url}}
    aws = {"regions": [FRANKFURT]}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws, "service": service}))
    [check] = checks(examined(rig, exits=1), "queue")
    assert "correct service.events.queue_url" in check["message"]
    rig.region(FRANKFURT).add_queue("changes")
    assert outcomes(examined(rig), "queue") == ["ok"] * 5 + ["warn"] * 2, "as SQS makes a queue"


def test_how_old_the_list_of_regions_is(rig: Rig) -> None:
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": {"regions": ["*"]}}))
    assert "regions as of" not in rig.run("doctor", "-v").out
    rig.run("sweep")
    assert "regions as of 20" in " ".join(rig.run("doctor", "-v").out.split())


def test_a_region_that_refuses_version_1_tokens(rig: Rig) -> None:
    member = rig.aws.world.account(MEMBER, regions=(FRANKFURT, "eu-south-1"))
    role = member.add_role("cachemuster", trusted=[HUB])
    rig.aws.world.session_token_version = 1
    aws = {"regions": ["eu-*"], "accounts": [{"id": MEMBER, "role_arn": role.arn}]}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    found = failed(examined(rig, exits=1))
    assert {each["subject"] for each in found} == {f"{MEMBER}/eu-south-1"}
    assert all("version 1 token" in each["message"] for each in found)
    assert all(each["statement"] is None for each in found), "no permission is missing"


def test_a_secret_that_is_not_there(rig: Rig) -> None:
    connect = {
        "assume_role_arn": "arn:{partition}:iam::{account_id}:role/db",
        "external_id": "env:NOT_SET",
    }
    matchers = [{"name": "all", "connect": connect}]
    aws = {"regions": [FRANKFURT]}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws, "matchers": matchers}))
    [one] = failed(examined(rig, exits=1))
    assert one["area"] == "configuration"


def test_the_table_fits_and_shows_the_statement(rig: Rig) -> None:
    rig.aws.faults.add(
        Fault(effect=Effect.DENIED, service="elasticache", operation="DescribeUsers")
    )
    run = rig.run("doctor")
    assert run.code == 1
    # A line is longer than 80 only for a word that fits into none: a path is never broken.
    assert all(len(each) <= 80 or len(each.split()) == 2 for each in run.out.splitlines())
    joined = "".join(run.out.split())
    assert '"Action":"elasticache:DescribeUsers"' in joined
    assert run.out.splitlines()[-1].endswith("1 fail")


@pytest.mark.slow
def test_many_good_lines_are_counted(rig: Rig) -> None:
    world = rig.aws.world
    organization = world.organize(HUB)
    for number in range(12):
        account = world.account(f"{number:012d}", regions=(FRANKFURT,))
        account.add_role("cachemuster", trusted=[HUB])
        organization.join(account.id)
    aws = {"regions": [FRANKFURT], "accounts": [{"organization": {"role_name": "cachemuster"}}]}
    rig.configure(json.dumps({"version": 1, "group": "trial", "aws": aws}))
    out = rig.run("doctor").out
    assert "elasticache:DescribeUsers: 13 of this sort" in out
    assert "000000000003" not in out
    assert "000000000003" in rig.run("doctor", "-v").out
