"""What a process does not ask twice, and when it asks all the same (discovery/README: Scale)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from discovery.aws.cloud import Cloud
from discovery.model.values import UNKNOWN, Arn, Complete, UsersAndGroups
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import Scan, scan
from state.records import RememberedCache, RememberedState
from tests.contract.aws.conftest import LONG_AGO, Site, caches_of, now, remember, result_of

SUBNETS = {"service": "ec2", "operation": "DescribeSubnets"}


async def scanned(
    cloud: Cloud, *known: object, at: datetime | None = None, refresh_users: bool = False
) -> Scan:
    state = RememberedState(caches=remember(*known))
    return await scan(
        cloud, scope_filter=ScopeFilter(), state=state, at=at, refresh_users=refresh_users
    )


def directory_of(found: Scan) -> UsersAndGroups:
    result = result_of(found)
    assert isinstance(result, Complete)
    assert result.users_and_groups is not UNKNOWN
    return result.users_and_groups


class TestUsersAndGroups:
    async def test_serve_again_until_they_are_too_old(self, site: Site) -> None:
        site.place().add_cache("one")
        async with site.cloud(iam_refresh="15m") as cloud:
            first = directory_of(await scanned(cloud, at=now()))
            again = directory_of(await scanned(cloud, at=now() + timedelta(minutes=14)))
            assert again is first
            assert site.asked("DescribeUsers") == site.asked("DescribeUserGroups") == 1
            later = directory_of(await scanned(cloud, at=now() + timedelta(minutes=15)))
        assert later is not first
        assert site.asked("DescribeUsers") == site.asked("DescribeUserGroups") == 2

    async def test_of_a_clock_that_was_set_back_do_not_serve(self, site: Site) -> None:
        site.place().add_cache("one")
        async with site.cloud() as cloud:
            await scanned(cloud, at=now() + timedelta(days=1))
            site.place().add_user("new")
            assert "new" in directory_of(await scanned(cloud, at=now())).users

    async def test_a_decision_that_hangs_on_them_asks(self, site: Site) -> None:
        site.place().add_cache("one")
        async with site.cloud() as cloud:
            await scanned(cloud)
            site.place().add_user("new")
            assert "new" not in directory_of(await scanned(cloud)).users
            assert "new" in directory_of(await scanned(cloud, refresh_users=True)).users

    @pytest.mark.parametrize("status", ["modifying", "creating"])
    async def test_a_group_about_to_change_is_looked_at_each_time(
        self, site: Site, status: str
    ) -> None:
        site.place().add_user_group("people", status=status)
        site.place().add_cache("one", group="people")
        async with site.cloud() as cloud:
            await scanned(cloud)
            site.place().add_user_group("people")
            found = directory_of(await scanned(cloud))
        assert found.groups["people"].status == "active"

    async def test_a_group_nobody_has_heard_of_is_looked_for(self, site: Site) -> None:
        site.place().add_cache("one")
        async with site.cloud() as cloud:
            await scanned(cloud)
            site.place().add_user_group("people")
            site.place().change_cache("one", user_group_id="people")
            assert "people" in directory_of(await scanned(cloud)).groups

    async def test_what_could_not_be_read_is_not_kept(self, site: Site) -> None:
        site.place().add_cache("one")
        number = site.fault(Effect.DENIED, service="elasticache", operation="DescribeUsers")
        async with site.cloud() as cloud:
            result = result_of(await scanned(cloud))
            assert isinstance(result, Complete)
            assert result.users_and_groups is UNKNOWN
            site.aws.faults.remove(number)
            assert "default" in directory_of(await scanned(cloud)).users


class TestUntagged:
    async def test_a_known_cache_without_tags_is_asked_once_an_hour(self, site: Site) -> None:
        known = [site.place().add_cache(name, created_at=now() - LONG_AGO) for name in ("a", "b")]
        async with site.cloud() as cloud:
            for minutes, asked in ((0, 2), (59, 2), (60, 4)):
                found = await scanned(cloud, *known, at=now() + timedelta(minutes=minutes))
                tags = caches_of(found)["a"].tags
                assert tags is not UNKNOWN
                assert tags.values == {}
                assert tags.confirmed is (minutes != 59)
                assert site.asked("ListTagsForResource") == asked

    async def test_tags_that_it_gets_are_seen_at_once(self, site: Site) -> None:
        known = [site.place().add_cache(name, created_at=now() - LONG_AGO) for name in ("a", "b")]
        async with site.cloud() as cloud:
            await scanned(cloud, *known)
            site.place().set_tags(known[0].arn, {"env": "prod"})
            tags = caches_of(await scanned(cloud, *known))["a"].tags
        assert tags is not UNKNOWN
        assert tags.values == {"env": "prod"}

    async def test_the_first_tags_of_the_only_cache_are_seen_at_once(self, site: Site) -> None:
        known = site.place().add_cache("a", created_at=now() - LONG_AGO)
        async with site.cloud() as cloud:
            await scanned(cloud, known)
            site.place().set_tags(known.arn, {"env": "prod"})
            tags = caches_of(await scanned(cloud, known))["a"].tags
        assert tags is not UNKNOWN
        assert tags.values == {"env": "prod"}

    async def test_first_tags_are_seen_at_once_while_the_bulk_answer_is_denied(
        self, site: Site
    ) -> None:
        known = [site.place().add_cache(name, created_at=now() - LONG_AGO) for name in ("a", "b")]
        site.fault(Effect.DENIED, service="resourcegroupstaggingapi")
        async with site.cloud() as cloud:
            await scanned(cloud, *known)
            site.place().set_tags(known[0].arn, {"env": "prod"})
            tags = caches_of(await scanned(cloud, *known))["a"].tags
        assert tags is not UNKNOWN
        assert tags.values == {"env": "prod"}

    async def test_of_a_clock_that_was_set_back_they_are_asked(self, site: Site) -> None:
        known = [site.place().add_cache(name, created_at=now() - LONG_AGO) for name in ("a", "b")]
        async with site.cloud() as cloud:
            await scanned(cloud, *known, at=now() + timedelta(days=1))
            site.place().set_tags(known[0].arn, {"env": "prod"}, lag=timedelta(hours=1))
            tags = caches_of(await scanned(cloud, *known, at=now()))["a"].tags
        assert tags is not UNKNOWN
        assert tags.values == {"env": "prod"}

    @pytest.mark.parametrize("what", ["never-remembered", "young", "recreated"])
    async def test_a_new_cache_is_always_asked(self, site: Site, what: str) -> None:
        ages = {"young": timedelta(hours=23)}
        known = [
            site.place().add_cache(name, created_at=now() - ages.get(what, LONG_AGO))
            for name in ("a", "b")
        ]
        remembered = [] if what == "never-remembered" else known
        if what == "recreated":
            remembered = [replace(cache, created_at=now() - 2 * LONG_AGO) for cache in known]
        async with site.cloud() as cloud:
            await scanned(cloud, *remembered)
            await scanned(cloud, *remembered)
        assert site.asked("ListTagsForResource") == 4


class TestVpcs:
    async def test_what_state_knows_of_this_very_cache_is_not_asked(self, site: Site) -> None:
        cache = site.place().add_cache("one", created_at=now() - LONG_AGO)
        found = await self.found(site, cache, lambda known: replace(known, **KNOWN))
        assert found == "vpc-known"
        assert site.asked("DescribeSubnets") == 0

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"created_at": now()}, id="another-cache-of-that-name"),
            pytest.param({"vpc_known": False}, id="never-read"),
            pytest.param({"vpc_id": None}, id="none-was-found"),
        ],
    )
    async def test_anything_else_is_asked(self, site: Site, change: dict[str, Any]) -> None:
        cache = site.place().add_cache("one", created_at=now() - LONG_AGO)
        found = await self.found(site, cache, lambda known: replace(known, **KNOWN | change))
        assert found not in ("vpc-known", None, UNKNOWN)
        assert site.asked("DescribeSubnets") == 1

    async def found(
        self, site: Site, cache: object, change: Callable[[RememberedCache], RememberedCache]
    ) -> object:
        known: dict[Arn, RememberedCache] = {
            arn: change(one) for arn, one in remember(cache).items()
        }
        async with site.cloud() as cloud:
            return caches_of(
                await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState(caches=known))
            )["one"].vpc_id


KNOWN: dict[str, Any] = {"vpc_id": "vpc-known", "vpc_known": True}


async def test_the_facts_of_a_scope_are_asked_for_at_once(site: Site) -> None:
    site.place().add_cache("one", tags={"a": "b"})
    for operation in ("DescribeUsers", "DescribeUserGroups", "ListTagsForResource"):
        site.fault(Effect.LATENCY, delay_s=0.4, service="elasticache", operation=operation)
    site.fault(Effect.LATENCY, delay_s=0.4, **SUBNETS)
    result = result_of(await site.scan())
    assert result.duration_s < 1.2, "one after another they take 1.6 s"
