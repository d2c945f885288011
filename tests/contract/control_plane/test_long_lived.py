"""One object that lives for months, as the service's does, while the cluster comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from discovery.control_plane.base import Unavailable
from discovery.sandbox.teleport.cluster import Cluster, Release
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from tests.support.teleport_site import Site, registration

ROUTES = ["auth", "proxy", "auto"]


def ports(at: Addresses) -> dict[str, Any]:
    return {
        "port": int(at.proxy.rpartition(":")[2]),
        "auth_port": int(at.auth.rpartition(":")[2]),
    }


@asynccontextmanager
async def running(
    teleport: SimulatedTeleport, directory: Path, at: Addresses | None = None
) -> AsyncIterator[Site]:
    """The cluster answers, at the ports that it had before."""
    async with teleport.serve(**(ports(at) if at is not None else {})) as found:
        yield Site(teleport, found, directory, now=teleport.cluster.clock)


@pytest.fixture
def trusted(teleport: SimulatedTeleport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, with the web side of the Proxy trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(teleport.cluster.write_web_ca(tmp_path / "web.pem")))
    return tmp_path


async def sooner_or_later(call: Callable[[], Awaitable[Any]]) -> Any:
    """As every caller of ours does: again, when it is worth it."""
    with contextlib.suppress(Unavailable):
        return await call()
    return await call()


@pytest.mark.parametrize("route", ROUTES)
async def test_a_restart_is_survived(
    teleport: SimulatedTeleport, trusted: Path, route: str
) -> None:
    """The cluster is gone for a while, and comes back with other certificates' serials."""
    async with running(teleport, trusted) as site:
        at, client = site.at, site.client(route)
        await client.create(registration("before"))
    async with client:
        with pytest.raises(Unavailable):
            await client.list_databases()
        with pytest.raises(Unavailable):
            await client.create(registration("between"))
        assert client.last_peer is not None, "who answered last is still known"
        async with running(teleport, trusted, at):
            await client.create(registration("after"))
            names = [each.name for each in await client.list_databases()]
    assert names == ["after", "before"]


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
async def test_goodbye_and_reset_are_survived_over_and_over(site: Site, route: str) -> None:
    async with site.client(route) as client:
        for number in range(6):
            await sooner_or_later(client.ping)
            await client.create(registration(f"cache-{number}"))
            end = site.teleport.send_goaway if number % 2 else site.teleport.disconnect
            end()
            await asyncio.sleep(0)
        assert len(await client.list_databases()) == 6
    assert len(site.teleport.calls.of("CreateDatabase", outcome="OK")) == 6


async def test_goodbye_to_calls_under_way_leaves_them_worth_another_try(site: Site) -> None:
    """An Auth Service that is being stopped gracefully."""
    site.teleport.faults.add(Fault(effect=Effect.SLOW, method="GetDatabase", delay_s=10))
    site.cluster.place(registration())
    async with site.client() as client:
        await client.ping()
        under_way = [asyncio.create_task(client.get(registration().name)) for _ in range(5)]
        await asyncio.sleep(0.1)
        site.teleport.send_goaway()
        ended = await asyncio.gather(*under_way, return_exceptions=True)
        assert all(isinstance(each, Unavailable) for each in ended)
        site.teleport.faults.clear()
        assert await client.get(registration().name) is not None
    assert len({call.connection for call in site.teleport.calls.of("GetDatabase")}) == 2


async def test_a_name_that_does_not_resolve_for_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = site.at.auth.rpartition(":")[2]
    async with site.client(address=f"localhost:{port}") as client:
        await client.create(registration("before"))
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patched:

            async def unknown(*_: Any, **__: Any) -> Any:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

            patched.setattr(loop, "getaddrinfo", unknown)
            site.teleport.disconnect()
            with pytest.raises(Unavailable):
                await client.create(registration("between"))
            with pytest.raises(Unavailable, match="Name or service not known"):
                await client.create(registration("between"))
        await client.create(registration("after"))
    assert sorted(site.cluster.databases) == ["after", "before"]


async def test_many_calls_at_once_after_a_restart_share_one_connection(site: Site) -> None:
    async with site.client() as client:
        await client.ping()
        site.teleport.disconnect()
        await sooner_or_later(client.ping)
        site.teleport.calls.clear()
        await asyncio.gather(*(client.get(registration().name) for _ in range(50)))
        assert len({call.connection for call in site.teleport.calls}) == 1


async def test_an_upgrade_is_seen(trusted: Path) -> None:
    """Before 18.1.7 there is no ListDatabases; after the upgrade lists come by page."""
    teleport = SimulatedTeleport(Cluster(version="18.1.0"))
    async with running(teleport, trusted) as site:
        at, client = site.at, site.client(allow_older=True)
        await client.list_databases()
    teleport.cluster.release = Release.of("18.4.0")
    async with client, running(teleport, trusted, at):
        await sooner_or_later(client.list_databases)
        assert client.last_peer is not None
        assert client.last_peer.version == (await client.ping()).version == "18.4.0"
    assert len(teleport.calls.of("GetDatabases")) == 1
    assert len(teleport.calls.of("ListDatabases", outcome="OK")) == 1


@pytest.mark.slow
async def test_nothing_is_left_of_connections_that_ended(site: Site) -> None:
    before = len(asyncio.all_tasks())
    async with site.client() as client:
        for _ in range(20):
            await sooner_or_later(client.ping)
            site.teleport.disconnect()
        await sooner_or_later(client.ping)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= before
