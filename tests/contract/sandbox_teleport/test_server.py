"""Starting, stopping, in a thread, on loopback, many at once."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading

import pytest

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.teleport_client import (
    AUTH_NAME,
    CLUSTER,
    OURS,
    Simulation,
    database,
    served,
    tls,
    until,
)


def drain(secured: ssl.SSLSocket) -> None:
    """Reads to an orderly end, if there is one."""
    while secured.recv(4096):
        pass


def test_in_a_thread_for_code_without_asyncio() -> None:
    teleport = SimulatedTeleport(Cluster(CLUSTER))
    identity = teleport.cluster.issue("bot-x", "editor")
    with teleport.serve_in_thread() as at:
        host, number = at.proxy.split(":")
        with (
            socket.create_connection((host, int(number))) as raw,
            tls(identity).wrap_socket(
                raw, server_hostname=AUTH_NAME, suppress_ragged_eofs=False
            ) as secured,
        ):
            assert secured.selected_alpn_protocol() == "h2"
            assert secured.recv(9)[3] == 4
            teleport.disconnect()
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
                drain(secured)
    assert "simulated-teleport" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("port", ["port", "auth_port"])
def test_a_port_that_is_taken(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with (
            pytest.raises(OSError, match="Address already in use"),
            SimulatedTeleport().serve_in_thread(**{port: number}),
        ):
            pass
    assert "simulated-teleport" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_it_serves_on_loopback_only(host: str) -> None:
    with (
        pytest.raises(ValueError, match=r"loopback|4 octets"),
        SimulatedTeleport().serve_in_thread(host=host),
    ):
        pass


async def test_the_ports_that_were_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    async with SimulatedTeleport().serve(port=number) as at:
        assert at.proxy == f"127.0.0.1:{number}"
        assert at.auth != at.proxy
        assert at.control == f"https://127.0.0.1:{number}/_sandbox/"


async def test_a_call_under_way_does_not_hold_up_the_end() -> None:
    async with served() as simulation:
        simulation.teleport.faults.add(Fault(effect=Effect.SLOW, delay_s=3600))
        caller = simulation.caller()
        call = asyncio.create_task(caller.call("Ping"))
        await until(lambda: len(simulation.teleport.calls) > 0)
    with pytest.raises(Exception, match=r"[Cc]onnection"):
        await call
    assert simulation.teleport.calls.of()[0].outcome == "(cancelled)"


async def test_two_clusters_know_nothing_of_each_other() -> None:
    async with served(Cluster("one.example.com")) as one, served(Cluster(CLUSTER)) as two:
        await two.caller().create("orders")
        assert one.cluster.databases == {}
        assert list(two.cluster.databases) == ["orders"]


@pytest.mark.slow
async def test_many_at_once(simulation: Simulation) -> None:
    callers = [simulation.caller() for _ in range(8)]
    await asyncio.gather(*(callers[number % 8].create(f"db-{number:03}") for number in range(200)))
    assert len(await callers[0].names()) == 200
    assert len({call.connection for call in simulation.teleport.calls}) == 8


@pytest.mark.slow
async def test_a_large_cluster_is_listed_whole(simulation: Simulation) -> None:
    for number in range(5000):
        simulation.cluster.place({"metadata": {"name": f"db-{number:04}", "labels": OURS}})
    assert len(await simulation.caller().names()) == 5000
    assert len((await simulation.caller().call("GetDatabases")).every(1)) == 5000


async def test_nothing_is_left_and_nothing_is_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    before = asyncio.all_tasks()
    async with served() as simulation:
        await simulation.caller().call("CreateDatabase", database("orders"))
        host, number = simulation.at.proxy.split(":")
        _, writer = await asyncio.open_connection(host, int(number))  # never says hello
    writer.close()
    assert asyncio.all_tasks() == before
    assert caplog.records == []
