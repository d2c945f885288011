"""R1: facts that were not read are unknown, never empty; the last read value is used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow

MATCHER = {"name": "production", "tags": {"env": "prod"}, "exclude_tags": {"teleport": "off"}}
USERS = {"service": "elasticache", "operation": "DescribeUsers"}
SUBNETS = {"service": "ec2", "operation": "DescribeSubnets"}


def deny_tags(scenario: Scenario) -> None:
    scenario.fault(Effect.DENIED, service="resourcegroupstaggingapi")
    scenario.fault(Effect.DENIED, service="elasticache", operation="ListTagsForResource")


def name_of(scenario: Scenario, cache: str) -> str:
    (name,) = [name for name in scenario.registry if name.startswith(cache)]
    return name


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_tags_leave_labels_name_and_registration(
    scenario: Scenario, state_lost: bool
) -> None:
    scenario.configure(matchers=[MATCHER])
    tags = {"env": "prod", "team": "a", "TeleportDatabaseName": "orders-db"}
    scenario.cache("orders", tags=tags)
    scenario.sweep()
    before = scenario.registry
    assert set(before) == {"orders-db"}
    if state_lost:
        scenario.forget()
    # Whatever happens to the tags while nobody can read them happens unseen.
    scenario.tag("orders", {"env": "dev", "TeleportDatabaseName": "other"})
    deny_tags(scenario)
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert "TAGS_UNKNOWN" in shown.notes("orders")
        assert shown.writes == 0, shown.verdicts
    assert shown.verdicts == {"orders": "keep/UNCHANGED"}
    assert scenario.registry == before
    assert "elasticache:ListTagsForResource" in shown.document["scopes"][0]["message"]


def test_a_cache_whose_tags_were_never_read_waits_for_them(scenario: Scenario) -> None:
    scenario.cache("orders")
    deny_tags(scenario)
    for _ in range(2):
        shown = scenario.sweep()
        assert shown.verdicts == {"orders": "held/TAGS_UNKNOWN"}
    assert scenario.registry == {}
    scenario.healed()
    assert scenario.sweep().verdicts == {"orders": "create/NEW"}


def test_a_condition_that_needs_no_tag_decides_without_them(scenario: Scenario) -> None:
    scenario.configure(matchers=[{"name": "all-but-test", "names": ["prod-*"]}])
    scenario.cache("prod-orders")
    scenario.cache("test-orders")
    scenario.sweep()
    deny_tags(scenario)
    shown = scenario.sweep()
    assert shown.verdicts["test-orders"] == "skipped/NO_MATCHER"
    assert shown.verdicts["prod-orders"] == "keep/UNCHANGED"


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_users_leave_the_label_as_it_was(scenario: Scenario, state_lost: bool) -> None:
    scenario.cache("orders", group="people")
    scenario.cache("carts")
    scenario.sweep()
    name = name_of(scenario, "orders")
    before = scenario.registry
    assert before[name].labels["cachemuster/iam-auth"] == "ready"
    if state_lost:
        scenario.forget()
    scenario.region().add_user("app", access_string="off ~* +@all")
    scenario.fault(Effect.DENIED, **USERS)
    shown = scenario.sweep()
    assert shown.item("orders")["iam"]["verdict"] == "unknown"
    assert "USERS_UNKNOWN" in shown.notes("orders")
    # That there is no user group at all is in the answer about the cache itself.
    assert shown.item("carts")["iam"]["verdict"] == "not-ready"
    assert scenario.registry == before
    scenario.healed()
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "update/LABELS_CHANGED"
    assert scenario.registry[name].labels["cachemuster/iam-auth"] == "not-ready"


def test_users_that_were_never_read_are_unknown(scenario: Scenario) -> None:
    scenario.cache("orders", group="people")
    scenario.fault(Effect.DENIED, **USERS)
    scenario.sweep()
    assert (
        scenario.registry[name_of(scenario, "orders")].labels["cachemuster/iam-auth"] == "unknown"
    )


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_subnets_leave_the_vpc_label(scenario: Scenario, state_lost: bool) -> None:
    scenario.configure(matchers=[{"name": "all", "tags": {"vpc-id": "vpc-*"}}])
    scenario.cache("orders")
    scenario.sweep()
    before = scenario.registry
    assert before[name_of(scenario, "orders")].labels["vpc-id"].startswith("vpc-")
    if state_lost:
        scenario.forget()
    scenario.fault(Effect.DENIED, **SUBNETS)
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
        # A subnet that state has seen in its VPC need not be asked about again.
        assert not state_lost or "SUBNETS_UNKNOWN" in shown.notes("orders")
    assert scenario.registry == before


def test_all_three_unread_at_once_change_nothing(scenario: Scenario) -> None:
    scenario.cache("orders", group="people", tags={"env": "prod"})
    scenario.sweep()
    before = scenario.registry
    scenario.forget()
    deny_tags(scenario)
    scenario.fault(Effect.DENIED, **USERS)
    scenario.fault(Effect.DENIED, **SUBNETS)
    shown = scenario.sweep()
    assert shown.notes("orders") == {
        "TAGS_UNKNOWN", "USERS_UNKNOWN", "SUBNETS_UNKNOWN", "INHERITED"
    }  # fmt: skip
    assert scenario.registry == before


def test_a_scope_keeps_what_it_could_read_when_bulk_tags_fail(scenario: Scenario) -> None:
    for name in ("orders", "carts"):
        scenario.cache(name, tags={"env": "prod"})
    scenario.sweep()
    scenario.fault(Effect.THROTTLED, service="resourcegroupstaggingapi")
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "keep/UNCHANGED", "carts": "keep/UNCHANGED"}
    assert not shown.notes("orders")


RECREATED = [
    pytest.param({}, "update/RECREATED", id="tags-read"),
    pytest.param({"status": "creating"}, "held/NOT_READY_YET", id="still-creating"),
]


@pytest.mark.parametrize(("how", "verdict"), RECREATED)
def test_a_cache_recreated_under_its_name_is_another_cache(
    scenario: Scenario, how: dict[str, Any], verdict: str
) -> None:
    scenario.cache("orders", tags={"env": "prod", "owner": "a"}, group="people")
    scenario.sweep()
    scenario.gone("orders")
    scenario.sweep()  # one miss of the old one
    scenario.cache("orders", created_at=scenario.now(), tags={"env": "dev"}, **how)
    scenario.later(hours=1)
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": verdict}
    (database,) = scenario.registry.values()
    if verdict == "update/RECREATED":
        assert database.labels["env"] == "dev"
        assert "owner" not in database.labels
        assert database.labels["cachemuster/iam-auth"] == "not-ready"
    # The misses of the earlier one are forgotten.
    scenario.gone("orders")
    assert scenario.sweep().item("orders")["missed"]["scans"] == 1


def test_a_recreated_cache_with_unread_tags_inherits_nothing(scenario: Scenario) -> None:
    scenario.cache("orders", tags={"env": "prod"})
    scenario.sweep()
    before = scenario.registry
    scenario.later(hours=1)
    scenario.gone("orders")
    scenario.cache("orders", created_at=scenario.now(), tags={"env": "dev"})
    scenario.later(minutes=1)
    deny_tags(scenario)
    for _ in range(3):
        scenario.later(hours=1)
        assert scenario.sweep().verdicts == {"orders": "held/TAGS_UNKNOWN"}
        assert scenario.registry == before
    scenario.healed()
    assert scenario.sweep().verdicts["orders"].startswith("update/")
    (database,) = scenario.registry.values()
    assert database.labels["env"] == "dev"


def test_tags_that_the_index_still_has_of_a_deleted_cache_name_no_new_one(
    scenario: Scenario,
) -> None:
    scenario.cache("orders", tags={"TeleportDatabaseName": "old-name"})
    scenario.cache("carts")
    scenario.sweep()
    region = scenario.region()
    region.remove_cache("orders", remembered=timedelta(hours=6))
    scenario.cache("orders", created_at=scenario.now(), tags={"TeleportDatabaseName": "new-name"})
    cache = region.caches.get("orders")
    assert cache is not None
    region.tag_index.record(
        cache.arn, {"TeleportDatabaseName": "old-name"}, visible_at=scenario.now()
    )
    shown = scenario.sweep()
    assert shown.item("orders")["name"] == "new-name"
