"""The agent's own credentials: where they come from, how they are renewed and how they are lost."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.errors import AwsCallFailed
from discovery.aws.sdk_session import sdk_session
from discovery.config.aws import Aws
from discovery.config.secrets import Secret
from discovery.model.codes import ScopeReason
from discovery.model.values import Complete, Failed, Region
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.keys import Key
from discovery.sweep.scan import scan
from state.records import RememberedState
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, now, result_of
from tests.contract.aws.test_backing_off import failing
from tests.contract.aws.test_redirects import Somebody, served


class Clock:
    """This machine's time, with a lead."""

    def __init__(self) -> None:
        self.lead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.lead


def pass_time(cloud: Cloud, clock: Clock, span: timedelta) -> None:
    """The SDK too sees so much later a time, and has to renew what it has."""
    clock.lead = span
    cloud.credentials._found.credentials._time_fetcher = clock  # type: ignore[union-attr]


def in_file(monkeypatch: pytest.MonkeyPatch, file: Path, key: Key) -> None:
    """Static keys of the shared credentials file, which something renews."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    token = f"aws_session_token = {key.token}\n" if key.token else ""
    file.write_text(
        f"[default]\naws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret}\n{token}",
        "utf-8",
    )


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


async def test_a_token_file_makes_the_agent_the_role_of_its_pod(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.by_web_identity(monkeypatch, tmp_path / "token", role="security/pod")
    async with site.cloud() as cloud:
        assert cloud.identity.arn.startswith(f"arn:aws:sts::{HUB}:assumed-role/pod/")
        assert f"web identity token file {tmp_path / 'token'}" in cloud.credentials.origin
        assert f"arn:aws:iam::{HUB}:role/security/pod" in cloud.credentials.origin
        assert cloud.credentials.expires_at is not None
        assert timedelta(minutes=59) < cloud.credentials.expires_at - now() <= timedelta(hours=1)
    assert site.asked("AssumeRoleWithWebIdentity") == 1


async def test_a_token_that_is_lost_during_a_run_fails_the_scopes_and_nothing_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token, clock = tmp_path / "token", Clock()
    site.by_web_identity(monkeypatch, token)
    text = token.read_text("utf-8")
    monkeypatch.setattr("botocore.credentials._local_now", clock)  # when its cache is old
    async with open_cloud(site.settings(), resolve=Secret, clock=clock) as cloud:
        pass_time(cloud, clock, timedelta(minutes=55))
        token.unlink()
        asked = len(site.aws.calls)
        found = await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
        lost = result_of(found)
        assert isinstance(lost, Failed)
        assert lost.reason is ScopeReason.CREDENTIALS
        assert "the agent's credentials could not be got: web identity token file" in lost.message
        assert f"{token} of AWS_WEB_IDENTITY_TOKEN_FILE" in lost.message
        assert "No such file or directory" in lost.message
        assert "Nothing registered there is removed or changed" in lost.message
        assert len(site.aws.calls) == asked
        token.write_text(text, "utf-8")
        clock.lead += timedelta(seconds=3)
        assert isinstance(
            result_of(await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())),
            Complete,
        )


async def test_keys_that_were_renewed_in_the_file_are_seen_without_a_restart(
    site: Site, monkeypatch: pytest.MonkeyPatch, credentials: Path
) -> None:
    site.hub.add_role("pod", trusted=[HUB])
    first, second = site.hub.add_key(), site.hub.add_key()
    in_file(monkeypatch, credentials, first)
    site.member()
    async with site.cloud() as cloud:
        assert cloud.credentials.origin == f"profile default of {credentials}"
        assert cloud.credentials.expires_at is None
        in_file(monkeypatch, credentials, second)
        site.aws.world.keys.revoke(first.access_key_id)
        found = await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
        assert isinstance(result_of(found), Complete)
        assert isinstance(result_of(found, MEMBER), Complete)


async def test_keys_that_expired_and_were_not_renewed_are_read_anew_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, credentials: Path
) -> None:
    in_file(monkeypatch, credentials, site.hub.add_key())
    async with site.cloud() as cloud:
        held = await cloud.credentials.get_frozen_credentials()
        assert held.access_key is not None
        site.aws.world.keys.revoke(held.access_key)
        session = cloud.accounts.own_session(Region(HOME))
        calls = (session.call("elasticache:DescribeUsers") for _ in range(10))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in outcomes} == {AwsCallFailed}
    assert site.asked("DescribeUsers") + site.asked("?") >= 10


async def test_deleted_keys_of_the_agent_are_no_fault_of_a_members_role(
    site: Site, monkeypatch: pytest.MonkeyPatch, credentials: Path
) -> None:
    in_file(monkeypatch, credentials, site.hub.add_key())
    site.member()
    async with site.cloud() as cloud:
        held = await cloud.credentials.get_frozen_credentials()
        assert held.access_key is not None
        site.aws.world.keys.revoke(held.access_key)
        lost = result_of(
            await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState()), MEMBER, None
        )
    assert isinstance(lost, Failed)
    assert lost.reason is ScopeReason.CREDENTIALS
    assert "the agent's own credentials are not known to AWS" in lost.message
    assert "trust policy" not in lost.message


@pytest.mark.parametrize("reason", [ScopeReason.CREDENTIALS, ScopeReason.EXPIRED])
async def test_scopes_are_not_left_alone_for_trouble_of_the_agents_own(
    site: Site, reason: ScopeReason
) -> None:
    found = await site.scan(state=failing((HUB, HOME), reason=reason), use_backoff=True)
    assert isinstance(result_of(found), Complete)


async def test_new_keys_of_another_account_are_not_signed_with(
    site: Site, monkeypatch: pytest.MonkeyPatch, credentials: Path
) -> None:
    """R11: the agent's account was proven at the start, and these would pass for it."""
    first = site.hub.add_key()
    in_file(monkeypatch, credentials, first)
    async with site.cloud() as cloud:
        in_file(monkeypatch, credentials, site.aws.world.account(MEMBER).add_key())
        site.aws.world.keys.revoke(first.access_key_id)
        lost = result_of(await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState()))
    assert isinstance(lost, Failed)
    assert lost.reason is ScopeReason.WRONG_ACCOUNT
    assert f"now of account {MEMBER}" in lost.message
    assert site.asked("DescribeServerlessCaches", account=MEMBER) == 0


