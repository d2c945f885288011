"""Whoever answers for AWS sends no request on to somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from discovery.aws.errors import AwsCallFailed
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId
from tests.contract.aws.conftest import HOME, MEMBER, Site

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handle: Handler) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


class Somebody:
    """Takes what it can get."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.got.append(await request.read())
        return web.Response(text="thanks")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_request_is_sent_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    somebody = Somebody()
    async with served(somebody.handle) as elsewhere:

        async def redirect(_: web.BaseRequest) -> web.Response:
            return web.Response(status=status, headers={"Location": elsewhere})

        async with served(redirect) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            with pytest.raises(AwsCallFailed) as refused:
                async with site.cloud():
                    pass
    assert refused.value.error.reason is not ScopeReason.DENIED
    assert somebody.got == []


async def test_an_external_id_is_not_sent_on(site: Site) -> None:
    """Another account's role is asked for where the answer is a redirect."""
    site.member()
    site.entries[-1]["external_id"] = "env:EID"
    site.environ["EID"] = "sesame-open-up"
    somebody, asked = Somebody(), Somebody()
    async with served(somebody.handle) as elsewhere:

        async def redirect(request: web.BaseRequest) -> web.Response:
            await asked.handle(request)
            return web.Response(status=307, headers={"Location": elsewhere})

        async with served(redirect) as url, site.cloud() as cloud:
            sts = await cloud.accounts.own_session(cloud.home_region).clients.get("sts", HOME)
            sts.meta.events.register_first(
                "before-sign.sts", lambda request, **_: _at(request, url)
            )
            with pytest.raises(AwsCallFailed):
                await cloud.accounts.authenticate(AccountId(MEMBER))
    assert b"sesame-open-up" in asked.got[0]
    assert somebody.got == []


def _at(request: Any, url: str) -> None:
    request.url = url
