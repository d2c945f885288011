"""R1: facts that were not read are unknown, never empty; the last read value stands in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.scenarios.tale import Tale

MATCHER = {"name": "production", "tags": {"env": "prod"}, "exclude_tags": {"teleport": "off"}}
USERS = {"service": "elasticache", "operation": "DescribeUsers"}
SUBNETS = {"service": "ec2", "operation": "DescribeSubnets"}


def deny_tags(tale: Tale) -> None:
    tale.fault(Effect.DENIED, service="resourcegroupstaggingapi")
    tale.fault(Effect.DENIED, service="elasticache", operation="ListTagsForResource")


def name_of(tale: Tale, cache: str) -> str:
    (name,) = [name for name in tale.registry if name.startswith(cache)]
    return name


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_tags_leave_labels_name_and_registration(tale: Tale, state_lost: bool) -> None:
    tale.configure(matchers=[MATCHER])
    tags = {"env": "prod", "team": "a", "TeleportDatabaseName": "orders-db"}
    tale.cache("orders", tags=tags)
    tale.sweep()
    before = tale.registry
    assert set(before) == {"orders-db"}
    if state_lost:
        tale.forget()
    # Whatever happens to the tags while nobody can read them happens unseen.
    tale.tag("orders", {"env": "dev", "TeleportDatabaseName": "other"})
    deny_tags(tale)
    for _ in range(3):
        tale.later(hours=1)
        told = tale.sweep()
        assert "TAGS_UNKNOWN" in told.notes("orders")
        assert told.writes == 0, told.verdicts
    assert told.verdicts == {"orders": "keep/UNCHANGED"}
    assert tale.registry == before
    assert "elasticache:ListTagsForResource" in told.document["scopes"][0]["message"]


def test_a_cache_whose_tags_were_never_read_waits_for_them(tale: Tale) -> None:
    tale.cache("orders")
    deny_tags(tale)
    for _ in range(2):
        told = tale.sweep()
        assert told.verdicts == {"orders": "held/TAGS_UNKNOWN"}
    assert tale.registry == {}
    tale.healed()
    assert tale.sweep().verdicts == {"orders": "create/NEW"}


def test_a_condition_that_needs_no_tag_decides_without_them(tale: Tale) -> None:
    tale.configure(matchers=[{"name": "all-but-test", "names": ["prod-*"]}])
    tale.cache("prod-orders")
    tale.cache("test-orders")
    tale.sweep()
    deny_tags(tale)
    told = tale.sweep()
    assert told.verdicts["test-orders"] == "skipped/NO_MATCHER"
    assert told.verdicts["prod-orders"] == "keep/UNCHANGED"


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_users_leave_the_label_as_it_was(tale: Tale, state_lost: bool) -> None:
    tale.cache("orders", group="people")
    tale.cache("carts")
    tale.sweep()
    name = name_of(tale, "orders")
    before = tale.registry
    assert before[name].labels["cachemuster/iam-auth"] == "ready"
    if state_lost:
        tale.forget()
    tale.region().add_user("app", access_string="off ~* +@all")
    tale.fault(Effect.DENIED, **USERS)
    told = tale.sweep()
    assert told.item("orders")["iam"]["verdict"] == "unknown"
    assert "USERS_UNKNOWN" in told.notes("orders")
    # No user group at all is told by the cache itself.
    assert told.item("carts")["iam"]["verdict"] == "not-ready"
    assert tale.registry == before
    tale.healed()
    told = tale.sweep()
    assert told.verdicts["orders"] == "update/LABELS_CHANGED"
    assert tale.registry[name].labels["cachemuster/iam-auth"] == "not-ready"


def test_users_that_were_never_read_are_unknown(tale: Tale) -> None:
    tale.cache("orders", group="people")
    tale.fault(Effect.DENIED, **USERS)
    tale.sweep()
    assert tale.registry[name_of(tale, "orders")].labels["cachemuster/iam-auth"] == "unknown"


@pytest.mark.parametrize("state_lost", [False, True], ids=["with-state", "state-lost"])
def test_unread_subnets_leave_the_vpc_label(tale: Tale, state_lost: bool) -> None:
    tale.configure(matchers=[{"name": "all", "tags": {"vpc-id": "vpc-*"}}])
    tale.cache("orders")
    tale.sweep()
    before = tale.registry
    assert before[name_of(tale, "orders")].labels["vpc-id"].startswith("vpc-")
    if state_lost:
        tale.forget()
    tale.fault(Effect.DENIED, **SUBNETS)
    for _ in range(3):
        tale.later(hours=1)
        told = tale.sweep()
        # A subnet that state has seen in its VPC need not be asked about again.
        assert not state_lost or "SUBNETS_UNKNOWN" in told.notes("orders")
    assert tale.registry == before


def test_all_three_unread_at_once_change_nothing(tale: Tale) -> None:
    tale.cache("orders", group="people", tags={"env": "prod"})
    tale.sweep()
    before = tale.registry
    tale.forget()
    deny_tags(tale)
    tale.fault(Effect.DENIED, **USERS)
    tale.fault(Effect.DENIED, **SUBNETS)
    told = tale.sweep()
    assert told.notes("orders") == {
        "TAGS_UNKNOWN", "USERS_UNKNOWN", "SUBNETS_UNKNOWN", "INHERITED"
    }  # fmt: skip
    assert tale.registry == before


def test_a_scope_keeps_what_it_could_read_when_bulk_tags_fail(tale: Tale) -> None:
    for name in ("orders", "carts"):
        tale.cache(name, tags={"env": "prod"})
    tale.sweep()
    tale.fault(Effect.THROTTLED, service="resourcegroupstaggingapi")
    told = tale.sweep()
    assert told.verdicts == {"orders": "keep/UNCHANGED", "carts": "keep/UNCHANGED"}
    assert not told.notes("orders")


RECREATED = [
    pytest.param({}, "update/RECREATED", id="tags-read"),
    pytest.param({"status": "creating"}, "held/NOT_READY_YET", id="still-creating"),
]


@pytest.mark.parametrize(("how", "verdict"), RECREATED)
def test_a_cache_recreated_under_its_name_is_another_cache(
    tale: Tale, how: dict[str, Any], verdict: str
) -> None:
    tale.cache("orders", tags={"env": "prod", "owner": "a"}, group="people")
    tale.sweep()
    tale.gone("orders")
    tale.sweep()  # one miss of the old one
    tale.cache("orders", created_at=tale.now(), tags={"env": "dev"}, **how)
    tale.later(hours=1)
    told = tale.sweep()
    assert told.verdicts == {"orders": verdict}
    (database,) = tale.registry.values()
    if verdict == "update/RECREATED":
        assert database.labels["env"] == "dev"
        assert "owner" not in database.labels
        assert database.labels["cachemuster/iam-auth"] == "not-ready"
    # The misses of the earlier one are forgotten.
    tale.gone("orders")
    assert tale.sweep().item("orders")["missed"]["scans"] == 1


def test_a_recreated_cache_with_unread_tags_inherits_nothing(tale: Tale) -> None:
    tale.cache("orders", tags={"env": "prod"})
    tale.sweep()
    before = tale.registry
    tale.later(hours=1)
    tale.gone("orders")
    tale.cache("orders", created_at=tale.now(), tags={"env": "dev"})
    tale.later(minutes=1)
    deny_tags(tale)
    for _ in range(3):
        tale.later(hours=1)
        assert tale.sweep().verdicts == {"orders": "held/TAGS_UNKNOWN"}
        assert tale.registry == before
    tale.healed()
    assert tale.sweep().verdicts["orders"].startswith("update/")
    (database,) = tale.registry.values()
    assert database.labels["env"] == "dev"


def test_the_tag_index_that_remembers_the_dead_names_nobody(tale: Tale) -> None:
    tale.cache("orders", tags={"TeleportDatabaseName": "old-name"})
    tale.cache("carts")
    tale.sweep()
    region = tale.region()
    region.remove_cache("orders", remembered=timedelta(hours=6))
    tale.cache("orders", created_at=tale.now(), tags={"TeleportDatabaseName": "new-name"})
    cache = region.caches.get("orders")
    assert cache is not None
    region.tag_index.record(cache.arn, {"TeleportDatabaseName": "old-name"}, visible_at=tale.now())
    told = tale.sweep()
    assert told.item("orders")["name"] == "new-name"
