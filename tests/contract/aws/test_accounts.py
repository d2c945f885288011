"""Who the agent is, and which accounts let it in."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta
from pathlib import Path

import pytest

from discovery.aws.cloud import open_cloud
from discovery.aws.errors import AwsCallFailed
from discovery.config.aws import Aws
from discovery.config.secrets import Secret
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Region, Scope, Skipped
from discovery.sandbox.aws.faults import Effect
from matchers.regions import ScopeMembership
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, now, result_of


async def opened(**settings: object) -> None:
    async with open_cloud(Aws.model_validate(settings), resolve=_never, clock=now):
        pass


def _never(reference: str) -> Secret:
    raise AssertionError(reference)


async def test_identity_and_overrides(site: Site) -> None:
    async with site.cloud() as cloud:
        assert cloud.identity.account_id == HUB
        assert cloud.identity.partition == "aws"
        assert cloud.identity.arn == f"arn:aws:iam::{HUB}:user/agent"
        assert set(cloud.endpoints.values()) == {site.url}
        assert cloud.home_region == HOME


async def test_no_accounts_configured_is_the_agents_own(site: Site) -> None:
    site.place().add_cache("mine")
    async with open_cloud(Aws(), resolve=_never, clock=now) as cloud:
        assert list(cloud.accounts.entries) == [HUB]
        assert cloud.accounts.organizations == ()


async def test_no_credentials(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsCallFailed, match="give the agent credentials"):
        await opened(regions=[HOME])
    assert len(site.aws.calls) == 0


async def test_a_profile_that_does_not_exist(site: Site) -> None:
    with pytest.raises(AwsCallFailed, match="could not be found"):
        await opened(profile="nobody", regions=[HOME])


async def test_credentials_that_were_deleted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAGONE")
    with pytest.raises(AwsCallFailed) as raised:
        await opened(regions=[HOME])
    assert raised.value.error.reason is ScopeReason.DENIED


async def test_a_secret_of_another_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(AwsCallFailed, match="secret key does not belong"):
        await opened(regions=[HOME])


@pytest.mark.parametrize("minutes", [-20, 20])
async def test_a_clock_that_is_off(site: Site, minutes: int) -> None:
    site.aws.world.auth_clock.advance(timedelta(minutes=minutes))
    with pytest.raises(AwsCallFailed) as raised:
        await opened(regions=[HOME])
    assert raised.value.error.reason is ScopeReason.CLOCK_SKEW


async def test_no_region_anywhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AwsCallFailed, match="no region is configured"):
        await opened()


@pytest.mark.parametrize(
    ("settings", "home"),
    [
        pytest.param({"regions": ["eu-north-1", "eu-west-2"]}, "eu-north-1", id="a-literal-one"),
        pytest.param({"regions": ["*"]}, "us-east-1", id="the-partitions-first"),
    ],
)
async def test_home_without_a_default_region(
    site: Site, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], home: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    async with site.cloud(**settings) as cloud:
        assert cloud.home_region == home


async def test_the_region_variable_of_the_cli_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    async with open_cloud(Aws(), resolve=_never, clock=now) as cloud:
        assert cloud.home_region == "eu-west-3"
        assert cloud.regions.literals == {"eu-west-3"}


async def test_a_role_with_its_external_id(site: Site) -> None:
    site.member(external_id="open-sesame")
    site.entries[-1]["external_id"] = "env:EID"
    site.environ["EID"] = "open-sesame"
    assert isinstance(result_of(await site.scan(), MEMBER), Complete)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(None, "not set", id="not-readable"),
        pytest.param("shut-sesame", "external id that is configured", id="another-one"),
    ],
)
async def test_a_role_without_its_external_id(site: Site, given: str | None, said: str) -> None:
    site.member(external_id="open-sesame")
    site.entries[-1]["external_id"] = "env:EID"
    if given:
        site.environ["EID"] = given
    result = result_of(await site.scan(), MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.ASSUME_ROLE_DENIED
    assert said in result.message
    assert "sesame" not in result.message
    assert site.asked("DescribeServerlessCaches", account=HUB) == 1


async def test_a_role_that_trusts_nobody(site: Site) -> None:
    role = site.aws.world.account(MEMBER).add_role("cachemuster", trusted=["999999999999"])
    site.entries.append({"id": MEMBER, "role_arn": role.arn})
    found = await site.scan()
    result = result_of(found, MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.ASSUME_ROLE_DENIED
    assert role.arn in result.message
    assert f"arn:aws:iam::{HUB}:user/agent" in result.message
    assert site.asked("AssumeRole") == 1, "a denied call is not tried again"
    literal = found.targets.membership(Scope(AccountId(MEMBER), Region(HOME)))
    assert literal is ScopeMembership.IN_RUN


async def test_another_account_without_a_role(site: Site) -> None:
    site.entries.append({"id": MEMBER})
    result = result_of(await site.scan(), MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.ASSUME_ROLE_DENIED
    assert "has no role_arn" in result.message


async def test_a_role_that_answers_as_another_account(site: Site) -> None:
    site.member()
    site.aws.world.account("333333333333")
    site.fault(Effect.OTHER_ACCOUNT, as_account="333333333333")
    result = result_of(await site.scan(), MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.WRONG_ACCOUNT
    assert site.asked("DescribeServerlessCaches", account="333333333333") == 0


@pytest.mark.parametrize(
    ("effect", "reason"),
    [
        (Effect.THROTTLED, ScopeReason.THROTTLED),
        (Effect.EXPIRED, ScopeReason.EXPIRED),
        (Effect.INTERNAL, ScopeReason.SERVER_ERROR),
        (Effect.RESET, ScopeReason.UNREACHABLE),
        (Effect.CUT_OFF, ScopeReason.TRUNCATED),
    ],
)
async def test_a_role_that_cannot_be_assumed_just_now(
    site: Site, effect: Effect, reason: ScopeReason
) -> None:
    site.member()
    site.fault(effect, service="sts", operation="AssumeRole")
    found = await site.scan()
    result = result_of(found, MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is reason
    assert isinstance(result_of(found), Complete)


async def test_own_account_by_its_role_when_asked_for(site: Site) -> None:
    role = site.hub.add_role("cachemuster", trusted=[HUB])
    site.entries = [{"id": HUB, "role_arn": role.arn}]
    assert isinstance(result_of(await site.scan()), Complete)
    assert site.asked("AssumeRole") == 0
    assert isinstance(result_of(await site.scan(own_account="assume")), Complete)
    assert site.asked("AssumeRole") == 1


async def test_sessions_that_expire_before_their_time(site: Site) -> None:
    """The role is assumed once more; a session that is refused again at once stays refused."""
    site.member()
    async with site.cloud() as cloud:
        account = await cloud.accounts.authenticate(AccountId(MEMBER))
        site.aws.world.expire_sessions()
        await account.session(Region(HOME)).call("elasticache:DescribeUsers")
        assert site.asked("AssumeRole") == 2
        site.aws.world.expire_sessions()
        with pytest.raises(AwsCallFailed) as raised:
            await account.session(Region(HOME)).call("elasticache:DescribeUsers")
    assert raised.value.error.reason is ScopeReason.EXPIRED
    assert site.asked("AssumeRole") == 2


@pytest.mark.parametrize("service", ["elasticache", "ec2"])
async def test_a_session_that_aws_no_longer_knows_is_had_anew(site: Site, service: str) -> None:
    site.member()
    action = {"elasticache": "elasticache:DescribeUsers", "ec2": "ec2:DescribeSubnets"}[service]
    async with site.cloud() as cloud:
        account = await cloud.accounts.authenticate(AccountId(MEMBER))
        gone = await account.credentials.get_frozen_credentials()
        assert gone.access_key is not None
        site.aws.world.keys.revoke(gone.access_key)
        session = account.session(Region(HOME))
        await asyncio.gather(*(session.call(action) for _ in range(20)))
        kept = await account.credentials.get_frozen_credentials()
    assert site.asked("AssumeRole") == 2
    assert kept.access_key != gone.access_key


async def test_a_region_that_does_not_know_the_account_costs_one_more_role(site: Site) -> None:
    site.member()
    off = ["ap-east-1", "af-south-1", "me-south-1"]
    found = await site.scan(regions=[HOME, *off])
    assert isinstance(result_of(found, MEMBER), Complete)
    for region in off:
        result = result_of(found, MEMBER, region)
        assert isinstance(result, Skipped)
        assert result.reason is ScopeReason.REGION_NOT_ENABLED
    assert site.asked("AssumeRole") <= 2


async def test_a_role_under_a_path_with_a_session_name_that_its_trust_demands(site: Site) -> None:
    member = site.aws.world.account(MEMBER)
    site.aws.world.organize(HUB).join(MEMBER)
    member.add_role("security/cachemuster", trusted=[HUB], session_name="audit@prod")
    entry = {"role_name": "security/cachemuster", "role_session_name": "audit@prod"}
    site.entries = [{"organization": entry}]
    assert isinstance(result_of(await site.scan(), MEMBER), Complete)
    site.entries = [{"organization": {**entry, "role_session_name": "other"}}]
    denied = result_of(await site.scan(), MEMBER, None)
    assert isinstance(denied, Failed)
    assert denied.reason is ScopeReason.ASSUME_ROLE_DENIED
    assert "role_session_name" in denied.message


async def test_an_account_of_its_own_has_its_session_name(site: Site) -> None:
    role = site.aws.world.account(MEMBER).add_role(
        "a/b/reader", trusted=[HUB], session_name="audit"
    )
    site.entries = [{"id": MEMBER, "role_arn": role.arn, "role_session_name": "audit"}]
    assert isinstance(result_of(await site.scan(), MEMBER), Complete)


async def test_advice_never_names_a_session(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.by_web_identity(monkeypatch, tmp_path / "token", role="security/hub")
    role = site.aws.world.account(MEMBER).add_role("cachemuster", trusted=["999999999999"])
    site.entries.append({"id": MEMBER, "role_arn": role.arn})
    result = result_of(await site.scan(), MEMBER, None)
    advice = result.message.partition("Its trust policy")[2]
    assert f"let in the role hub of account {HUB}, or its account" in advice
    assert "assumed-role" not in advice


async def test_an_external_id_is_in_no_value_that_prints(site: Site) -> None:
    site.member(external_id="open-sesame")
    site.entries[-1]["external_id"] = "env:EID"
    site.environ["EID"] = "open-sesame"
    async with site.cloud() as cloud:
        account = await cloud.accounts.authenticate(AccountId(MEMBER))
        assert "sesame" not in repr((cloud, account, account.session(Region(HOME))))
    gc.collect()
