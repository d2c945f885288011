"""Each member of an answer that is read: the table says what its absence means, and holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from discovery.aws.session import Session
from discovery.model.codes import ScopeReason
from discovery.model.values import UNKNOWN, Complete, Failed, Scanned
from discovery.sandbox.aws.faults import Effect
from matchers.regions import ScopeMembership
from tests.contract.aws.conftest import (
    HOME,
    HUB,
    LONG_AGO,
    Site,
    caches_of,
    now,
    remember,
    result_of,
)
from tests.support.aws_members import MEMBERS
from tests.support.organization import Fleet, number, standing

Reads = dict[str, set[str]]


class _Watched(dict[str, Any]):
    """An answer that notes which of its members are asked for."""

    def __init__(self, members: Mapping[str, Any], path: str, seen: set[str]) -> None:
        super().__init__(
            {key: _watched(each, f"{path}{key}", seen) for key, each in members.items()}
        )
        self._path, self._seen = path, seen

    def get(self, key: str, default: Any = None) -> Any:
        self._seen.add(f"{self._path}{key}")
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._seen.add(f"{self._path}{key}")
        return super().__getitem__(key)


def _watched(value: Any, path: str, seen: set[str]) -> Any:
    if isinstance(value, dict):
        return _Watched(value, f"{path}." if path else "", seen)
    if isinstance(value, list):
        return [_watched(each, f"{path}[]", seen) for each in value]
    return value


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    found: Reads = defaultdict(set)
    call = Session.call

    async def watched(self: Session, action: str, **parameters: Any) -> Any:
        return _watched(await call(self, action, **parameters), "", found[action])

    monkeypatch.setattr(Session, "call", watched)
    return found


def full(site: Site, account_id: str = HUB) -> Iterator[object]:
    """Two caches with all that a scan asks for; one of them is known for long."""
    place = site.place(account_id)
    place.add_user("app")
    place.add_user_group("people", users=("app",))
    for name in ("orders", "carts"):
        yield place.add_cache(
            name, group="people", tags={"env": "prod"}, created_at=now() - LONG_AGO
        )


@pytest.mark.slow
async def test_what_a_scan_reads_is_what_the_table_names(site: Site, reads: Reads) -> None:
    fleet = Fleet(site)
    unit = fleet.organization.add_unit("teams")
    fleet.join(number(1), parent=unit)
    first, second = full(site)
    site.place().add_cache("fresh", tags={"env": "prod"})
    coming = {"PendingChanges": {"UserIdsToAdd": ["app"], "UserIdsToRemove": []}}
    site.place().add_user_group("changing", wire=coming)
    await site.scan(remembered=remember(first, second), regions=["*"])
    await fleet.scan()
    site.fault(Effect.MEMBER_LEFT_OUT, service="organizations", member="State")
    await fleet.scan()
    await fleet.scan(exclude_ous=["ou-ab12-cdefgh99"])
    named: Reads = defaultdict(set)
    for member in MEMBERS:
        named[member.action].add(member.path)
    assert reads == named


LISTS = [
    pytest.param("DescribeServerlessCaches", "FullEngineVersion", id="a-cache"),
    pytest.param("DescribeServerlessCaches", "Status", id="a-cache-in-two-states"),
]


@pytest.mark.parametrize(("operation", "member"), LISTS)
async def test_one_arn_twice_with_two_descriptions_is_no_answer(
    site: Site, operation: str, member: str
) -> None:
    tuple(full(site))
    site.fault(
        Effect.MEMBER_CONTRADICTED, service="elasticache", operation=operation, member=member
    )
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.MALFORMED
    assert "twice, and not alike" in result.message


async def test_one_arn_twice_with_two_endpoints_is_no_answer(site: Site) -> None:
    first, _ = full(site)
    arn = first.arn  # type: ignore[attr-defined]
    site.place().add_cache("other", wire={"ServerlessCacheName": "orders", "ARN": arn})
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.MALFORMED
    assert f"it describes {arn} twice, and not alike" in result.message


@pytest.mark.parametrize(
    ("operation", "member"),
    [("DescribeUsers", "AccessString"), ("DescribeUserGroups", "Status")],
)
async def test_a_user_or_group_listed_twice_and_not_alike_makes_no_directory(
    site: Site, operation: str, member: str
) -> None:
    tuple(full(site))
    site.fault(
        Effect.MEMBER_CONTRADICTED, service="elasticache", operation=operation, member=member
    )
    result = result_of(await site.scan())
    assert isinstance(result, Complete)
    assert result.users_and_groups is UNKNOWN
    assert "users and user groups are unknown" in result.message


async def test_one_tag_key_with_two_values_leaves_the_tags_unread(site: Site) -> None:
    first, second = full(site)
    site.fault(Effect.MEMBER_CONTRADICTED, service="elasticache", member="Value")
    found = caches_of(await site.scan())
    assert {cache.tags for cache in found.values()} == {UNKNOWN}
    site.fault(Effect.MEMBER_CONTRADICTED, service="resourcegroupstaggingapi", member="Value")
    found = caches_of(await site.scan(remembered=remember(first, second)))
    assert {cache.tags for cache in found.values()} == {UNKNOWN}


async def test_two_answers_of_the_tagging_api_for_one_arn_ask_the_cache(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = full(site)
    call = Session.call

    async def twice(self: Session, action: str, **parameters: Any) -> Any:
        answer = await call(self, action, **parameters)
        if action != "tag:GetResources":
            return answer
        listed = answer["ResourceTagMappingList"]
        others = [{**each, "Tags": [{"Key": "env", "Value": "dev"}]} for each in listed]
        return {**answer, "ResourceTagMappingList": [*listed, *listed, *others]}

    monkeypatch.setattr(Session, "call", twice)
    found = caches_of(await site.scan(remembered=remember(first, second)))
    assert site.asked("GetResources") == 1
    for cache in found.values():
        assert cache.tags is not UNKNOWN
        assert (cache.tags.values, cache.tags.confirmed) == ({"env": "prod"}, True)


async def test_a_subnet_in_two_vpcs_is_in_none_that_is_known(site: Site) -> None:
    tuple(full(site))
    site.fault(Effect.MEMBER_CONTRADICTED, service="ec2", member="VpcId")
    assert {cache.vpc_id for cache in caches_of(await site.scan()).values()} == {UNKNOWN}


async def test_an_account_in_two_states_ends_the_list(site: Site) -> None:
    fleet = Fleet(site)
    fleet.join(number(1))
    site.fault(Effect.MEMBER_CONTRADICTED, service="organizations", member="State")
    found = await fleet.scan()
    result = result_of(found, HUB, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.MALFORMED
    assert standing(found, "888888888888") is ScopeMembership.TARGETS_UNKNOWN


async def test_a_region_both_enabled_and_not_leaves_the_list_unread(site: Site) -> None:
    listed = [{"RegionName": HOME, "OptInStatus": each} for each in ("opted-in", "not-opted-in")]
    result = await _with_regions(site, listed)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.REGIONS_UNREADABLE


async def test_a_region_without_a_name_leaves_the_list_unread(site: Site) -> None:
    result = await _with_regions(site, [{"RegionName": HOME}, {"OptInStatus": "opted-in"}])
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.REGIONS_UNREADABLE


async def _with_regions(site: Site, listed: list[dict[str, str]]) -> Scanned:
    call = Session.call

    async def shown(self: Session, action: str, **parameters: Any) -> Any:
        answer = await call(self, action, **parameters)
        return {**answer, "Regions": listed} if action == "ec2:DescribeRegions" else answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "call", shown)
        return result_of(await site.scan(regions=["*"]), region=None)


async def test_pages_that_overlap_count_each_entry_once(site: Site) -> None:
    first, second = full(site)
    call = Session.call

    async def again(self: Session, action: str, **parameters: Any) -> Any:
        answer = await call(self, action, **parameters)
        lists = {key: [*each, *each] for key, each in answer.items() if isinstance(each, list)}
        return {**answer, **lists}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "call", again)
        found = await site.scan(remembered=remember(first, second))
    result = result_of(found)
    assert isinstance(result, Complete)
    assert (len(result.caches), result.message) == (2, "")
    assert result.users_and_groups is not UNKNOWN


async def test_a_user_or_group_with_a_hole_is_neither_there_nor_missing(site: Site) -> None:
    tuple(full(site))
    site.place().add_user("bob", wire={"AccessString": None})
    site.place().add_user_group("odd", users=(), wire={"UserIds": None})
    result = result_of(await site.scan())
    assert isinstance(result, Complete)
    directory = result.users_and_groups
    assert directory is not UNKNOWN
    assert directory.unread_users == {"bob"}
    assert directory.unread_groups == {"odd"}
    assert {"bob", "odd"}.isdisjoint({*directory.users, *directory.groups})
