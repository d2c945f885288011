"""What goes wrong on demand, before the server acts and after."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeVar

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, RemoteSettingsChanged

from discovery.sandbox.teleport import changes
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import CONNECT, Effect, Fault
from discovery.sandbox.teleport.roles import Role
from tests.support.protobuf_messages import message
from tests.support.teleport_client import (
    AUTH_NAME,
    OURS,
    Simulation,
    database,
    tls,
    until,
)

Received = TypeVar("Received", bound=Event)
BROKEN = (StreamTerminatedError, ConnectionError, OSError)


def add(simulation: Simulation, effect: Effect, **fields: Any) -> int:
    return simulation.teleport.faults.add(Fault(effect=effect, **fields))


def orders(simulation: Simulation) -> dict[str, Any]:
    return simulation.cluster.databases["orders"]


@pytest.mark.parametrize(
    ("effect", "status"),
    [
        (Effect.UNAVAILABLE, Status.UNAVAILABLE),
        (Effect.EXHAUSTED, Status.RESOURCE_EXHAUSTED),
        (Effect.ERROR, Status.FAILED_PRECONDITION),
    ],
)
@pytest.mark.parametrize("after", [False, True])
async def test_a_status_before_or_after_the_server_acted(
    simulation: Simulation, effect: Effect, status: Status, after: bool
) -> None:
    add(
        simulation,
        effect,
        method="CreateDatabase",
        after=after,
        times=1,
        status="FAILED_PRECONDITION",
    )
    caller = simulation.caller()
    assert await caller.refused("CreateDatabase", database("orders")) == (
        status,
        "injected by a test",
    )
    assert ("orders" in simulation.cluster.databases) is after
    assert [call.outcome for call in simulation.teleport.calls] == [status.name]
    await caller.create("other")


@pytest.mark.parametrize("effect", [Effect.DROP, Effect.GOAWAY])
@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_that_ends_before_or_after_the_server_acted(
    simulation: Simulation, effect: Effect, after: bool
) -> None:
    add(simulation, effect, method="CreateDatabase", after=after, times=1)
    caller = simulation.caller()
    with pytest.raises(BROKEN):
        await caller.create("orders")
    assert ("orders" in simulation.cluster.databases) is after
    await caller.create("other")  # over a new connection
    assert [call.connection for call in simulation.teleport.calls] == [1, 2]


async def test_a_dropped_connection_takes_every_call_on_it_along(simulation: Simulation) -> None:
    add(simulation, Effect.SLOW, method="GetDatabase", delay_s=60)
    add(simulation, Effect.DROP, method="DeleteDatabase", times=1)
    simulation.cluster.place({"metadata": {"name": "orders", "labels": OURS}})
    caller = simulation.caller()
    waiting = asyncio.create_task(caller.get("orders"))
    await until(lambda: bool(simulation.teleport.calls.of("GetDatabase")))
    with pytest.raises(BROKEN):
        await caller.call("DeleteDatabase", message((1, "orders")))
    with pytest.raises(BROKEN):
        await waiting
    await until(lambda: simulation.teleport.calls.of("GetDatabase")[0].outcome == "(cancelled)")


@pytest.mark.parametrize("after", [False, True])
async def test_slow_before_or_after_the_server_acted(simulation: Simulation, after: bool) -> None:
    add(simulation, Effect.SLOW, method="CreateDatabase", delay_s=60, after=after)
    with pytest.raises(asyncio.TimeoutError):
        await simulation.caller().call("CreateDatabase", database("orders"), timeout=0.3)
    await until(lambda: simulation.teleport.calls.of()[0].outcome == "(cancelled)")
    assert ("orders" in simulation.cluster.databases) is after


async def test_a_refusal_can_be_lost_too(simulation: Simulation) -> None:
    simulation.cluster.place({"metadata": {"name": "orders"}})
    add(simulation, Effect.DROP, method="CreateDatabase", after=True, times=1)
    with pytest.raises(BROKEN):
        await simulation.caller().create("orders")


async def test_half_an_answer(simulation: Simulation) -> None:
    add(simulation, Effect.CUT_OFF, method="ListDatabases", times=1)
    simulation.cluster.place({"metadata": {"name": "orders", "labels": OURS}})
    with pytest.raises((*BROKEN, GRPCError, AssertionError)):
        await simulation.caller().names()
    assert await simulation.caller().names() == ["orders"]


async def test_an_answer_that_is_no_message(simulation: Simulation) -> None:
    add(simulation, Effect.GARBAGE, method="Ping", times=1)
    with pytest.raises(AssertionError, match="wire type"):
        await simulation.caller().call("Ping")


async def test_an_empty_answer(simulation: Simulation) -> None:
    add(simulation, Effect.EMPTY, method="Ping", times=1)
    assert (await simulation.caller().call("Ping")).numbers() == []
    assert (await simulation.caller().call("Ping")).numbers() != []


async def test_short_pages_and_a_token_that_repeats(simulation: Simulation) -> None:
    for name in ("a", "b", "c"):
        simulation.cluster.place({"metadata": {"name": name, "labels": OURS}})
    add(simulation, Effect.SHORT_PAGES, page_size=1)
    caller = simulation.caller()
    assert await caller.names() == ["a", "b", "c"]
    assert len(simulation.teleport.calls.of("ListDatabases")) == 3
    add(simulation, Effect.REPEATED_TOKEN)
    page = await caller.call("ListDatabases")
    again = await caller.call("ListDatabases", message((2, page.text(2))))
    assert again.text(2) == page.text(2) != ""


async def test_a_later_page_fails(simulation: Simulation) -> None:
    simulation.cluster.behaviour.page_size = 1
    for name in ("a", "b"):
        simulation.cluster.place({"metadata": {"name": name, "labels": OURS}})
    add(simulation, Effect.UNAVAILABLE, method="ListDatabases", skip=1, times=1)
    caller = simulation.caller()
    page = await caller.call("ListDatabases")
    request = message((2, page.text(2)))
    assert (await caller.refused("ListDatabases", request))[0] is Status.UNAVAILABLE
    await caller.call("ListDatabases", request)


DEEDS: dict[str, changes.ClusterChange] = {
    "edited": changes.Edit(labels={"env": "dev", "team": None}, spec={"uri": "other:1"}),
    "taken over": changes.TakeOver(by="terraform"),
    "copied": changes.Copy(to="orders-copy"),
    "removed": changes.Remove(),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_somebody_acts_between_the_list_and_the_write(
    simulation: Simulation, deed: changes.ClusterChange
) -> None:
    simulation.cluster.place({"metadata": {"name": "orders", "labels": {**OURS, "team": "x"}}})
    add(
        simulation,
        Effect.CONCURRENT_CHANGE,
        method="GetDatabase",
        name="orders",
        deed=deed,
        after=True,
        times=1,
    )
    caller = simulation.caller()
    assert await caller.names() == ["orders"]
    assert (await caller.get("orders")).part(4).map(5).items() >= OURS.items()
    now = simulation.cluster.databases
    match deed:
        case changes.Edit():
            assert now["orders"]["metadata"]["labels"]["env"] == "dev"
            assert "team" not in now["orders"]["metadata"]["labels"]
            assert now["orders"]["spec"]["uri"] == "other:1"
        case changes.TakeOver():
            assert now["orders"]["metadata"]["labels"]["managed-by"] == "terraform"
            status, _ = await caller.refused("DeleteDatabase", message((1, "orders")))
            assert status is Status.PERMISSION_DENIED
        case changes.Copy():
            copy = now["orders-copy"]["metadata"]
            assert copy["labels"] == now["orders"]["metadata"]["labels"]
        case _:
            status, _ = await caller.refused("UpdateDatabase", database("orders"))
            assert status is Status.NOT_FOUND


async def test_a_list_that_shrinks_between_its_pages(simulation: Simulation) -> None:
    simulation.cluster.behaviour.page_size = 2
    for number in range(6):
        env = "dev" if number > 1 else "prod"
        simulation.cluster.place(
            {"metadata": {"name": f"db-{number}", "labels": {**OURS, "env": env}}}
        )
    narrower = Role.of("cachemuster", db_labels={"env": "prod"}, rules={"db": ["list", "read"]})
    add(
        simulation,
        Effect.CONCURRENT_CHANGE,
        method="ListDatabases",
        after=True,
        times=1,
        deed=changes.ChangeRole(role=narrower),
    )
    assert await simulation.caller().names() == ["db-0", "db-1"]
    assert len(simulation.cluster.databases) == 6


async def test_somebody_takes_the_name_first(simulation: Simulation) -> None:
    deed = changes.Place(document={"metadata": {"name": "orders", "labels": {"by": "hand"}}})
    add(simulation, Effect.CONCURRENT_CHANGE, method="CreateDatabase", deed=deed, times=1)
    status, _ = await simulation.caller().refused("CreateDatabase", database("orders"))
    assert status is Status.ALREADY_EXISTS
    assert orders(simulation)["metadata"]["labels"]["by"] == "hand"


def test_a_change_of_what_does_not_exist_does_nothing() -> None:
    cluster = Cluster()
    for deed in DEEDS.values():
        deed.do(cluster, "orders")
    assert cluster.databases == {}


@pytest.mark.parametrize("port", ["proxy", "auth"])
async def test_a_port_that_resets_connections(simulation: Simulation, port: str) -> None:
    add(simulation, Effect.DROP, method=CONNECT, name=port, times=1)
    with pytest.raises(BROKEN):
        await simulation.caller(port=port).call("Ping")
    await simulation.caller(port=port).call("Ping")
    assert simulation.teleport.calls.handshakes[0].refusal == "dropped by a test"


async def test_a_port_that_does_not_answer(simulation: Simulation) -> None:
    add(simulation, Effect.SLOW, method=CONNECT, delay_s=60)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(simulation.caller().call("Ping"), 0.2)


async def test_faults_for_one_name_and_some_times(simulation: Simulation) -> None:
    number = add(
        simulation, Effect.UNAVAILABLE, method="CreateDatabase", name="orders", skip=1, times=2
    )
    caller = simulation.caller()
    await caller.create("other")
    await caller.create("orders")
    for _ in range(2):
        status, _ = await caller.refused("CreateDatabase", database("orders"))
        assert status is Status.UNAVAILABLE
    status, _ = await caller.refused("CreateDatabase", database("orders"))
    assert status is Status.ALREADY_EXISTS
    assert not simulation.teleport.faults.remove(number)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"effect": "nonsense"}, "nonsense"),
        ({"effect": Effect.SLOW}, "delay_s"),
        ({"effect": Effect.CONCURRENT_CHANGE}, "deed"),
        ({"effect": Effect.DROP, "deed": changes.Remove()}, "deed"),
        ({"effect": Effect.GARBAGE, "after": True}, "after"),
        ({"effect": Effect.ERROR, "status": "FINE"}, "FINE"),
        ({"effect": Effect.ERROR, "status": "OK"}, "OK"),
        ({"effect": Effect.UNAVAILABLE, "method": CONNECT}, "connection"),
        ({"effect": Effect.DROP, "times": 0}, "times"),
        ({"effect": Effect.SHORT_PAGES, "page_size": 0}, "page_size"),
    ],
)
def test_what_is_no_fault(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault(**fields)


async def test_writes_at_once_are_counted(simulation: Simulation) -> None:
    add(simulation, Effect.SLOW, method="CreateDatabase", delay_s=0.1)
    caller = simulation.caller()
    await asyncio.gather(*(caller.create(f"db-{number}") for number in range(6)))
    assert simulation.teleport.calls.most_writes_at_once == 6


async def connected(
    simulation: Simulation,
) -> tuple[H2Connection, asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to Auth through the proxy with nothing but HTTP/2."""
    host, number = simulation.at.proxy.split(":")
    reader, writer = await asyncio.open_connection(
        host, int(number), ssl=tls(simulation.bot), server_hostname=AUTH_NAME
    )
    connection = H2Connection(H2Configuration(client_side=True))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    return connection, reader, writer


