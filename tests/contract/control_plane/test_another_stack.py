"""Before gRPC's own server (C core): nothing rests on the sandbox's HTTP/2 being the client's.

The service behind it is the sandbox's; the transport, its flow control, its goodbyes and its way of
refusing are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.base import AlreadyExists, Denied, NotFound, Unavailable
from discovery.control_plane.teleport.client import REQUEST_LIMIT_BYTES, Teleport
from discovery.control_plane.teleport.preflight import preflight
from discovery.plan.resource import changes_between
from discovery.sandbox.authorities import certificate_pem, key_pem
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.messages import decoded
from discovery.sandbox.teleport.roles import EDITOR, Role, bot_role
from discovery.sandbox.teleport.service import PROCEDURES, SERVICE, RpcCall, RpcError
from tests.support.teleport_site import GROUP, registration

grpc: Any = pytest.importorskip("grpc", reason="it comes with the extra `proto`")


@dataclass
class CoreServer:
    """The sandbox's service behind gRPC's own server."""

    cluster: Cluster
    port: int = 0
    roles: tuple[str, ...] = (EDITOR.name,)
    calls: list[str] = field(default_factory=list)
    server: Any = None

    def start(self) -> None:
        leaf = self.cluster.auth_certificate()
        pair = (key_pem(leaf.key).encode(), certificate_pem(leaf.certificate).encode())
        roots = "".join(each.pem for each in self.cluster.user_ca.trusted).encode()
        credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=True)
        self.server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        methods = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda body, at, of=name: self._do(of, body, at)
            )
            for name in PROCEDURES
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, methods),)
        )
        self.port = self.server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        self.server.start()

    def stop(self, grace: float | None = None) -> None:
        self.server.stop(grace).wait()

    def _do(self, name: str, body: bytes, context: Any) -> bytes:
        self.calls.append(name)
        procedure = PROCEDURES[name]
        try:
            request = decoded(procedure.request, body)
            answer: bytes = procedure.act(
                RpcCall(self.cluster, self.roles, request)
            ).SerializeToString()
        except RpcError as refused:
            context.abort(grpc.StatusCode[refused.status.name], refused.message)
        return answer


@pytest.fixture
def core() -> Iterator[CoreServer]:
    made = CoreServer(Cluster())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def identity_file(core: CoreServer, tmp_path: Path) -> Path:
    return core.cluster.issue("bot-cachemuster", EDITOR).write(tmp_path / "identity")


def client_of(core: CoreServer, identity_file: Path, route: str = "auth", **more: Any) -> Teleport:
    values = {"kind": "teleport", "address": f"127.0.0.1:{core.port}", "route": route}
    settings = Settings.model_validate({**values, "identity_file": str(identity_file), **more})
    return Teleport(settings, clock=lambda: datetime.now(UTC), environ={})


@pytest.mark.parametrize("route", ["auth", "proxy"])
async def test_everything_once(core: CoreServer, identity_file: Path, route: str) -> None:
    core.cluster.place_service("agent", {"managed-by": "cachemuster"})
    core.cluster.place_server(registration())
    async with client_of(core, identity_file, route) as client:
        assert (await client.ping()).cluster == core.cluster.name
        await client.create(registration())
        with pytest.raises(AlreadyExists, match="already exists"):
            await client.create(registration())
        found = await client.get(registration().name)
        assert found is not None
        assert changes_between(registration(), found) == ()
        await client.update(registration(new="label"))
        [listed] = await client.list_databases()
        assert listed.labels["new"] == "label"
        assert (await preflight(client, GROUP)).problems == ()
        await client.delete(registration().name)
        with pytest.raises(NotFound, match="doesn't exist"):
            await client.delete(registration().name)


@pytest.mark.slow
async def test_answers_and_requests_larger_than_every_window(
    core: CoreServer, identity_file: Path
) -> None:
    """A page of many megabytes; a request just under what a server takes, and one above."""
    big = "x" * 100_000
    for number in range(50):
        core.cluster.place(registration(f"cache-{number:03}", big=big))
    async with client_of(core, identity_file) as client:
        listed = await client.list_databases()
        assert sum(len(each.opaque) for each in listed) > 5_000_000
        await client.create(registration(big="x" * (REQUEST_LIMIT_BYTES - 4096)))
        assert await client.get(registration().name) is not None


async def test_a_method_that_is_not_there(identity_file: Path, core: CoreServer) -> None:
    core.cluster.release = Cluster(version="18.1.0").release
    core.cluster.place(registration())
    async with client_of(core, identity_file, allow_older=True) as client:
        assert [each.name for each in await client.list_databases()] == ["orders"]
    assert core.calls.count("GetDatabases") == 1


async def test_a_denial_in_any_script(core: CoreServer, identity_file: Path) -> None:
    core.cluster.set_role(Role.of("weak", db_labels={"*": "*"}, rules={"db": ["list"]}))
    core.roles = ("weak",)
    async with client_of(core, identity_file) as client:
        with pytest.raises(Denied, match="the verb `read` on `db`"):
            await client.list_databases()


@pytest.mark.parametrize("grace", [None, 1.0], ids=["at once", "gracefully"])
async def test_a_restart(core: CoreServer, identity_file: Path, grace: float | None) -> None:
    async with client_of(core, identity_file) as client:
        await client.create(registration("before"))
        await asyncio.to_thread(core.stop, grace)
        with pytest.raises(Unavailable):
            await client.create(registration("between"))
        core.start()
        await client.create(registration("after"))
        assert [each.name for each in await client.list_databases()] == ["after", "before"]


@pytest.mark.slow
async def test_many_at_once(core: CoreServer, identity_file: Path) -> None:
    async with client_of(core, identity_file) as client:
        await asyncio.gather(*(client.create(registration(f"cache-{n}")) for n in range(100)))
        found = await asyncio.gather(
            *(client.get(registration(f"cache-{n}").name) for n in range(100))
        )
    assert all(found)


async def test_a_stranger_is_told_why(core: CoreServer, tmp_path: Path) -> None:
    """A client certificate of another authority: TLS 1.3 says so after the handshake."""
    other = Cluster(core.cluster.name)
    other.host_ca = core.cluster.host_ca
    path = other.issue("bot-stranger", bot_role(GROUP)).write(tmp_path / "identity")
    async with client_of(core, path) as client:
        with pytest.raises((Denied, Unavailable), match=r"certificate|hung up|ended before"):
            await client.ping()
