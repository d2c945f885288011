"""R1: a member that AWS never leaves out is unknown when an answer lacks it, whichever it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.aws_members import MEMBERS, Absent, Member
from tests.support.scenario import LISTING, MEMBER, Scenario

pytestmark = pytest.mark.slow

SERVICES = {
    "tag": "resourcegroupstaggingapi",
    "elasticache": "elasticache",
    "ec2": "ec2",
    "sts": "sts",
}
TURNS = [
    member
    for member in MEMBERS
    if member.absent is not Absent.NONE and member.action.partition(":")[0] in SERVICES
]
LIVING = ("Status", "Engine", "FullEngineVersion", "Endpoint", "CreateTime", "Address", "Port")


def two(scenario: Scenario, **more: Any) -> None:
    """Two registered caches, one of which says everything by its tags; misses never wait."""
    scenario.configure(
        matchers=[{"name": "all", "iam_users": "require", "deregister_unready": True}],
        deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
        **more,
    )
    scenario.cache(
        "orders", group="people", tags={"env": "prod", "TeleportDatabaseName": "orders-db"}
    )
    scenario.cache("carts", group="people", tags={"env": "prod"})
    scenario.sweep()
    assert len(scenario.registry) == 2


def leave_out(scenario: Scenario, member: Member) -> None:
    service, _, operation = member.action.partition(":")
    where = {"service": SERVICES[service], "operation": operation}
    scenario.fault(Effect.MEMBER_LEFT_OUT, member=member.name, **where)


@pytest.mark.parametrize("member", TURNS, ids=lambda each: f"{each.action}-{each.path}")
def test_an_answer_without_it_removes_and_changes_nothing(
    scenario: Scenario, member: Member
) -> None:
    two(scenario, aws={"regions": ["eu-*"]})
    if member.action.startswith("sts:"):
        scenario.member()
        scenario.region(account=MEMBER).add_user("app")
        scenario.region(account=MEMBER).add_user_group("people", users=("app",))
        scenario.cache("ledger", account=MEMBER, group="people")
        scenario.sweep()
    before = scenario.registry
    leave_out(scenario, member)
    for _ in range(2):  # one would remove: misses never wait
        scenario.later(hours=25)  # lists of regions, users and untagged caches are asked anew
        scenario.run("sweep")
        assert scenario.registry == before
    scenario.healed()
    assert set(scenario.sweep().verdicts.values()) == {"keep/UNCHANGED"}


@pytest.mark.parametrize("member", LIVING)
def test_what_is_remembered_of_a_cache_stands_in_and_a_note_says_so(
    scenario: Scenario, member: str
) -> None:
    two(scenario)
    before = scenario.registry
    scenario.fault(Effect.MEMBER_LEFT_OUT, member=member, **LISTING)
    for _ in range(2):  # one would remove: misses never wait
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.verdicts == {"orders": "keep/UNCHANGED", "carts": "keep/UNCHANGED"}
        assert shown.notes("orders") == {"FACT_REMEMBERED"}
    assert scenario.registry == before
    (note,) = shown.item("orders")["notes"]
    assert note["subject"] == ("Endpoint" if member in ("Address", "Port") else member)
    assert scenario.run("explain", "orders").code == 0


FROM_THE_REGISTRATION = {"Engine", "FullEngineVersion", "Endpoint", "Address", "Port"}


@pytest.mark.parametrize("member", LIVING)
def test_without_state_the_registration_supplies_what_it_can(
    scenario: Scenario, member: str
) -> None:
    two(scenario)
    before = scenario.registry
    scenario.forget()
    scenario.fault(Effect.MEMBER_LEFT_OUT, member=member, **LISTING)
    for _ in range(2):  # one would remove: misses never wait
        scenario.later(hours=1)
        if member in FROM_THE_REGISTRATION:
            shown = scenario.sweep()
            assert set(shown.verdicts.values()) == {"keep/UNCHANGED"}
            assert shown.notes("orders") >= {"FACT_REMEMBERED"}
        else:
            shown = scenario.sweep(exits=3)
            assert list(shown.failed_scopes.values()) == ["MALFORMED"]
            assert set(shown.verdicts.values()) == {"held/SCOPE_FAILED"}
        assert scenario.registry == before


def test_a_new_cache_with_a_hole_makes_the_list_no_answer(scenario: Scenario) -> None:
    two(scenario)
    scenario.cache("odd", wire={"Engine": None})
    scenario.gone("carts")
    for _ in range(2):  # one would remove: misses never wait
        scenario.later(hours=1)
        shown = scenario.sweep(exits=3)
    assert shown.verdicts == {"orders": "held/SCOPE_FAILED", "carts": "held/SCOPE_FAILED"}
    (scope,) = shown.document["scopes"]
    assert scope["reason"] == "MALFORMED"
    assert "leaves out Engine of cache odd" in scope["message"]


def test_a_missing_engine_in_list_and_proof_never_removes(scenario: Scenario) -> None:
    """`<Engine>` left out of both answers for one cache was `delete/INELIGIBLE` after two scans."""
    two(scenario)
    region = scenario.region()
    cache = region.caches.get("orders")
    assert cache is not None
    region.caches.put("orders", replace(cache, wire={"Engine": None}))
    for _ in range(4):
        scenario.later(hours=1)
        assert scenario.sweep().verdicts["orders"] == "keep/UNCHANGED"
    assert scenario.registry["orders-db"].labels["engine"] == "valkey"


def test_an_engine_that_is_named_and_unknown_is_ineligible(scenario: Scenario) -> None:
    two(scenario)
    scenario.region().change_cache("orders", engine="dragonfly")
    scenario.later(hours=1)
    assert scenario.sweep().verdicts["orders"] == "delete/INELIGIBLE"


def test_an_engine_that_turned_and_then_was_left_out_waits_for_an_answer(
    scenario: Scenario,
) -> None:
    two(scenario)
    scenario.configure(deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100})
    scenario.region().change_cache("orders", engine="dragonfly")
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"
    scenario.fault(Effect.MEMBER_LEFT_OUT, member="Engine", **LISTING)
    for _ in range(2):  # one would remove: misses never wait
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.verdicts["orders"] == "blocked/UNREADABLE"
        assert "the registration stays as it is" in shown.item("orders")["message"]
    scenario.healed()
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "delete/INELIGIBLE", (
        "the miss was kept while the engine was unknown"
    )


def test_a_remembered_deletion_removes_nothing(scenario: Scenario) -> None:
    two(scenario)
    scenario.configure(policy="upsert-only")
    scenario.region().change_cache("orders", status="deleting")
    assert scenario.sweep().verdicts["orders"] == "held/POLICY"
    scenario.configure(policy="sync")
    scenario.fault(Effect.MEMBER_LEFT_OUT, member="Status", **LISTING)
    assert scenario.sweep().verdicts["orders"] == "blocked/UNREADABLE"
    scenario.healed()
    assert scenario.sweep().verdicts["orders"] == "delete/DELETING"


def test_a_version_that_is_left_out_never_empties_the_label(scenario: Scenario) -> None:
    two(scenario)
    version = scenario.registry["orders-db"].labels["engine-version"]
    scenario.fault(Effect.MEMBER_LEFT_OUT, member="FullEngineVersion", **LISTING)
    scenario.tag("orders", {"env": "dev", "TeleportDatabaseName": "orders-db"})
    assert scenario.sweep().verdicts["orders"] == "update/LABELS_CHANGED"
    labels = scenario.registry["orders-db"].labels
    assert (labels["env"], labels["engine-version"]) == ("dev", version)


def test_a_detached_user_group_makes_the_cache_not_ready_as_before(scenario: Scenario) -> None:
    scenario.cache("orders", group="people")
    scenario.sweep()
    scenario.fault(Effect.MEMBER_LEFT_OUT, member="UserGroupId", **LISTING)
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "update/LABELS_CHANGED"}
    (database,) = scenario.registry.values()
    assert database.labels["cachemuster/iam-auth"] == "not-ready"


@pytest.mark.parametrize("status", ["creating", "deleting", "create-failed"])
def test_a_cache_that_is_being_made_or_removed_may_lack_the_rest(
    scenario: Scenario, status: str
) -> None:
    gone = ("Endpoint", "FullEngineVersion", "MajorEngineVersion", "CreateTime", "SubnetIds")
    scenario.cache("orders", status=status, wire=dict.fromkeys(gone))
    verdict = "CREATE_FAILED" if status == "create-failed" else status.upper()
    assert scenario.sweep().verdicts == {"orders": f"skipped/{verdict}"}


def test_subnets_that_are_left_out_leave_the_vpc_label(scenario: Scenario) -> None:
    two(scenario)
    before = scenario.registry
    scenario.forget()
    scenario.fault(Effect.MEMBER_LEFT_OUT, member="SubnetIds", **LISTING)
    shown = scenario.sweep()
    assert "SUBNETS_UNKNOWN" in shown.notes("orders")
    assert scenario.registry == before
