"""Every request carries the credentials of the account it is about, or does not leave."""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from importlib import metadata

import pytest

from discovery.aws import clients as clients_module
from discovery.aws.clients import Signer, open_clients, signing_as
from discovery.aws.sdk_session import Unsigned, endpoint_overrides, sdk_session
from discovery.aws.tls import SharedTlsSession
from discovery.model.values import AccountId, Complete
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site


@pytest.mark.slow
async def test_two_hundred_scopes_at_once_each_sign_with_their_own_key(site: Site) -> None:
    members = [f"{n:012d}" for n in range(300, 500)]
    for account_id in members:
        site.member(account_id)
        site.place(account_id).add_cache(f"cache-of-{account_id}", tags={"a": account_id})
    found = await site.scan(concurrency=200)
    scanned = {result.scope.account_id: result for result in found.results}
    for account_id in members:
        result = scanned[AccountId(account_id)]
        assert isinstance(result, Complete), result
        assert [cache.name for cache in result.caches] == [f"cache-of-{account_id}"]
    keys_of = defaultdict(set)
    for call in site.aws.calls:
        assert call.error is None, call
        keys_of[call.account_id].add(call.access_key_id)
        if arn := call.members.get("ResourceName"):
            assert f":{call.account_id}:" in arn
    assert len(keys_of) == 201
    assert all(len(keys) == 1 for keys in keys_of.values())


async def test_without_the_variable_no_request_leaves(site: Site) -> None:
    async with open_clients(None, pool=10) as clients:
        client = await clients.get("elasticache", HOME)
        with pytest.raises(Unsigned):
            await client.describe_serverless_caches()
    assert len(site.aws.calls) == 0


async def test_without_the_hook_no_request_leaves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients_module, "_put_credentials", lambda **_: None)
    async with site_clients() as (clients, signer):
        client = await clients.get("elasticache", HOME)
        with signing_as(signer), pytest.raises(Unsigned):
            await client.describe_serverless_caches()
    assert len(site.aws.calls) == 0


async def test_with_both_it_leaves_and_is_counted(site: Site) -> None:
    async with site_clients() as (clients, signer):
        client = await clients.get("elasticache", HOME)
        with signing_as(signer):
            await client.describe_serverless_caches()
    assert signer.requests == len(site.aws.calls) == 1


class site_clients:  # noqa: N801 - reads as the context manager it is
    """Clients, and a signer with the agent's own credentials."""

    def __init__(self) -> None:
        self._clients = open_clients(None, pool=10)

    async def __aenter__(self) -> tuple[clients_module.Clients, Signer]:
        clients = await self._clients.__aenter__()
        ambient = await sdk_session(None).get_credentials()
        return clients, Signer(ambient)

    async def __aexit__(self, *error: object) -> None:
        await self._clients.__aexit__(None, None, None)


async def test_one_client_however_many_ask_for_it_at_once(site: Site) -> None:
    async with open_clients(None, pool=10) as clients:
        made = await asyncio.gather(*(clients.get("ec2", HOME) for _ in range(50)))
        assert len({id(client) for client in made}) == 1
        assert await clients.get("ec2", "eu-central-1") is not made[0]


async def test_one_assumed_role_for_fifty_at_once(site: Site) -> None:
    site.member()
    async with site.cloud() as cloud:
        entered = await asyncio.gather(
            *(cloud.accounts.authenticate(AccountId(MEMBER)) for _ in range(50))
        )
    assert len({id(account.credentials) for account in entered}) == 1
    assert site.asked("AssumeRole") == 1


async def test_requests_name_the_program_and_wait_no_longer_than_said(site: Site) -> None:
    async with open_clients(None, pool=7) as clients:
        config = (await clients.get("sts", HOME)).meta.config
    assert f"cachemuster/{metadata.version('cachemuster')}" in config.user_agent
    assert (config.connect_timeout, config.read_timeout) == (5, 20)
    assert config.max_pool_connections == 7
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


async def test_not_more_requests_at_once_than_scopes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(10):
        site.place().add_cache(f"cache-{n}", tags={"a": "b"})
    real, under_way, seen = SharedTlsSession.send, 0, [0]

    async def counted(self: SharedTlsSession, request: object) -> object:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        try:
            return await real(self, request)
        finally:
            under_way -= 1

    monkeypatch.setattr(SharedTlsSession, "send", counted)
    await site.scan(concurrency=3)
    assert max(seen) == 3


@pytest.mark.parametrize("service", ["sts", "sqs"])
async def test_a_role_is_renewed_and_a_queue_heard_whoever_is_under_way(service: str) -> None:
    async with open_clients(None, pool=1) as clients, clients.slot("elasticache"):
        async with asyncio.timeout(1), clients.slot(service):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), clients.slot("ec2"):
                pass


async def test_nothing_stays_open(site: Site) -> None:
    site.place().add_cache("one")
    await site.scan()
    gc.collect()  # an unclosed connection warns when it is collected
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "cachemuster" in repr(task)]


def test_overrides_are_told_by_service_and_keep_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert endpoint_overrides(None) == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://me:hush@sts.example:8443/x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", "http://tags.example")
    assert endpoint_overrides(None) == {
        "sts": "https://***@sts.example:8443/x",
        "resource-groups-tagging-api": "http://tags.example",
    }
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert endpoint_overrides(None) == {}


async def test_only_the_agents_own_key_assumes_roles(site: Site) -> None:
    site.member()
    await site.scan()
    assert {call.account_id for call in site.aws.calls.of("AssumeRole")} == {HUB}
    assert site.asked("DescribeServerlessCaches", account=HUB) == 1
    assert site.asked("DescribeServerlessCaches", account=MEMBER) == 1
