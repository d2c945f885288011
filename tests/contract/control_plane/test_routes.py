"""Reaching Auth: straight, through the Proxy, through a forward proxy; and saying why not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import Any

import pytest

from discovery.config.control_plane import Route
from discovery.config.fields import HostPort
from discovery.control_plane.base import Denied, Unavailable
from discovery.control_plane.teleport.client import Teleport
from discovery.control_plane.teleport.dial import Dialer
from discovery.control_plane.teleport.errors import (
    IdentityUnusable,
    NoRoute,
    TooOld,
    Untrusted,
)
from discovery.control_plane.teleport.http_proxy import ForwardProxy
from discovery.control_plane.teleport.identity import parse_identity
from discovery.control_plane.teleport.routes import DialTarget, NoProxyService, find
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import SimulatedTeleport
from discovery.sandbox.teleport.tls_frontend import auth_protocol
from tests.support.teleport_site import Site, registration

WAYS = [("auth", "auth"), ("proxy", "proxy"), ("auto", "proxy")]


@pytest.mark.parametrize(("route", "taken"), WAYS, ids=[each[0] for each in WAYS])
async def test_each_route_leads_to_auth(site: Site, route: str, taken: str) -> None:
    async with site.client(route) as client:
        info = await client.ping()
        await client.create(registration())
        assert (await client.peer()).target.route == taken
    assert (info.kind, info.cluster, info.version) == ("teleport", site.cluster.name, "18.4.0")
    assert list(site.cluster.databases) == ["orders"]


async def test_auto_finds_an_auth_service_at_its_own_port(site: Site) -> None:
    async with site.client("auto", address=site.at.auth) as client:
        assert (await client.peer()).target.route == "auth"


async def test_the_handshake_is_as_auth_and_the_proxy_want_it(site: Site) -> None:
    """One certificate, SNI for the API, and the protocol the Proxy routes on comes first."""
    for route in ("auth", "proxy"):
        async with site.client(route) as client:
            await client.ping()
    seen = [each for each in site.teleport.calls.handshakes if each.certificates]
    assert [each.certificates for each in seen] == [1, 1]
    assert {each.server_name for each in seen} == {"teleport.cluster.local"}
    assert [each.alpn for each in seen] == [("h2",), (auth_protocol(site.cluster.name), "h2")]


async def test_the_route_is_found_out_once(site: Site) -> None:
    async with site.client("auto") as client:
        await client.ping()
        site.teleport.faults.add(Fault(effect=Effect.UNAVAILABLE, method="find"))
        site.teleport.disconnect()
        assert (await client.ping()).cluster == site.cluster.name


async def test_a_proxy_that_hiccups_is_asked_again(site: Site) -> None:
    site.teleport.faults.add(Fault(effect=Effect.UNAVAILABLE, method="find", times=2))
    async with site.client("auto") as client:
        assert (await client.peer()).target.route == "proxy"


async def test_a_load_balancer_that_ends_tls_is_named(site: Site) -> None:
    site.cluster.behaviour.behind_load_balancer = True
    for route in ("auto", "proxy"):
        async with site.client(route) as client:
            with pytest.raises(NoRoute, match=r"load balancer that ends TLS.*Network Load"):
                await client.ping()


async def test_a_proxy_without_tls_routing_is_tried_all_the_same(site: Site) -> None:
    site.cluster.behaviour.tls_routing = False
    async with site.client("auto") as client:
        assert "TLS routing is off" in (await client.peer()).target.remark


async def test_an_identity_of_another_cluster_is_told_apart(site: Site) -> None:
    site.write_identity("editor", of=Cluster("elsewhere.example.com"))
    async with site.client("auto") as client:
        with pytest.raises(Untrusted, match=r"elsewhere.example.com"):
            await client.ping()
    async with site.client("auth") as client:
        with pytest.raises(Untrusted, match="no authority in the identity file"):
            await client.ping()
    async with site.client("proxy") as client:
        with pytest.raises(Unavailable, match=r"hung up .* no cluster elsewhere.example.com"):
            await client.ping()


async def test_a_cluster_of_the_same_name_is_not_trusted(site: Site) -> None:
    site.write_identity("editor", of=Cluster(site.cluster.name))
    for route in ("auth", "proxy", "auto"):
        async with site.client(route) as client:
            with pytest.raises(Untrusted, match="no authority in the identity file has signed"):
                await client.ping()
    assert not site.teleport.calls.of("Ping")


async def test_a_certificate_for_another_name_is_not_taken(site: Site) -> None:
    site.cluster.behaviour.auth_names = ("proxy.example.com",)
    async with site.client("auth") as client:
        with pytest.raises(Untrusted, match=r"does not name teleport.cluster.local"):
            await client.ping()


async def test_a_user_authority_in_the_file_is_not_sent_along(site: Site) -> None:
    """It would be: OpenSSL sends what it trusts and takes for the issuer (teleport/README: TLS)."""
    with site.write_identity().open("a") as file:
        file.write(site.cluster.user_ca.newest.pem)
    for route in ("auth", "proxy"):
        async with site.client(route) as client:
            await client.ping()
    assert {each.certificates for each in site.teleport.calls.handshakes} == {1}


async def test_a_connection_that_is_closed_unsaid_says_where_the_reason_stands(
    site: Site,
) -> None:
    site.teleport.faults.add(Fault(effect=Effect.GOAWAY, method="Ping"))
    async with site.client() as client:
        with pytest.raises(Unavailable, match=r"ended before an answer. If .* log of the Auth"):
            await client.peer()


class TestOldAuthorities:
    """From before certificates had key identifiers: one authority cannot be told from another."""

    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(has_key_ids=False))

    async def test_are_named_and_a_rotation_helps(self, site: Site) -> None:
        for route in ("auth", "proxy"):
            async with site.client(route) as client:
                with pytest.raises(Denied, match=r"no key identifiers.*`tctl auth rotate`"):
                    await client.ping()
        assert {each.certificates for each in site.teleport.calls.handshakes} == {2}
        site.cluster.rotate()
        site.write_identity()
        async with site.client() as client:
            await client.ping()


async def test_an_expired_identity_is_named_before_anything_is_dialled(site: Site) -> None:
    site.write_identity("editor", lifetime=timedelta(minutes=-5))
    async with site.client("auth") as client:
        with pytest.raises(IdentityUnusable, match=r"expired at .*tbot"):
            await client.ping()
    assert not site.teleport.calls.handshakes


async def test_nobody_there_is_unavailable(site: Site) -> None:
    for route in ("auth", "proxy", "auto"):
        async with site.client(route, address="127.0.0.1:1") as client:
            with pytest.raises(Unavailable, match=r"127.0.0.1:1"):
                await client.peer()


@asynccontextmanager
async def website(context: ssl.SSLContext | None, answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_something_else_at_the_address_is_named(site: Site) -> None:
    async with (
        website(None, b"SSH-2.0-OpenSSH_9.6\r\n") as port,
        site.client("auto", address=f"127.0.0.1:{port}") as client,
    ):
        with pytest.raises(NoRoute, match=r"neither a Proxy Service .* nor an Auth Service"):
            await client.peer()


class TestVersions:
    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(version="18.2.1"))

    async def test_one_too_old_is_refused_with_the_reason(self, site: Site) -> None:
        async with site.client() as client:
            with pytest.raises(TooOld, match=r"18\.2\.1.*18\.2\.2.*RDS.*allow_older"):
                await client.ping()
            with pytest.raises(TooOld):
                await client.create(registration())
        assert not site.cluster.databases

    async def test_allow_older_goes_on(self, site: Site) -> None:
        async with site.client(allow_older=True) as client:
            await client.create(registration())
            [found] = await client.list_databases()
        assert found.spec["aws"]["elasticache_serverless"] == {"cache_name": "orders"}


class TunnelMaker:
    """A forward proxy: CONNECT, and bytes both ways."""

    def __init__(
        self, status: bytes = b"200 Connection established", leads_to: str | None = None
    ) -> None:
        self.status = status
        self.leads_to = leads_to
        """Where every tunnel ends; None: where it was asked for."""
        self.asked: list[bytes] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[ForwardProxy]:
        server = await asyncio.start_server(self._tunnel, "127.0.0.1", 0)
        try:
            port = server.sockets[0].getsockname()[1]
            yield ForwardProxy("127.0.0.1", port, "Basic dXNlcjpwdw==")
        finally:
            server.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        writer.write(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
        if not self.status.startswith(b"200"):
            writer.close()
            return
        host, _, port = (self.leads_to or head.split()[1].decode()).rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pumped(reader, far_writer), _pumped(far_reader, writer))


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def _way(site: Site, route: Route) -> DialTarget:
    at = site.at.auth if route is Route.AUTH else site.at.proxy
    return DialTarget(HostPort.parse(at), route)


@pytest.mark.parametrize("route", [Route.AUTH, Route.PROXY])
async def test_both_routes_go_by_a_forward_proxy(site: Site, route: Route) -> None:
    tunnels = TunnelMaker()
    identity = parse_identity(site.write_identity().read_bytes(), now=site.now())
    async with tunnels.serve() as proxy:
        connection = await Dialer(_way(site, route), proxy).connect(identity)
        connection.close()
        await asyncio.sleep(0.05)
    [head] = tunnels.asked
    address = site.at.auth if route is Route.AUTH else site.at.proxy
    assert head.startswith(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n".encode())
    assert b"Proxy-Authorization: Basic dXNlcjpwdw==" in head


async def test_find_goes_by_a_forward_proxy(site: Site) -> None:
    tunnels = TunnelMaker()
    async with tunnels.serve() as proxy:
        found = await find(HostPort.parse(site.at.proxy), proxy)
        await asyncio.sleep(0.05)
    assert found.cluster == site.cluster.name
    assert b"Proxy-Authorization: Basic dXNlcjpwdw==" in tunnels.asked[0]


@pytest.mark.parametrize("route", ["auth", "proxy"])
async def test_the_environment_names_the_forward_proxy(site: Site, route: str) -> None:
    """A name that only the forward proxy knows, and a restart in between."""
    inner = site.at.auth if route == "auth" else site.at.proxy
    tunnels = TunnelMaker(leads_to=inner)
    site.write_identity()
    async with tunnels.serve() as proxy:
        environ = {"HTTPS_PROXY": f"http://{proxy}", "NO_PROXY": "other.test,10.0.0.0/8"}
        settings = site.settings(route, address="teleport.corp.test:443")
        async with Teleport(settings, clock=site.now, sleep=site.pause, environ=environ) as client:
            await client.create(registration())
            site.teleport.disconnect()
            assert [each.name for each in await client.list_databases()] == ["orders"]
        assert {each.split(b"\r\n")[0] for each in tunnels.asked} == {
            b"CONNECT teleport.corp.test:443 HTTP/1.1"
        }
        assert len(tunnels.asked) == 2


@pytest.mark.parametrize("exempt", ["*.corp.test", "corp.test", "teleport.corp.test:%s", "*"])
async def test_what_no_proxy_names_is_reached_straight(
    site: Site, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    port = site.at.auth.rpartition(":")[2]
    site.write_identity()
    resolved(monkeypatch, int(port))
    exempt = exempt.replace("%s", port)
    environ = {"https_proxy": "http://127.0.0.1:1", "no_proxy": f"x.test, {exempt}"}
    settings = site.settings(address=f"teleport.corp.test:{port}")
    async with Teleport(settings, clock=site.now, environ=environ) as client:
        await client.ping()


def resolved(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Every name has these places on loopback."""
    found = [(AF_INET, SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]

    async def answer(*_: Any, **__: Any) -> Any:
        return found

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)


