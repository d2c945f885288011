"""What tests can make go wrong between a client and a cache, and what they can see of it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import pytest

from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.data_plane.faults import CONNECT, Effect, Fault
from tests.support.simulated_caches import CACHE, USER, DataPlane, sign


async def test_a_connection_is_reset_before_tls(plane: DataPlane) -> None:
    plane.caches.faults.add(Fault(effect=Effect.RESET, command=CONNECT, times=1))
    with pytest.raises(ConnectionResetError):
        async with plane.connect():
            pass
    assert plane.calls[-1].error == "(reset)"


async def test_tls_is_never_answered(plane: DataPlane) -> None:
    plane.caches.faults.add(Fault(effect=Effect.SILENT, command=CONNECT))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), plane.connect():
            pass
    plane.caches.faults.clear()
    async with plane.connect() as client:
        assert await client.ask("PING") == b"-NOAUTH Authentication required."


async def test_a_command_is_never_answered(plane: DataPlane) -> None:
    plane.caches.faults.add(Fault(effect=Effect.SILENT, command="PING"))
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.ask("PING")
    assert plane.calls[-1].error == "(no answer)"


async def test_a_command_is_answered_by_an_error(plane: DataPlane) -> None:
    words = "ERR service is not available"
    plane.caches.faults.add(Fault(effect=Effect.ERROR, message=words, cache=CACHE, times=2, skip=1))
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"
        assert await client.ask("PING") == b"-ERR service is not available"
        assert await client.ask("PING") == b"-ERR service is not available"
        assert await client.ask("PING") == b"+PONG"


async def test_a_command_ends_in_a_reset_or_comes_late(plane: DataPlane) -> None:
    late = plane.caches.faults.add(Fault(effect=Effect.LATENCY, command="PING", delay_s=0.05))
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"
        began = asyncio.get_running_loop().time()
        assert await client.ask("PING") == b"+PONG"
        assert asyncio.get_running_loop().time() - began >= 0.05
        plane.caches.faults.remove(late)
        plane.caches.faults.add(Fault(effect=Effect.RESET, command="PING"))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.ask("PING")


async def test_a_fault_of_another_cache_changes_nothing(plane: DataPlane) -> None:
    others: list[dict[str, Any]] = [
        {"cache": "carts"},
        {"region": "us-east-1"},
        {"account": "222233334444"},
    ]
    for elsewhere in others:
        plane.caches.faults.add(Fault(effect=Effect.ERROR, **elsewhere))
        plane.caches.faults.add(Fault(effect=Effect.RESET, command=CONNECT, **elsewhere))
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"


@pytest.mark.parametrize(
    "settings",
    [
        {"effect": "latency"},
        {"effect": "expired-certificate", "command": "PING"},
        {"effect": "error", "command": CONNECT},
        {"effect": "silent", "command": "ping"},
        {"effect": "gone"},
    ],
    ids=lambda settings: settings["effect"],
)
def test_a_fault_that_contradicts_itself(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Fault(**settings)


async def test_other_processes_control_it(plane: DataPlane) -> None:
    aws = SimulatedAws(plane.world)
    aws.controls.append(plane.caches.controls)
    async with aws.serve() as url:
        control = f"{url}/_sandbox/data-plane/"

        async def asked(method: str, path: str, body: Any = None) -> Any:
            return await asyncio.to_thread(_asked, method, control + path, body)

        fault = {"effect": "error", "command": "PING", "message": "ERR service is not available"}
        number = (await asked("POST", "faults", fault))["id"]
        token = sign(plane.key)
        async with plane.connect() as client:
            await client.ask("AUTH", USER, token)
            assert await client.ask("PING") == b"-ERR service is not available"
            assert await asked("DELETE", f"faults/{number}") == {"removed": True}
            assert await client.ask("PING") == b"+PONG"
            await client.ask("AUTH", USER, "wrong")
        told = await asked("GET", "calls")
        rows = [(row["command"], row["user"], row["error"]) for row in told["calls"]]
        assert rows == [
            (CONNECT, None, None),
            ("AUTH", USER, None),
            ("PING", USER, "ERR"),
            ("PING", USER, None),
            ("AUTH", USER, "WRONGPASS"),
        ]
        assert told["calls"][-1]["reason"] == "the password is no IAM token"
        assert token not in json.dumps(told)
        assert await asked("GET", "state") == {"calls": 5, "faults": []}
        with pytest.raises(HTTPError):
            await asked("POST", "faults", {"effect": "gone"})
        assert "accounts" in await asyncio.to_thread(_asked, "GET", f"{url}/_sandbox/state", None)


def _asked(method: str, url: str, body: Any) -> Any:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def test_stopping_ends_every_connection(plane: DataPlane) -> None:
    stopping = plane.caches.serve()
    address = await stopping.__aenter__()
    reader, writer = await asyncio.open_connection(
        *address.rsplit(":", 1), ssl=plane.tls(), server_hostname=plane.cache.host
    )
    waiting, half = await asyncio.open_connection(*address.rsplit(":", 1))
    half.write(b"\x16\x03")
    await stopping.__aexit__(None, None, None)
    for stream, end in ((reader, writer), (waiting, half)):
        with suppress(OSError):  # a reset is an end as well
            assert await stream.read(-1) == b""
        end.close()
        with suppress(OSError):
            await end.wait_closed()