async def received(
    connection: H2Connection, reader: asyncio.StreamReader, kind: type[Received]
) -> list[Received]:
    """Read until events of that kind have come; none when the connection ends, or after 5 s."""
    found: list[Received] = []
    with contextlib.suppress(TimeoutError):
        while not found and (data := await asyncio.wait_for(reader.read(65536), 5)):
            found = [event for event in connection.receive_data(data) if isinstance(event, kind)]
    return found


async def test_pings_that_come_too_fast(simulation: Simulation) -> None:
    connection, reader, writer = await connected(simulation)
    for _ in range(4):
        connection.ping(b"01234567")
    writer.write(connection.data_to_send())
    ended = await received(connection, reader, ConnectionTerminated)
    writer.close()
    assert ended[0].additional_data == b"too_many_pings"


async def test_goaway_to_every_connection(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.call("Ping")
    clients = [await connected(simulation) for _ in range(2)]
    for connection, reader, _ in clients:
        await received(connection, reader, RemoteSettingsChanged)
    simulation.teleport.send_goaway()
    for connection, reader, writer in clients:
        ended = await received(connection, reader, ConnectionTerminated)
        words = [(each.error_code, each.additional_data) for each in ended]
        assert words == [(ErrorCodes.NO_ERROR, b"graceful_stop")]
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    before = len(simulation.teleport.calls.handshakes)
    with contextlib.suppress(*BROKEN):  # the first call may meet the GOAWAY
        await caller.call("Ping")
    await caller.call("Ping")
    assert len(simulation.teleport.calls.handshakes) == before + 1