async def test_every_address_of_a_forward_proxy_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`localhost` is ::1 first, and the proxy listens on 127.0.0.1 alone."""
    tunnels = TunnelMaker()
    identity = parse_identity(site.write_identity().read_bytes(), now=site.now())
    async with tunnels.serve() as proxy:
        resolved(monkeypatch, 1, proxy.port)
        named = ForwardProxy("proxy.test", 3128)
        connection = await Dialer(_way(site, Route.AUTH), named).connect(identity)
        connection.close()
        await connection.wait_closed()
    assert len(tunnels.asked) == 1


async def test_a_forward_proxy_that_refuses_is_named(site: Site) -> None:
    identity = parse_identity(site.write_identity().read_bytes(), now=site.now())
    async with TunnelMaker(b"403 Forbidden").serve() as proxy:
        with pytest.raises(Unavailable, match=r"opens no way to .*403 Forbidden.*NO_PROXY"):
            await Dialer(_way(site, Route.AUTH), proxy).connect(identity)


ANSWERS: list[tuple[str, bytes, Any]] = [
    ("not json", b"<html>", "does not answer as a Proxy"),
    ("another json", b"[1]", "does not answer as a Proxy"),
    ("another object", b'{"proxy": 1}', "does not answer as a Proxy"),
    ("deep", b"[" * 100_000, "does not answer as a Proxy"),
]


@pytest.mark.parametrize(("_", "body", "says"), ANSWERS, ids=[each[0] for each in ANSWERS])
async def test_find_believes_only_a_proxy_service(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    _: str,
    body: bytes,
    says: str,
) -> None:
    leaf = site.cluster.web_ca.issue_server(("127.0.0.1", "localhost"), site.now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = tmp_path / "leaf.pem"
    pem.write_text(leaf.pem)
    context.load_cert_chain(pem)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    async with website(context, answer + body) as port:
        with pytest.raises(NoProxyService, match=says):
            await find(HostPort("127.0.0.1", port), None)
