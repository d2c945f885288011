"""Whoever answers for AWS takes neither the memory nor the time of this program."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from discovery.aws.accounts import OWN_ACCOUNT, read_identity
from discovery.aws.clients import Signer, open_clients
from discovery.aws.credentials import AmbientCredentials
from discovery.aws.errors import AwsCallFailed
from discovery.aws.session import Session
from discovery.aws.tls import LARGEST_ANSWER_BYTES
from discovery.model.codes import ScopeReason
from discovery.model.values import Region
from tests.contract.aws.conftest import HOME, Site, now
from tests.contract.aws.test_redirects import served

CHUNK = b" " * (1 << 20)


@asynccontextmanager
async def session(call_deadline_s: float) -> AsyncIterator[Session]:
    credentials = await AmbientCredentials.open(None, Region(HOME), now)
    async with open_clients(None, pool=4, call_deadline_s=call_deadline_s) as clients:
        yield Session(
            account_id=OWN_ACCOUNT,
            partition="aws",
            region=Region(HOME),
            clients=clients,
            signer=Signer(credentials),
        )


@pytest.mark.parametrize("sized", [True, False], ids=["with its length", "in chunks"])
async def test_an_answer_that_does_not_stop_is_not_read_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch, sized: bool
) -> None:
    """420 MB of it took 3 GB of memory."""
    offered, sent = 420, 0

    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if sized:
            response.content_length = offered * len(CHUNK)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(offered):
                await response.write(CHUNK)
                sent += 1
        return response

    async with served(flood) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with session(60) as own:
            tracemalloc.start()
            with pytest.raises(AwsCallFailed) as raised:
                await read_identity(own)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert raised.value.error.reason is ScopeReason.MALFORMED
    assert "larger than 32 MiB" in raised.value.error.message
    assert peak < 4 * LARGEST_ANSWER_BYTES
    assert sent < offered


async def test_an_answer_that_dribbles_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then never runs into the time for one read."""

    async def dribble(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)
        return response

    async with served(dribble) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with session(0.5) as own:
            with pytest.raises(AwsCallFailed) as raised:
                async with asyncio.timeout(20):
                    await read_identity(own)
    assert raised.value.error.reason is ScopeReason.TIMEOUT
    assert "sts:GetCallerIdentity in the agent's own account/eu-west-1" in str(raised.value)
    assert "within 0.5 s" in str(raised.value)


async def test_a_long_poll_is_not_cut_short_by_the_deadline_of_a_call(site: Site) -> None:
    async with site.cloud() as cloud:
        clients = cloud.accounts.own_session(cloud.home_region).clients
        assert clients.deadline_s("sqs") - clients.deadline_s("ec2") == 20
