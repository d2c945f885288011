"""R8: whatever one cache, user, group, tag or live resource says, it ends nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discovery.aws.caches import _cache
from discovery.aws.errors import AwsCallFailed
from discovery.aws.session import Session
from discovery.aws.tags import _tag_values
from discovery.aws.users import _group, _user
from discovery.model.codes import Action, Reason
from discovery.model.values import (
    UNKNOWN,
    AccountId,
    CacheUser,
    Database,
    Endpoint,
    Region,
    ResourceName,
    Tags,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.next_state import next_state
from discovery.plan.plan import make_plan
from tests.support.plan_inputs import (
    EAST,
    arn_of,
    cache,
    matcher,
    plan_input,
    plan_of,
    registered,
    rules,
)
from tests.support.plan_state import NOW, journaled, make_state, remembered

QUIET = cache("quiet", EAST)
LONG = "8" * 5000
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        (
            "",
            LONG,
            f"{LONG}.{LONG}",
            "²",
            "٣.٤",
            "\x00",
            "\ud800",
            "NaN",
            "-1",
            "${jndi:x}",
            "*",
            "^(",
            "on",
        )
    ),
)
PORTS = st.integers(-1, 70_000) | st.just(10**30)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.one_of(
    st.datetimes(timezones=ZONES | st.just(UTC)),
    st.sampled_from(
        (
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
        )
    ),
)
TAGS = st.dictionaries(
    TEXTS | st.sampled_from(("TeleportDatabaseName", "env", "cachemuster/arn")), TEXTS, max_size=4
)
MEMBERS: Mapping[str, st.SearchStrategy[Any]] = {
    "status": TEXTS | st.just(UNKNOWN),
    "engine": TEXTS | st.just(UNKNOWN) | st.just("valkey"),
    "engine_version": TEXTS | st.just(UNKNOWN),
    "major_engine_version": TEXTS,
    "endpoint": st.builds(Endpoint, TEXTS, PORTS) | st.sampled_from((None, UNKNOWN)),
    "created_at": TIMES | st.sampled_from((None, UNKNOWN)),
    "user_group_id": TEXTS | st.just("app"),
    "tags": st.builds(Tags, TAGS, TIMES, st.booleans()) | st.just(UNKNOWN),
    "vpc_id": TEXTS | st.sampled_from((None, UNKNOWN)),
}
RULES = rules(
    matcher("tagged", tags={"env": "^(a+)+$"}, exclude={"off": "*"}),
    matcher("all", labels={"tier": "gold"}),
)


@st.composite
def users(draw: st.DrawFn) -> UsersAndGroups:
    names = ("user_name", "status", "engine", "access_string", "authentication", "arn")
    user = CacheUser(user_id="alice", **{name: draw(TEXTS) for name in names})
    ids = st.lists(TEXTS | st.just("alice"), max_size=3).map(tuple)
    group = UserGroup(
        group_id="app",
        status=draw(TEXTS | st.just("active")),
        engine=draw(TEXTS),
        user_ids=draw(ids),
        pending_add=draw(ids),
        pending_remove=draw(ids),
    )
    return UsersAndGroups({"app": group}, {"alice": user}, draw(TIMES))


FLAT = TEXTS | st.none() | st.booleans() | st.integers()
TREES = FLAT | st.lists(FLAT, max_size=2) | st.dictionaries(TEXTS, FLAT, max_size=2)


@st.composite
def resources(draw: st.DrawFn) -> Database:
    """A live resource that may say of itself that it is ours."""
    ours = {"managed-by": "cachemuster", "cachemuster/group": "prod"}
    arn = draw(TEXTS | st.just(arn_of("orders")) | st.just(arn_of("gone")))
    aws = {
        "region": "eu-west-1",
        "account_id": "111122223333",
        "elasticache_serverless": {"cache_name": draw(st.sampled_from(("orders", "gone")))},
        **draw(st.dictionaries(TEXTS, TREES, max_size=2)),
    }
    return Database(
        name=ResourceName(draw(TEXTS | st.just("orders"))),
        labels={**draw(TAGS), **ours, "cachemuster/arn": arn},
        description=draw(TEXTS),
        spec={"uri": draw(TREES), "aws": draw(TREES | st.just(aws))},
        metadata=draw(st.dictionaries(TEXTS, TREES, max_size=2)),
    )


@pytest.mark.slow
@given(st.fixed_dictionaries(MEMBERS), users(), st.lists(resources(), max_size=2), st.booleans())
def test_no_value_of_one_cache_ends_a_sweep(
    said: dict[str, Any], directory: UsersAndGroups, listed: list[Database], is_known: bool
) -> None:
    odd = cache(**said)
    known = make_state(caches=[remembered(cache())] if is_known else [])
    at = plan_input(odd, QUIET, listed=listed, known=known, users=directory)
    plan = make_plan(at, RULES)
    assert [item.action for item in plan.items if item.cache == "quiet"] == [Action.CREATE]
    about = [item for item in plan.items if item.arn == odd.arn]
    failed = {each.scope for each in at.results} - {
        each.scope for each in plan.observed.plan_input.results if hasattr(each, "caches")
    }
    assert about or odd.scope in failed
    next_state(plan.observed, plan.items, started_at=NOW)


@pytest.mark.slow
@pytest.mark.parametrize("member", sorted(MEMBERS))
@given(data=st.data())
def test_one_hostile_member_neither_removes_nor_ends_a_sweep(
    member: str, data: st.DataObject
) -> None:
    """Everything else of the cache is as ever, and it is registered."""
    odd = cache(**{member: data.draw(MEMBERS[member])})
    live = registered()
    known = make_state(registrations=[journaled(live)], caches=[remembered(cache())])
    plan = plan_of(plan_input(odd, QUIET, listed=[live], known=known), RULES)
    (item,) = [each for each in plan.items if each.live == live]
    assert item.action is not Action.DELETE or item.reason in (Reason.DELETING, Reason.EXCLUDED)
    next_state(plan.observed, plan.items, started_at=NOW)


@pytest.mark.parametrize("is_registered", [False, True])
def test_a_version_of_five_thousand_digits_blocks_that_cache(is_registered: bool) -> None:
    odd, live = cache(engine_version=LONG), registered()
    listed = [live] if is_registered else []
    plan = plan_of(plan_input(odd, QUIET, listed=listed), RULES)
    (item,) = [each for each in plan.items if each.cache == "orders"]
    assert (item.action, item.reason) == (Action.BLOCKED, Reason.UNREADABLE)
    assert (item.changes, item.live) == ((), live if is_registered else None)
    assert "verdict.py, line" in item.message


SESSION = Session(
    account_id=AccountId("111122223333"),
    partition="aws",
    region=Region("eu-west-1"),
    clients=cast("Any", None),
    signer=cast("Any", None),
)
SAID = TEXTS | PORTS | TIMES | st.none() | st.booleans()
INNER = st.sampled_from(("Address", "Port", "Type", "UserIdsToAdd"))
TREE = SAID | st.lists(SAID, max_size=2) | st.dictionaries(INNER, SAID, max_size=2)
NAMES = (
    "Status", "Engine", "FullEngineVersion", "MajorEngineVersion", "Endpoint", "CreateTime",
    "UserGroupId", "SubnetIds",
)  # fmt: skip


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(NAMES), TREE))
@example({"Endpoint": {"Address": "a.example", "Port": 65536}})
@example({"FullEngineVersion": LONG})
@example({"CreateTime": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))})
def test_what_is_read_of_a_cache_can_be_reckoned_with(said: dict[str, Any]) -> None:
    entry = {"ARN": arn_of("orders"), "ServerlessCacheName": "orders", **said}
    read = _cache(entry, SESSION)
    if isinstance(read.endpoint, Endpoint):
        assert 0 < read.endpoint.port < 65536
    for text in (read.status, read.engine, read.engine_version):
        assert text is UNKNOWN or 0 < len(text) <= 255
    if isinstance(read.created_at, datetime):
        assert read.created_at.tzinfo is UTC


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(("ARN", "UserId", "UserGroupId", "Status")), TEXTS))
def test_what_is_read_of_users_and_groups_is_one_or_is_a_fault(said: dict[str, str]) -> None:
    for read in (_user, _group):
        try:
            name, described = read(said, SESSION)
        except AwsCallFailed:
            continue
        assert name
        assert described is None


@given(st.lists(TREE | st.fixed_dictionaries({"Key": SAID, "Value": SAID}), max_size=3) | TREE)
def test_tags_are_texts_or_unread(entries: Any) -> None:
    values = _tag_values(entries)
    assert values is None or all(isinstance(t, str) for pair in values.items() for t in pair)


def test_what_a_registration_says_is_never_remembered_as_read() -> None:
    live = replace(registered(), labels={**registered().labels, "engine-version": "6.0"})
    known = make_state(registrations=[journaled(live)], caches=[])
    odd = cache(engine_version=UNKNOWN)
    plan = plan_of(plan_input(odd, listed=[live], known=known))
    kept = next_state(plan.observed, plan.items, started_at=NOW)
    assert [each.engine_version for each in kept.caches_seen] == [""]
    (item,) = plan.items
    assert item.action is Action.KEEP
    assert [note.subject for note in item.notes if note.code == "FACT_REMEMBERED"] == [
        "FullEngineVersion"
    ]


def test_a_fact_that_the_registration_itself_tells_makes_no_match() -> None:
    """What another agent registered is not this one's because of labels that stand in (R2)."""
    live = registered()
    for engine, matched in ((UNKNOWN, ()), ("valkey", (live.name,))):
        plan = plan_of(plan_input(cache(engine=engine), listed=[live], known=make_state()))
        assert [each.action for each in plan.items] == [Action.KEEP]
        kept = next_state(plan.observed, plan.items, started_at=NOW)
        assert kept.registrations_matched == matched
