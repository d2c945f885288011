"""The users and user groups of a scope: all of them, or unknown."""

from __future__ import annotations

from typing import cast

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import (
    UNKNOWN,
    CacheUser,
    Complete,
    Failed,
    KnownCache,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.verdict import iam_verdict
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import Scan
from tests.contract.aws.conftest import Site, caches_of, result_of


def directory_of(found: Scan) -> UsersAndGroups:
    result = result_of(found)
    assert isinstance(result, Complete)
    assert result.users_and_groups is not UNKNOWN
    return result.users_and_groups


async def test_everything_that_aws_says_of_them(site: Site) -> None:
    place = site.place()
    user = place.add_user("ann", access_string="on ~app::* +@read")
    group = place.add_user_group(
        "people", users=("ann", "default"), adding=("bob",), removing=("default",)
    )
    place.add_cache("one", group="people")
    directory = directory_of(await site.scan())
    found = directory.users["ann"]
    assert isinstance(found, CacheUser)
    assert (found.user_name, found.status, found.engine) == ("ann", "active", "valkey")
    assert (found.access_string, found.authentication) == ("on ~app::* +@read", "iam")
    assert found.arn == user.arn
    assert directory.users["default"].authentication == "no-password"
    people = directory.groups["people"]
    assert isinstance(people, UserGroup)
    assert people.user_ids == ("ann", "default")
    assert (people.pending_add, people.pending_remove) == (("bob",), ("default",))
    assert (people.status, people.engine, people.arn) == ("active", "valkey", group.arn)


async def test_ids_of_the_services_own_users_hold_a_dot(site: Site) -> None:
    site.place().add_user("default.iam-user")
    site.place().add_user_group("default.iam-user-group", users=("default.iam-user",))
    site.place().add_cache("one")
    directory = directory_of(await site.scan())
    assert directory.groups["default.iam-user-group"].user_ids == ("default.iam-user",)
    assert "default.iam-user" in directory.users


async def test_an_id_is_the_same_however_it_is_spelled(site: Site) -> None:
    site.place().add_user("ann")
    members = {"UserIds": ["Ann"], "PendingChanges": {"UserIdsToAdd": ["Bob"]}}
    site.place().add_user_group("people", wire={"UserGroupId": "People", **members})
    site.place().add_cache("one", wire={"UserGroupId": "peoPle"})
    found = await site.scan()
    one = caches_of(found)["one"]
    assert one.user_group_id is not None
    group = directory_of(found).groups[one.user_group_id]
    assert (group.user_ids, group.pending_add) == (("ann",), ("bob",))
    assert iam_verdict(cast("KnownCache", one), directory_of(found)).users == ("ann",)


async def test_they_fill_pages(site: Site) -> None:
    for n in range(230):
        site.place().add_user(f"user-{n}")
    site.place().add_cache("one")
    directory = directory_of(await site.scan())
    assert len(directory.users) == 231
    assert site.asked("DescribeUsers") == 3


async def test_nobody_asks_for_the_users_of_nothing(site: Site) -> None:
    site.place().add_cache("no-users", engine="memcached")
    result = result_of(await site.scan())
    assert isinstance(result, Complete)
    assert result.users_and_groups is UNKNOWN
    assert site.asked("DescribeUsers") == site.asked("DescribeUserGroups") == 0


async def test_users_that_nobody_wants_are_not_asked_for(site: Site) -> None:
    site.place().add_cache("one")
    result = result_of(await site.scan(users=False))
    assert isinstance(result, Complete)
    assert (result.users_and_groups, result.message) == (UNKNOWN, "")
    assert site.asked("DescribeUsers") == 0


@pytest.mark.parametrize("operation", ["DescribeUsers", "DescribeUserGroups"])
@pytest.mark.parametrize(
    "effect", [Effect.DENIED, Effect.REPEATED_TOKEN, Effect.LATER_PAGE_FAILS, Effect.CUT_OFF]
)
async def test_half_a_directory_is_none(site: Site, operation: str, effect: Effect) -> None:
    for n in range(120):
        site.place().add_user(f"user-{n}")
        site.place().add_user_group(f"group-{n}")
    site.place().add_cache("one", tags={"a": "b"})
    site.fault(effect, service="elasticache", operation=operation)
    found = await site.scan()
    result = result_of(found)
    assert isinstance(result, Complete), "the caches were listed all the same"
    assert result.users_and_groups is UNKNOWN
    assert "users and user groups are unknown" in result.message
    assert f"elasticache:{operation}" in result.message
    assert caches_of(found)["one"].tags is not UNKNOWN


@pytest.mark.parametrize("operation", ["DescribeUsers", "DescribeUserGroups"])
async def test_those_of_another_account_fail_the_scope(site: Site, operation: str) -> None:
    site.place().add_user_group("people")
    site.place().add_cache("one")
    site.fault(
        Effect.OTHER_ARNS, service="elasticache", operation=operation, as_account="999999999999"
    )
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.WRONG_ACCOUNT


async def test_a_user_without_an_id_makes_no_directory(site: Site) -> None:
    site.place().add_user("ghost", wire={"UserId": None})
    site.place().add_cache("one")
    result = result_of(await site.scan())
    assert isinstance(result, Complete)
    assert result.users_and_groups is UNKNOWN
