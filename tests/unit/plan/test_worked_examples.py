"""The worked examples of control_plane/README: Worked examples, with this agent's differences.

Ours have `managed-by` and `cachemuster/*` besides, no `discovery-config-name`, origin `dynamic`
unless configured, and no tag overwrites a label that describes the cache (R7).
"""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.values import UNKNOWN, AccountId, Cache, Database, Endpoint, Region, Scope
from discovery.plan.rules import Rules
from tests.support.plan_inputs import (
    arn_of,
    cache,
    complete,
    matcher,
    only,
    plan_input,
    plan_of,
    rules,
    tagged,
)
from tests.support.plan_state import journaled, make_state

SCOPE = Scope(AccountId("123456789012"), Region("us-east-1"))
PROD = rules(matcher(tags={"env": "prod"}), group="g1", origin="cloud")
EVERYTHING = rules(group="g1")


def ec1(**more: Any) -> Cache:
    fields: dict[str, Any] = {
        "endpoint": Endpoint("ec1-abc123.serverless.use1.cache.amazonaws.com", 6379),
        "engine": "redis",
        "engine_version": "7.1",
        "vpc_id": "vpc1",
        "user_group_id": None,
        "tags": tagged(env="prod"),
    }
    return cache("ec1", SCOPE, **{**fields, **more})


def registered(of: Cache, under: Rules) -> Database:
    item = only(plan_of(plan_input(instead=[complete(SCOPE, of)]), under))
    assert (item.action, item.reason) == (Action.CREATE, Reason.NEW)
    assert item.database is not None
    return item.database


PLAIN = {
    "kind": "db",
    "version": "v3",
    "metadata": {
        "name": "ec1-elasticache-serverless-us-east-1-123456789012",
        "description": "ElastiCache Serverless cache in us-east-1",
        "labels": {
            "account-id": "123456789012",
            "region": "us-east-1",
            "engine": "redis",
            "engine-version": "7.1",
            "vpc-id": "vpc1",
            "env": "prod",
            "teleport.dev/cloud": "AWS",
            "teleport.dev/discovery-type": "elasticache-serverless",
            "teleport.dev/origin": "cloud",
            "teleport.internal/discovered-name": "ec1",
            "teleport.internal/discovery-group-name": "g1",
            "managed-by": "cachemuster",
            "cachemuster/group": "g1",
            "cachemuster/arn": arn_of("ec1", SCOPE),
            "cachemuster/iam-auth": "not-ready",
        },
    },
    "spec": {
        "protocol": "redis",
        "uri": "ec1-abc123.serverless.use1.cache.amazonaws.com:6379",
        "aws": {
            "region": "us-east-1",
            "account_id": "123456789012",
            "elasticache_serverless": {"cache_name": "ec1"},
        },
    },
}


def test_example_a_plain() -> None:
    assert registered(ec1(), PROD).document() == PLAIN


def test_example_a_with_origin_dynamic_has_no_discovery_group() -> None:
    labels = registered(ec1(), EVERYTHING).labels
    assert labels["teleport.dev/origin"] == "dynamic"
    assert "teleport.internal/discovery-group-name" not in labels


def test_example_b_override_and_hostile_tags() -> None:
    tags = {
        "TeleportDatabaseName": "prod-cache",
        "region": "mars",
        "teleport.dev/cloud": "GCP",
        "cost center": "1",
    }
    made = registered(ec1(tags=tagged(tags)), EVERYTHING)
    assert made.name == "prod-cache"
    assert made.labels["TeleportDatabaseName"] == "prod-cache"
    assert made.labels["region"] == "us-east-1"  # Teleport's own discovery says mars
    assert made.labels["teleport.dev/cloud"] == "AWS"
    assert "cost center" not in made.labels
    assert "teleport.internal/discovered-name" not in made.labels
    assert made.spec["aws"]["region"] == "us-east-1"


def test_example_b_says_what_became_of_the_tags() -> None:
    tags = {"region": "mars", "teleport.dev/cloud": "GCP", "cost center": "1"}
    found = plan_input(instead=[complete(SCOPE, ec1(tags=tagged(tags)))])
    notes = only(plan_of(found, EVERYTHING)).notes
    assert [(note.code, note.subject) for note in notes] == [
        (NoteCode.TAG_KEY_DROPPED, "cost center"),
        (NoteCode.TAG_SHADOWS_LABEL, "region"),
        (NoteCode.TAG_SHADOWS_LABEL, "teleport.dev/cloud"),
    ]


def test_example_c_subnets_denied_costs_the_vpc_label_alone() -> None:
    with_vpc, without = registered(ec1(), PROD), registered(ec1(vpc_id=UNKNOWN), PROD)
    lost = {k: v for k, v in with_vpc.labels.items() if without.labels.get(k) != v}
    assert lost == {"vpc-id": "vpc1"}
    assert without.spec == with_vpc.spec


def test_example_d_tags_denied_deregisters_nothing() -> None:
    """Teleport's own discovery deletes here; the last known tags are used for ours (R1)."""
    live = registered(ec1(), PROD)
    moment = plan_input(
        instead=[complete(SCOPE, ec1(tags=UNKNOWN))],
        listed=[live],
        known=make_state(registrations=[journaled(live)]),
    )
    item = only(plan_of(moment, PROD))
    assert (item.action, item.reason) == (Action.KEEP, Reason.UNCHANGED)
    assert [note.code for note in item.notes] == [NoteCode.TAGS_UNKNOWN]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param({"engine": "memcached"}, Reason.ENGINE, id="memcached"),
        pytest.param({"status": "deleting"}, Reason.DELETING, id="deleting"),
        pytest.param({"endpoint": None}, Reason.NO_ENDPOINT, id="no-endpoint"),
    ],
)
def test_example_e_no_resource(facts: dict[str, Any], reason: Reason) -> None:
    item = only(plan_of(plan_input(instead=[complete(SCOPE, ec1(**facts))]), EVERYTHING))
    assert (item.action, item.reason, item.database) == (Action.SKIPPED, reason, None)
