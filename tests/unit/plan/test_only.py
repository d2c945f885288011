"""What `--only` may name: a target, or where something of ours is registered."""

from __future__ import annotations

import pytest

from discovery.model.values import AccountId, Region, Scope
from discovery.plan.shard import Shard
from discovery.plan.targets import NoSuchScope, ScopeFilter, Targets, check_named_scopes
from matchers.regions import RegionList

ONE, OTHER, STRANGE = (AccountId(digit * 12) for digit in "123")
WEST, NORTH = Region("eu-west-1"), Region("eu-north-1")
LISTED = RegionList(frozenset({WEST, NORTH}), complete=True, excluded=("us-*",))


def check(
    *only: Scope,
    regions: RegionList = LISTED,
    complete: bool = True,
    scanned: frozenset[Scope] = frozenset(),
    registered: frozenset[Scope] = frozenset(),
    shard: Shard | None = None,
) -> None:
    targets = Targets(
        accounts={ONE: regions, OTHER: regions},
        accounts_complete=complete,
        scope_filter=ScopeFilter(only=only, shard=shard),
    )
    check_named_scopes(targets, scanned=scanned, registered=registered)


@pytest.mark.parametrize("scope", [Scope(ONE, None), Scope(ONE, WEST)])
def test_a_target_fits(scope: Scope) -> None:
    check(scope)


@pytest.mark.parametrize("scope", [Scope(STRANGE, None), Scope(STRANGE, WEST)])
def test_an_account_that_nobody_configured_fits_nothing(scope: Scope) -> None:
    with pytest.raises(NoSuchScope) as raised:
        check(scope)
    assert str(raised.value) == (
        f"--only {scope}: no such account is configured or listed, and nothing of ours is "
        f"registered there. Nearest: {OTHER}, {ONE}.\nNothing was written."
    )


def test_a_region_that_is_none_fits_nothing_and_the_nearest_are_named() -> None:
    with pytest.raises(NoSuchScope, match="Nearest: eu-north-1, eu-west-1"):
        check(Scope(ONE, Region("eu-north-2")))


def test_an_excluded_region_says_so() -> None:
    with pytest.raises(NoSuchScope, match=r"aws\.exclude_regions leaves that region out"):
        check(Scope(ONE, Region("us-east-1")))


def test_each_of_several_has_to_fit() -> None:
    strange = Scope(ONE, Region("sa-east-1"))
    with pytest.raises(NoSuchScope) as raised:
        check(Scope(ONE, WEST), Scope(STRANGE, None), strange)
    assert f"--only {STRANGE}:" in str(raised.value)
    assert f"--only {strange}:" in str(raised.value)
    assert f"--only {ONE}/{WEST}:" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 3, "each scope has its line"


@pytest.mark.parametrize("only", [Scope(STRANGE, None), Scope(STRANGE, WEST)])
def test_where_something_of_ours_is_registered_fits(only: Scope) -> None:
    check(only, registered=frozenset({Scope(STRANGE, WEST)}))


def test_what_hangs_on_a_list_that_was_not_read_may_be_there() -> None:
    check(Scope(STRANGE, None), complete=False)
    check(Scope(ONE, Region("sa-east-1")), regions=RegionList(frozenset(), complete=False))


def test_a_region_named_in_full_that_is_not_enabled_has_a_result() -> None:
    off = Scope(ONE, Region("af-south-1"))
    check(off, scanned=frozenset({off}))


def test_another_shards_account_is_a_target_all_the_same() -> None:
    theirs = next(each for each in (Shard(0, 2), Shard(1, 2)) if not each.owns(ONE))
    check(Scope(ONE, WEST), shard=theirs)
