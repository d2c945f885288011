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
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from discovery.sandbox.teleport.versions import Release
from tests.contract.control_plane.ground import Ground, registration

ROUTES = ["auth", "proxy", "auto"]


def ports(at: Addresses) -> dict[str, int]:
    return {
        "port": int(at.proxy.rpartition(":")[2]),
        "auth_port": int(at.auth.rpartition(":")[2]),
    }


@asynccontextmanager
async def running(
    teleport: SimulatedTeleport, directory: Path, at: Addresses | None = None
) -> AsyncIterator[Ground]:
    """The cluster answers, at the ports that it had before."""
    async with teleport.serve(**(ports(at) if at is not None else {})) as found:
        yield Ground(teleport, found, directory, now=teleport.cluster.clock)


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
    async with running(teleport, trusted) as ground:
        at, client = ground.at, ground.client(route)
        await client.create(registration("before"))
    async with client:
        with pytest.raises(Unavailable):
            await client.list_databases()
        with pytest.raises(Unavailable):
            await client.create(registration("between"))
        assert client.met is not None, "who answered last is still known"
        async with running(teleport, trusted, at):
            await client.create(registration("after"))
            names = [each.name for each in await client.list_databases()]
    assert names == ["after", "before"]


@pytest.mark.parametrize("route", ROUTES)
async def test_goodbye_and_reset_are_survived_over_and_over(ground: Ground, route: str) -> None:
    async with ground.client(route) as client:
        for number in range(6):
            await sooner_or_later(client.ping)
            await client.create(registration(f"cache-{number}"))
            end = ground.teleport.say_goodbye if number % 2 else ground.teleport.disconnect
            end()
            await asyncio.sleep(0)
        assert len(await client.list_databases()) == 6
    assert len(ground.teleport.calls.of("CreateDatabase", outcome="OK")) == 6


async def test_goodbye_to_calls_under_way_leaves_them_worth_another_try(ground: Ground) -> None:
    """An Auth Service that is being stopped gracefully."""
    ground.teleport.faults.add(Fault(effect=Effect.SLOW, method="GetDatabase", delay_s=10))
    ground.cluster.place(registration())
    async with ground.client() as client:
        await client.ping()
        under_way = [asyncio.create_task(client.get(registration().name)) for _ in range(5)]
        await asyncio.sleep(0.1)
        ground.teleport.say_goodbye()
        ended = await asyncio.gather(*under_way, return_exceptions=True)
        assert all(isinstance(each, Unavailable) for each in ended)
        ground.teleport.faults.clear()
        assert await client.get(registration().name) is not None
    assert len({call.connection for call in ground.teleport.calls.of("GetDatabase")}) == 2


async def test_a_name_that_does_not_resolve_for_a_while(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = ground.at.auth.rpartition(":")[2]
    async with ground.client(address=f"localhost:{port}") as client:
        await client.create(registration("before"))
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patched:

            async def unknown(*_: Any, **__: Any) -> Any:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

            patched.setattr(loop, "getaddrinfo", unknown)
            ground.teleport.disconnect()
            with pytest.raises(Unavailable):
                await client.create(registration("between"))
            with pytest.raises(Unavailable, match="Name or service not known"):
                await client.create(registration("between"))
        await client.create(registration("after"))
    assert sorted(ground.cluster.databases) == ["after", "before"]


async def test_many_calls_at_once_after_a_restart_share_one_connection(ground: Ground) -> None:
    async with ground.client() as client:
        await client.ping()
        ground.teleport.disconnect()
        await sooner_or_later(client.ping)
        ground.teleport.calls.clear()
        await asyncio.gather(*(client.get(registration().name) for _ in range(50)))
        assert len({call.connection for call in ground.teleport.calls}) == 1


async def test_an_upgrade_is_seen(trusted: Path) -> None:
    """Before 18.1.7 there is no ListDatabases; after the upgrade lists come by page."""
    teleport = SimulatedTeleport(Cluster(version="18.1.0"))
    async with running(teleport, trusted) as ground:
        at, client = ground.at, ground.client(allow_older=True)
        await client.list_databases()
    teleport.cluster.release = Release.of("18.4.0")
    async with client, running(teleport, trusted, at):
        await sooner_or_later(client.list_databases)
        assert client.met is not None
        assert client.met.version == (await client.ping()).version == "18.4.0"
    assert len(teleport.calls.of("GetDatabases")) == 1
    assert len(teleport.calls.of("ListDatabases", outcome="OK")) == 1


@pytest.mark.slow
async def test_nothing_is_left_of_connections_that_ended(ground: Ground) -> None:
    before = len(asyncio.all_tasks())
    async with ground.client() as client:
        for _ in range(20):
            await sooner_or_later(client.ping)
            ground.teleport.disconnect()
        await sooner_or_later(client.ping)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= before
