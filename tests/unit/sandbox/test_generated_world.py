"""Generated clouds: the size that was asked for, made only where somebody looks."""

from collections import Counter

import pytest

from discovery.sandbox.agent_world import latencies
from discovery.sandbox.aws.region import Region
from discovery.sandbox.demo import HOME, build_demo
from discovery.sandbox.generated_world import REGIONS, Size, Spread, generate


def regions_of(size: Size) -> list[Region]:
    """Every region of the cloud, looked at."""
    world = generate(size).world
    return [
        account.region(name) for account in world.accounts.values() for name in size.region_names
    ]


def names(size: Size) -> list[list[tuple[object, ...]]]:
    return [
        [(cache.name, cache.engine, *region.tags[cache.arn].items()) for cache in caches]
        for region in regions_of(size)
        if (caches := region.caches.values())
    ]


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        pytest.param(Size(10, 5, 100, Spread.EVEN), {2: 50}, id="even"),
        pytest.param(Size(10, 5, 100, Spread.TYPICAL), {10: 10, 0: 40}, id="typical"),
        pytest.param(Size(10, 5, 107, Spread.TYPICAL), {11: 7, 10: 3, 0: 40}, id="uneven-rest"),
        pytest.param(Size(10, 5, 3, Spread.EVEN), {1: 3, 0: 47}, id="fewer-than-scopes"),
        pytest.param(Size(1, 1, 7, Spread.TYPICAL), {7: 1}, id="one-scope"),
        pytest.param(Size(3, 17, 0, Spread.TYPICAL), {0: 51}, id="none"),
    ],
)
def test_caches_lie_as_asked(size: Size, counts: dict[int, int]) -> None:
    assert Counter(len(region.caches) for region in regions_of(size)) == counts


def test_caches_of_a_typical_cloud_are_in_every_region() -> None:
    found = {r.place.name for r in regions_of(Size(40, 5, 400)) if len(r.caches)}
    assert found == set(REGIONS[:5])


def test_nothing_is_made_before_somebody_looks() -> None:
    size = Size(200, 17, 4000)
    world = generate(size).world
    assert all(account.regions == () for account in world.accounts.values())
    one = world.account(size.account_ids[7]).region("eu-west-1")
    assert [region for account in world.accounts.values() for region in account.regions] == [one]


def test_the_same_seed_makes_the_same_cloud_and_another_another() -> None:
    assert names(Size(4, 3, 60)) == names(Size(4, 3, 60))
    assert names(Size(4, 3, 60)) != names(Size(4, 3, 60, seed=1))


def test_a_region_does_not_depend_on_who_was_asked_before() -> None:
    size = Size(4, 3, 60, Spread.EVEN)
    alone = generate(size).world.account(size.account_ids[3]).region(HOME)
    assert [c.name for c in alone.caches.values()] == [
        c.name for c in regions_of(size)[9].caches.values()
    ]


def test_members_let_the_first_account_in_and_caches_have_their_groups() -> None:
    size = Size(3, 2, 20, Spread.EVEN)
    demo = generate(size)
    hub, *members = size.account_ids
    assert demo.key.account_id == hub
    assert demo.home == HOME == size.region_names[0]
    for member in members:
        [role] = demo.world.account(member).roles.values()
        assert role.trusted == (hub,)
    for region in regions_of(size):
        for cache in region.caches.values():
            assert cache.user_group_id is not None
            group = region.groups.get(cache.user_group_id)
            assert group is not None
            assert group.engine == cache.engine
            assert all(user in region.users for user in group.user_ids)


def test_all_accounts_are_in_an_organization_of_the_first() -> None:
    size = Size(9, 1, 0)
    organization = generate(size).world.organization
    assert organization is not None
    assert set(organization.members) == set(size.account_ids)
    assert organization.management == size.account_ids[0]
    units = organization.units_in(organization.root)
    assert [unit.name for unit in units] == ["production", "development"]
    assert [len(organization.members_in(unit.id)) for unit in units] == [4, 4]


def test_every_account_has_a_name_of_its_own() -> None:
    organization = generate(Size(40, 1, 0)).world.organization
    assert organization is not None
    names = [member.name for member in organization.members.values()]
    assert names[:4] == [
        "platform",
        "orders-production-1",
        "orders-development-1",
        "sessions-production-1",
    ]
    assert len(set(names)) == 40


@pytest.mark.parametrize(
    ("accounts", "regions", "caches"), [(0, 1, 1), (1, 0, 1), (1, 18, 1), (1, 1, -1)]
)
def test_sizes_that_cannot_be(accounts: int, regions: int, caches: int) -> None:
    with pytest.raises(ValueError, match="a world"):
        Size(accounts, regions, caches)


def test_latencies_average_to_what_was_asked_and_home_is_nearest() -> None:
    found = latencies(generate(Size(2, 5, 0)), 0.1)
    assert set(found) == set(REGIONS[:5])
    assert sum(found.values()) / 5 == pytest.approx(0.1)
    assert min(found, key=lambda region: found[region]) == HOME
    assert max(found.values()) == pytest.approx(0.15)
    assert set(latencies(build_demo(), 0).values()) == {0}
    assert latencies(generate(Size(2, 1, 0)), 0.1) == {HOME: 0.1}
