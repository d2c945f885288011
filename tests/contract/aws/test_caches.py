"""What is read of the caches of a scope, and when it counts as nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from discovery.aws.errors import AwsCallFailed
from discovery.model.codes import ScopeReason
from discovery.model.values import UNKNOWN, Complete, Endpoint, Failed
from discovery.sandbox.aws.faults import Effect
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, caches_of, result_of

LIST = {"service": "elasticache", "operation": "DescribeServerlessCaches"}


async def test_everything_that_aws_says_of_a_cache(site: Site) -> None:
    created_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    place = site.place()
    place.add_user_group("grp", users=())
    put = place.add_cache(
        "orders", engine="redis", group="grp", tags={"env": "prod"}, created_at=created_at
    )
    cache = caches_of(await site.scan())["orders"]
    assert cache.arn == put.arn
    assert (cache.partition, cache.account_id, cache.region) == ("aws", HUB, HOME)
    assert (cache.status, cache.engine) == ("available", "redis")
    assert (cache.engine_version, cache.major_engine_version) == ("7.1", "7")
    assert cache.endpoint == Endpoint(put.host, 6379)
    assert cache.created_at == created_at
    assert isinstance(cache.created_at, datetime)
    assert cache.created_at.tzinfo is UTC
    assert cache.user_group_id == "grp"
    assert cache.subnet_ids == put.subnet_ids
    assert cache.tags is not UNKNOWN
    assert cache.tags.values == {"env": "prod"}


async def test_members_that_are_left_out_are_unknown_or_aws_own_way_of_saying_none(
    site: Site,
) -> None:
    members = ("Status", "Engine", "MajorEngineVersion", "FullEngineVersion", "Endpoint")
    more = ("ReaderEndpoint", "UserGroupId", "SubnetIds", "SecurityGroupIds", "CreateTime")
    site.place().add_cache("bare", wire=dict.fromkeys(members + more))
    cache = caches_of(await site.scan())["bare"]
    assert (cache.status, cache.engine, cache.engine_version) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert cache.endpoint is UNKNOWN
    assert cache.created_at is UNKNOWN
    assert cache.subnet_ids is UNKNOWN
    assert cache.user_group_id is None


@pytest.mark.parametrize("status", ["creating", "create-failed", "deleting", "repairing"])
async def test_a_cache_that_is_not_available_may_have_no_endpoint(site: Site, status: str) -> None:
    site.place().add_cache("odd", status=status, wire={"Endpoint": None})
    assert caches_of(await site.scan())["odd"].endpoint is None


async def test_a_public_cache_has_no_subnets(site: Site) -> None:
    site.place().add_cache("open", public=True, wire={"SubnetIds": None})
    assert caches_of(await site.scan())["open"].subnet_ids == ()


async def test_a_status_in_capitals_is_lowered_and_an_unknown_one_kept(site: Site) -> None:
    site.place().add_cache("loud", status="MODIFYING")
    site.place().add_cache("odd", status="rebalancing")
    found = caches_of(await site.scan())
    assert (found["loud"].status, found["odd"].status) == ("modifying", "rebalancing")


async def test_an_empty_user_group_is_none(site: Site) -> None:
    site.place().add_cache("open", wire={"UserGroupId": ""})
    assert caches_of(await site.scan())["open"].user_group_id is None


async def test_two_hundred_and_fifty_caches(site: Site) -> None:
    for n in range(250):
        site.place().add_cache(f"cache-{n:03d}", engine="memcached")
    found = caches_of(await site.scan())
    assert sorted(found) == [f"cache-{n:03d}" for n in range(250)]
    asked = [call.members for call in site.aws.calls.of("DescribeServerlessCaches")]
    assert [members.get("MaxResults") for members in asked] == [100, 100, 100]


async def test_no_page_cap(site: Site) -> None:
    for n in range(40):
        site.place().add_cache(f"cache-{n:03d}", engine="memcached")
    site.fault(Effect.SHORT_PAGES, **LIST)
    assert len(caches_of(await site.scan())) == 40


async def test_an_empty_page_with_a_token_is_not_the_end(site: Site) -> None:
    site.place().add_cache("late")
    site.fault(Effect.EMPTY_FIRST_PAGE, **LIST)
    assert set(caches_of(await site.scan())) == {"late"}


async def test_an_empty_answer_without_a_list_is_an_empty_scope(site: Site) -> None:
    site.fault(Effect.NO_EMPTY_LISTS, **LIST)
    assert caches_of(await site.scan()) == {}
    assert len(site.aws.calls) == 2, "identity and list: nothing more where nothing is"


async def test_a_cache_that_is_listed_on_two_pages_counts_once(site: Site) -> None:
    first = site.place().add_cache("first", description="old")
    same = {"ServerlessCacheName": "first", "ARN": first.arn, "CreateTime": first.created_at}
    host = {"Address": first.host, "Port": 6379}
    site.place().add_cache("second", wire={**same, "Endpoint": host})
    site.fault(Effect.SHORT_PAGES, **LIST)
    assert set(caches_of(await site.scan())) == {"first"}


FAILURES = [
    pytest.param(Effect.DENIED, {}, ScopeReason.DENIED, 1, id="denied"),
    pytest.param(Effect.THROTTLED, {}, ScopeReason.THROTTLED, 3, id="throttled"),
    # The role is assumed once more, and the new session is refused too.
    pytest.param(Effect.EXPIRED, {}, ScopeReason.EXPIRED, 2, id="expired"),
    pytest.param(Effect.INTERNAL, {}, ScopeReason.SERVER_ERROR, 3, id="internal"),
    pytest.param(Effect.RESET, {}, ScopeReason.UNREACHABLE, 3, id="reset"),
    pytest.param(Effect.CUT_OFF, {}, ScopeReason.TRUNCATED, 3, id="cut-off"),
    pytest.param(Effect.HTML, {"status": 200}, ScopeReason.MALFORMED, 1, id="a-proxys-page"),
    pytest.param(Effect.EMPTY_BODY, {}, ScopeReason.TRUNCATED, 1, id="empty-body"),
    pytest.param(Effect.REPEATED_TOKEN, {}, ScopeReason.REPEATED_TOKEN, 2, id="repeated-token"),
    pytest.param(Effect.LATER_PAGE_FAILS, {}, ScopeReason.SERVER_ERROR, 4, id="second-page"),
    pytest.param(
        Effect.LATER_PAGE_FAILS,
        {"code": "AccessDenied", "status": 403},
        ScopeReason.DENIED,
        2,
        id="second-page-denied",
    ),
    pytest.param(
        Effect.OTHER_ARNS, {"as_account": "999999999999"}, ScopeReason.WRONG_ACCOUNT, 2, id="arns"
    ),
    pytest.param(
        Effect.ERROR,
        {"code": "SignatureDoesNotMatch", "status": 403, "message": "Signature expired: …"},
        ScopeReason.CLOCK_SKEW,
        1,
        id="clock",
    ),
    pytest.param(
        Effect.ERROR,
        {"code": "InvalidParameterValue", "status": 400},
        ScopeReason.SERVER_ERROR,
        1,
        id="refused",
    ),
]


@pytest.mark.parametrize(("effect", "details", "reason", "calls"), FAILURES)
async def test_a_scope_that_fails_names_its_reason_and_ends_nothing_else(
    site: Site, effect: Effect, details: dict[str, object], reason: ScopeReason, calls: int
) -> None:
    site.member()
    for account_id in (HUB, MEMBER):
        for n in range(150):
            site.place(account_id).add_cache(f"cache-{n}", engine="memcached")
    site.fault(effect, account=MEMBER, **LIST, **details)
    found = await site.scan()
    result = result_of(found, MEMBER)
    assert isinstance(result, Failed), result
    assert result.reason is reason
    assert result.calls == calls
    assert "elasticache:DescribeServerlessCaches" in result.message
    said, _, advice = result.message.partition("Nothing registered there is removed or changed; ")
    assert said
    assert advice, "a message ends with what to do"
    assert isinstance(result_of(found), Complete)


async def test_an_endpoint_that_is_not_there(
    site: Site, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTICACHE", f"http://127.0.0.1:{unused_tcp_port}")
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.UNREACHABLE


async def test_an_endpoint_that_is_no_url(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is asked: the SDK would repeat it, password and all."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTICACHE", "not a url")
    with pytest.raises(AwsCallFailed, match=r"endpoint override for elasticache .* is no URL"):
        await site.scan()


ARN = f"arn:aws:elasticache:{HOME}:{HUB}:serverlesscache:"

MALFORMED = [
    pytest.param({"ARN": None}, ScopeReason.MALFORMED, id="no-arn"),
    pytest.param({"ServerlessCacheName": None}, ScopeReason.MALFORMED, id="no-name"),
    pytest.param({"ARN": "cache"}, ScopeReason.MALFORMED, id="not-an-arn"),
    pytest.param({"ARN": f"{ARN}other"}, ScopeReason.MALFORMED, id="another-name"),
    pytest.param({"ARN": f"{ARN}x/../y"}, ScopeReason.MALFORMED, id="no-cache-name"),
    pytest.param(
        {"ARN": f"arn:aws:elasticache:us-east-1:{HUB}:serverlesscache:one"},
        ScopeReason.WRONG_ACCOUNT,
        id="another-region",
    ),
    pytest.param(
        {"ARN": f"arn:aws-cn:elasticache:{HOME}:{HUB}:serverlesscache:one"},
        ScopeReason.WRONG_ACCOUNT,
        id="another-partition",
    ),
]


@pytest.mark.parametrize(("wire", "reason"), MALFORMED)
async def test_one_malformed_entry_makes_the_list_worthless(
    site: Site, wire: dict[str, object], reason: ScopeReason
) -> None:
    site.place().add_cache("good")
    site.place().add_cache("one", wire=wire)
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is reason
