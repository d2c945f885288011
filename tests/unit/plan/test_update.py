"""Why a registration is updated: the first reason that holds, with memory and
without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import redacted
from discovery.model.values import Cache, Change, Database, Endpoint
from discovery.plan.item import Item
from discovery.plan.registered import changes_origin, under_its_present_name
from discovery.plan.rules import Rules
from matchers.matcher import Connect
from tests.support.plan_inputs import (
    cache,
    matcher,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import CREATED, MINUTE, journaled, make_state, remembered

R = Reason
ELSEWHERE = Endpoint("orders-zzz999.serverless.euw1.cache.amazonaws.com", 6379)
LATER = CREATED + MINUTE
ROLE = "arn:{partition}:iam::{account_id}:role/connect"
WITH_ROLE = rules(matcher(connect=Connect(ROLE, "env:EID")), external_ids={"env:EID": "secret"})


def updated(
    live: Database,
    now: Cache | None = None,
    *,
    written: Database | None = None,
    before: Cache | None = None,
    under: Rules | None = None,
) -> Item:
    """The item of a cache whose registration is `live`, and was last written as `written`."""
    known = make_state(
        caches=[remembered(before)] if before is not None else (),
        registrations=[journaled(written)] if written is not None else (),
    )
    return only(plan_of(plan_input(now or cache(), listed=[live], known=known), under))


LIVE = registered()
MOVED = cache(endpoint=ELSEWHERE)
TAGGED = cache(tags=tagged(env="prod"))


@pytest.mark.parametrize(
    ("now", "under", "reason"),
    [
        pytest.param(cache(tags=tagged(TeleportDatabaseName="o2")), None, R.RENAMED, id="name"),
        pytest.param(MOVED, None, R.URI_CHANGED, id="endpoint"),
        pytest.param(cache(), WITH_ROLE, R.SPEC_CHANGED, id="connect-role"),
        pytest.param(TAGGED, None, R.LABELS_CHANGED, id="tag"),
        pytest.param(cache(engine_version="8.2"), None, R.LABELS_CHANGED, id="version"),
        pytest.param(cache(user_group_id=None), None, R.LABELS_CHANGED, id="iam-label"),
        pytest.param(cache(), rules(matcher(labels={"a": "b"})), R.LABELS_CHANGED, id="matcher"),
    ],
)
@pytest.mark.parametrize("memory_lost", [False, True], ids=["remembered", "state-lost"])
def test_a_change_in_aws_or_in_the_configuration_has_its_reason(
    now: Cache, under: Rules | None, reason: Reason, memory_lost: bool
) -> None:
    item = updated(LIVE, now, written=None if memory_lost else LIVE, under=under)
    assert (item.action, item.reason) == (Action.UPDATE, reason)


@pytest.mark.parametrize(
    ("live", "with_memory", "without"),
    [
        pytest.param(
            registered(labels={"mine": "1"}), R.DRIFT, R.DRIFT, id="a-label-that-we-would-not-write"
        ),
        pytest.param(
            registered(labels={"engine": "redis"}), R.DRIFT, R.LABELS_CHANGED, id="a-label-changed"
        ),
        pytest.param(
            registered(without=("vpc-id",)), R.DRIFT, R.LABELS_CHANGED, id="a-label-removed"
        ),
        pytest.param(
            registered(spec={"uri": "evil.example.com:1"}), R.DRIFT, R.URI_CHANGED, id="the-uri"
        ),
        pytest.param(
            registered(spec={"protocol": "mysql"}), R.DRIFT, R.SPEC_CHANGED, id="the-protocol"
        ),
        pytest.param(
            registered(under=WITH_ROLE), R.DRIFT, R.SPEC_CHANGED, id="a-role-that-we-do-not-want"
        ),
        pytest.param(registered(description="mine"), R.DRIFT, R.SPEC_CHANGED, id="the-description"),
    ],
)
def test_what_somebody_changed_in_teleport_is_drift_as_far_as_memory_tells(
    live: Database, with_memory: Reason, without: Reason
) -> None:
    assert updated(live, written=LIVE).reason is with_memory
    assert updated(live).reason is without


def test_a_tag_that_went_from_the_cache_is_a_change_if_memory_knows_it_else_drift() -> None:
    live = registered(TAGGED)
    assert updated(live, written=live).reason is R.LABELS_CHANGED
    assert updated(live).reason is R.DRIFT


def test_the_rename_comes_before_every_other_reason() -> None:
    now = cache(endpoint=ELSEWHERE, created_at=LATER, tags=tagged(TeleportDatabaseName="o2"))
    item = updated(LIVE, now, written=LIVE, before=cache())
    assert (item.reason, item.name, item.previous_name) == (R.RENAMED, "o2", LIVE.name)


def test_the_recreated_cache_comes_before_its_new_endpoint() -> None:
    now = cache(endpoint=ELSEWHERE, created_at=LATER)
    assert updated(LIVE, now, written=LIVE, before=cache()).reason is R.RECREATED


def test_the_endpoint_comes_before_role_and_labels() -> None:
    now = cache(endpoint=ELSEWHERE, tags=tagged(env="prod"))
    assert updated(LIVE, now, written=LIVE, under=WITH_ROLE).reason is R.URI_CHANGED


def test_a_change_of_aws_is_told_before_drift_on_the_same_registration() -> None:
    live = registered(labels={"mine": "1"}, spec={"protocol": "mysql"})
    item = updated(live, TAGGED, written=LIVE)
    assert item.reason is R.LABELS_CHANGED
    assert [each.field for each in item.changes] == [
        "/metadata/labels/env",
        "/metadata/labels/mine",
        "/spec/protocol",
    ]


def test_what_is_remembered_of_another_cache_under_the_name_does_not_count() -> None:
    known = make_state(registrations=[journaled(LIVE, arn=cache("another").arn)])
    live = registered(spec={"uri": "evil.example.com:1"})
    item = only(plan_of(plan_input(cache(), listed=[live], known=known)))
    assert item.reason is R.URI_CHANGED


def test_an_external_id_kept_as_a_fingerprint_is_no_change() -> None:
    live = registered(under=WITH_ROLE)
    written = replace(live, spec=redacted(live.spec))
    assert updated(live, written=written, under=WITH_ROLE).action is Action.KEEP
    drifted = replace(live, labels={**live.labels, "mine": "1"})
    assert updated(drifted, written=written, under=WITH_ROLE).reason is R.DRIFT


@pytest.mark.parametrize("memory_lost", [False, True], ids=["remembered", "state-lost"])
def test_what_is_not_ours_in_the_spec_is_neither_drift_nor_change(memory_lost: bool) -> None:
    live = registered(spec={"tls": {"mode": 1}}, metadata={"expires": "2030"})
    item = updated(live, written=None if memory_lost else LIVE)
    assert (item.action, item.reason) == (Action.KEEP, R.UNCHANGED)


def test_a_registration_under_its_present_name_keeps_its_name_label() -> None:
    wanted = registered(cache(tags=tagged(TeleportDatabaseName="o2")))
    stays = under_its_present_name(wanted, LIVE)
    assert (stays.name, stays.labels["teleport.internal/discovered-name"]) == (LIVE.name, "orders")
    back = under_its_present_name(LIVE, wanted)
    assert (back.name, "teleport.internal/discovered-name" in back.labels) == ("o2", False)


@pytest.mark.parametrize(
    ("field", "origin"),
    [
        ("/metadata/labels/teleport.dev~1origin", True),
        ("/metadata/labels/teleport.dev/origin", False),
        ("/metadata/labels/origin", False),
        ("/spec/uri", False),
    ],
)
def test_a_change_of_origin_is_told_by_its_pointer(field: str, origin: bool) -> None:
    assert changes_origin([Change(field, "dynamic", "cloud")]) is origin


def test_a_change_of_origin_replaces_the_resource_under_its_name() -> None:
    item = updated(LIVE, written=LIVE, under=rules(origin="cloud"))
    assert (item.action, item.reason) == (Action.UPDATE, R.LABELS_CHANGED)
    assert (item.replaces, item.removes, item.name) == (True, True, name_in("orders"))


def test_the_message_names_at_most_four_fields() -> None:
    for keys, named in (("abcd", "a, b, c, d"), ("abcdef", "a, b, c, d and 2 more")):
        live = registered(labels=dict.fromkeys(keys, "1"))
        assert updated(live, written=LIVE).message == f"differs in {named}"