async def test_a_process_that_hands_out_another_account_is_not_signed_with(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, output = Clock(), tmp_path / "output"
    keys = [site.hub.add_key(), site.aws.world.account(MEMBER).add_key()]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {output}\n", "utf-8")

    def hand_out(key: Key, until: datetime) -> None:
        output.write_text(
            f'{{"Version": 1, "AccessKeyId": "{key.access_key_id}", '
            f'"SecretAccessKey": "{key.secret}", "Expiration": "{until.isoformat()}"}}',
            "utf-8",
        )

    hand_out(keys[0], now() + timedelta(hours=1))
    async with open_cloud(site.settings(), resolve=Secret, clock=clock) as cloud:
        pass_time(cloud, clock, timedelta(minutes=55))
        hand_out(keys[1], now() + timedelta(hours=2))
        lost = result_of(await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState()))
    assert isinstance(lost, Failed)
    assert lost.reason is ScopeReason.WRONG_ACCOUNT
    assert site.asked("DescribeServerlessCaches", account=MEMBER) == 0


@pytest.mark.parametrize(
    ("settings", "region", "endpoint"),
    [
        pytest.param({}, "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com", id="govcloud"),
        pytest.param({}, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn", id="china"),
        pytest.param({}, "me-south-1", "https://sts.me-south-1.amazonaws.com", id="opt-in"),
    ],
)
async def test_the_sdk_asks_sts_for_credentials_where_aws_region_says(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], region: str, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    async with sdk_session(None).create_client("sts") as client:
        assert client.meta.endpoint_url == endpoint


async def test_without_a_region_of_the_sdk_it_asks_where_the_agent_asks_first(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    site.by_web_identity(monkeypatch, tmp_path / "token")
    asked: list[str | None] = []
    of = sdk_session

    def noted(profile: str | None, region: str | None = None) -> object:
        asked.append(region)
        return of(profile, region)

    monkeypatch.setattr("discovery.aws.credentials.sdk_session", noted)
    async with site.cloud(regions=["eu-north-1", "eu-west-2"]):
        assert asked == ["eu-north-1"]
    async with sdk_session(None, "eu-north-1").create_client("sts") as client:
        assert client.meta.region_name == "eu-north-1"


async def test_a_token_is_not_sent_on_to_whom_a_redirect_names(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.by_web_identity(monkeypatch, tmp_path / "token")
    somebody = Somebody()
    async with served(somebody.handle) as elsewhere:

        async def turn_away(_: web.BaseRequest) -> web.Response:
            return web.Response(status=307, headers={"Location": elsewhere})

        async with served(turn_away) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            with pytest.raises(AwsCallFailed) as raised:
                async with open_cloud(Aws(), resolve=Secret, clock=now):
                    pass
    assert raised.value.error.reason is ScopeReason.CREDENTIALS
    assert somebody.got == []


class Metadata:
    """The metadata service of an instance that has a role."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.method == "PUT":
            return web.Response(text="token")
        if request.path.endswith("/security-credentials/"):
            return web.Response(text="instance-role")
        given = {
            "Code": "Success",
            "AccessKeyId": self._key.access_key_id,
            "SecretAccessKey": self._key.secret,
            "Token": None,
            "Expiration": (now() + timedelta(hours=6)).isoformat(),
        }
        return web.json_response(given)


async def test_the_instances_metadata_is_never_asked_through_a_proxy(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, somebody = site.hub.add_key(), Somebody()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    async with served(Metadata(key).handle) as url, served(somebody.handle) as proxy:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", site.url.removeprefix("http://"))
        async with site.cloud() as cloud:
            assert cloud.credentials.origin == "the instance's metadata service"
            assert cloud.credentials.expires_at is not None
    assert somebody.got == []


@pytest.mark.parametrize(
    ("exempt", "asked"),
    [
        pytest.param("127.0.0.0/8", False, id="a-range"),
        pytest.param("*", False, id="everybody"),
        pytest.param("10.0.0.0/8,127.0.0.1:1", True, id="somebody-else"),
    ],
)
async def test_no_proxy_is_read_for_aws_as_for_teleport(
    site: Site, monkeypatch: pytest.MonkeyPatch, exempt: str, *, asked: bool
) -> None:
    somebody = Somebody()
    async with served(somebody.handle) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", exempt)
        if asked:
            with pytest.raises(AwsCallFailed):
                async with site.cloud():
                    pass
        else:
            async with site.cloud() as cloud:
                assert cloud.identity.account_id == HUB
    assert bool(somebody.got) is asked


async def test_a_command_is_not_started_once_for_every_scope(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, started = Clock(), tmp_path / "started"
    key = site.hub.add_key()
    expiry = (now() + timedelta(hours=1)).isoformat()
    command = script(
        tmp_path,
        f"echo x >> {started}\ntest -e {tmp_path}/broken && exit 7\n"
        f'echo \'{{"Version": 1, "AccessKeyId": "{key.access_key_id}", '
        f'"SecretAccessKey": "{key.secret}", "Expiration": "{expiry}"}}\'',
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {command}\n", "utf-8")
    async with open_cloud(
        site.settings(regions=[HOME, "eu-west-2", "eu-west-3", "eu-north-1"]),
        resolve=Secret,
        clock=clock,
    ) as cloud:
        pass_time(cloud, clock, timedelta(minutes=55))
        (tmp_path / "broken").touch()
        found = await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
    reasons = {each.reason for each in found.results if isinstance(each, Failed)}
    assert reasons == {ScopeReason.CREDENTIALS}
    assert started.read_text().count("x") == 2


async def test_a_command_that_never_answers_is_ended_and_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("discovery.aws.credentials.DEADLINE", timedelta(seconds=1))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    pid = tmp_path / "pid"
    command = script(tmp_path, f"echo $$ > {pid}\nexec sleep 600")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {command}\n", "utf-8")
    with pytest.raises(AwsCallFailed, match="it gave none in time; run the command manually"):
        async with site.cloud():
            pass
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def script(directory: Path, text: str) -> Path:
    file = directory / "command"
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return file
