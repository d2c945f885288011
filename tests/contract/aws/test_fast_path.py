"""A call that was made before takes the fast path, and nobody can tell by what comes of it."""

from __future__ import annotations

import pytest
from aiobotocore.client import AioBaseClient
from botocore.retries.quota import RetryQuota

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Scope
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from tests.contract.aws.conftest import HUB, MEMBER, Site, caches_of, result_of
from tests.contract.aws.test_caches import FAILURES, LIST, MALFORMED

OWN = Scope(AccountId(HUB), None)


@pytest.fixture
def by_sdk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that the SDK made in its own way."""
    calls: list[str] = []
    real = AioBaseClient._make_api_call

    async def noted(self: object, name: str, parameters: object) -> object:
        calls.append(name)
        return await real(self, name, parameters)

    monkeypatch.setattr(AioBaseClient, "_make_api_call", noted)
    return calls


async def test_a_second_scan_reads_the_same_without_the_sdks_way(
    site: Site, by_sdk: list[str]
) -> None:
    place = site.place()
    place.add_user_group("grp", users=())
    for n in range(3):
        place.add_cache(f"cache-{n}", group="grp", tags={"env": "a b&c=ü"})
    async with site.cloud(iam_refresh="0s") as cloud:
        first = await site.scan_with(cloud)
        del by_sdk[:]
        sent = len(site.aws.calls)
        second = await site.scan_with(cloud)
    assert by_sdk == []
    for operation in ("DescribeServerlessCaches", "DescribeUsers", "ListTagsForResource"):
        assert site.asked(operation) >= 2, operation
    assert result_of(second).calls == len(site.aws.calls) - sent
    assert [_without_times(cache) for cache in caches_of(second).values()] == [
        _without_times(cache) for cache in caches_of(first).values()
    ]


def _without_times(cache: object) -> object:
    tags = cache.tags  # type: ignore[attr-defined]
    return (tags.values, *(getattr(cache, name) for name in cache.__slots__ if name != "tags"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("effect", "details", "reason", "calls"), FAILURES)
async def test_a_failure_of_a_later_scan_costs_and_says_the_same(
    site: Site, effect: Effect, details: dict[str, object], reason: ScopeReason, calls: int
) -> None:
    site.member()
    for n in range(150):
        site.place(MEMBER).add_cache(f"cache-{n}", engine="memcached")
    async with site.cloud() as cloud:
        assert isinstance(result_of(await site.scan_with(cloud), MEMBER), Complete)
        site.fault(effect, account=MEMBER, **LIST, **details)
        sent = site.asked("DescribeServerlessCaches", account=MEMBER)
        result = result_of(await site.scan_with(cloud), MEMBER)
        assert isinstance(result, Failed)
        assert (result.reason, result.calls) == (reason, calls)
        # What was reset or cut off has no record of its own in the simulation.
        assert site.asked("DescribeServerlessCaches", account=MEMBER) - sent <= calls
    [cold] = [each for each in (await site.scan()).results if each.scope == result.scope]
    assert isinstance(cold, Failed)
    assert cold.message == result.message


@pytest.mark.parametrize(("wire", "reason"), MALFORMED)
async def test_a_malformed_entry_of_a_later_scan(
    site: Site, wire: dict[str, object], reason: ScopeReason
) -> None:
    site.place().add_cache("good")
    async with site.cloud() as cloud:
        await site.scan_with(cloud)
        site.place().add_cache("one", wire=wire)
        result = result_of(await site.scan_with(cloud))
    assert isinstance(result, Failed)
    assert result.reason is reason


@pytest.mark.slow
async def test_failures_that_go_on_do_not_use_up_the_retries_of_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK gives back quota for retries by the successes that it sees itself."""
    monkeypatch.setattr(RetryQuota.__init__, "__defaults__", (30, None))
    site.member()
    async with site.cloud() as cloud:
        await site.scan_with(cloud)
        site.fault(Effect.THROTTLED, account=MEMBER, **LIST)
        for _ in range(4):  # a failed call takes 10
            result = result_of(await site.scan_with(cloud), MEMBER)
            assert result.calls == 3
            for _ in range(10):
                await site.scan_with(cloud, scope_filter=ScopeFilter(only=(OWN,)))


async def test_a_call_after_a_failure_without_a_retry_takes_the_fast_path_again(
    site: Site, by_sdk: list[str]
) -> None:
    site.member()
    async with site.cloud() as cloud:
        await site.scan_with(cloud)
        site.fault(Effect.DENIED, account=MEMBER, **LIST)
        await site.scan_with(cloud)
        del by_sdk[:]
        await site.scan_with(cloud)
    assert by_sdk == ["DescribeServerlessCaches"], "the denied one, whose answer the SDK reads"
