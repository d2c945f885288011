"""The pages over real HTTP: what a probe, Prometheus and a stranger get."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from aiohttp import web

from discovery.cli.errors import describe
from discovery.config.fields import HostPort
from discovery.reports.exit import Exit
from discovery.service.errors import CannotListen
from discovery.service.health import HealthState, serve_health
from discovery.service.heartbeat import Heartbeat
from discovery.service.metrics import Metrics
from discovery.service.read_only_server import ReadOnlyServer, text_page
from discovery.sweep.context import SweepKind
from tests.support.report_samples import full_report
from tests.support.teleport_client import until

ANY = HostPort("127.0.0.1", 0)


@pytest.fixture
def health() -> HealthState:
    return HealthState(heartbeat=Heartbeat(), max_age=timedelta(hours=1))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(scope_metrics_limit=500, version="1.2.3")


@pytest.fixture
async def place(health: HealthState, metrics: Metrics) -> AsyncIterator[HostPort]:
    async with serve_health(ANY, health, metrics) as place:
        yield place


@pytest.fixture
async def client(place: HostPort) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{place}", trust_env=False) as client:
        yield client


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def raw(place: HostPort, said: bytes) -> bytes:
    """All that comes back for these bytes, until the other side hangs up."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    try:
        writer.write(said)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_the_probes_turn_with_the_vitals(
    client: httpx.AsyncClient, health: HealthState
) -> None:
    alive = await client.get("/healthz")
    assert (alive.status_code, alive.text) == (200, "the loop moved 0 s ago; red after 3600 s\n")
    assert (await client.get("/readyz")).status_code == 503
    health.first_sweep_done = True
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.text) == (200, "ready\n")
    health.control_plane_error = "UNAVAILABLE"
    troubled = await client.get("/readyz")
    assert (troubled.status_code, troubled.text) == (200, "ready; control plane: UNAVAILABLE\n")
    health.max_age = timedelta(seconds=-1)
    assert (await client.get("/healthz")).status_code == 503


async def test_metrics_are_those_of_the_moment(client: httpx.AsyncClient, metrics: Metrics) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'cachemuster_build_info{version="1.2.3"} 1.0\n' in answer.text
    metrics.record_run(full_report(), kind=SweepKind.SWEEP)
    assert "\ncachemuster_caches 2.0\n" in (await client.get("/metrics")).text


async def test_query_strings_change_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz?verbose=1")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/metrics/", "//metrics", "/Metrics", "/..", "/healthz/x"])
async def test_there_is_nothing_else(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.text == "nothing here; the pages are /healthz /metrics /readyz\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_pages_are_only_read(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/metrics")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_is_get_without_the_page(client: httpx.AsyncClient) -> None:
    page, head = await client.get("/readyz"), await client.head("/readyz")
    assert head.content == b""
    assert head.status_code == page.status_code
    assert head.headers["content-length"] == page.headers["content-length"]


BROKEN = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\n\r\n",
    "long-line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long-header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "two-lengths": b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_no_request_is_refused_without_an_echo(place: HostPort, said: bytes) -> None:
    answer = await raw(place, said)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert body == b"this cannot be answered\n"


@pytest.mark.parametrize("said", [*BROKEN.values(), request("/metrics"), request("/x")])
async def test_no_answer_names_a_version_of_the_server(place: HostPort, said: bytes) -> None:
    head = (await raw(place, said)).partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nserver: cachemuster" in head
    assert b"aiohttp" not in head
    assert b"python" not in head


async def test_a_connection_is_good_for_one_request(place: HostPort) -> None:
    assert (await raw(place, request("/healthz") * 3)).count(b"HTTP/1.1 200 OK") == 1


async def test_a_body_that_never_comes_is_not_waited_for(place: HostPort) -> None:
    said = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nab"
    assert (await raw(place, said)).startswith(b"HTTP/1.1 200 OK")


@asynccontextmanager
async def standing(door: ReadOnlyServer) -> AsyncIterator[HostPort]:
    """The door, where strangers find it."""
    runner = web.ServerRunner(door, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield HostPort(*runner.addresses[0])
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_says_nothing_more_is_shown_out(said: bytes) -> None:
    server = ReadOnlyServer({"/": lambda: text_page(200, "hello")}, timeout_s=0.05)
    async with standing(server) as place:
        assert await raw(place, said) == b""


@pytest.mark.slow
async def test_who_does_not_read_is_shown_out() -> None:
    server = ReadOnlyServer({"/": lambda: text_page(200, "x" * 50_000_000)}, timeout_s=0.05)
    async with standing(server) as place:
        _, writer = await asyncio.open_connection(place.host, place.port, limit=1)
        writer.write(request("/"))
        await until(lambda: server.requests_count == 1)
        await until(lambda: not server.connections)
        writer.close()


async def test_a_crowd_waits_outside_and_the_next_one_is_served() -> None:
    server = ReadOnlyServer({"/": lambda: text_page(200, "hello")}, max_connections=4)
    async with standing(server) as place:
        async with AsyncExitStack() as crowd:
            for _ in range(4):
                _, writer = await asyncio.open_connection(place.host, place.port)
                crowd.callback(writer.close)
            assert await raw(place, request("/")) == b""
        await until(lambda: not server.connections)
        assert (await raw(place, request("/"))).endswith(b"hello\n")


async def test_a_page_that_breaks_tells_the_log_and_not_the_visitor() -> None:
    def broken() -> web.Response:
        raise RuntimeError("arn:aws:elasticache:secret")

    async with standing(ReadOnlyServer({"/": broken})) as place:
        answer = await raw(place, request("/"))
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert answer.endswith(b"\r\n\r\nthis cannot be answered\n")
        assert b"arn" not in answer


class TestListening:
    async def test_a_port_in_use_is_said_with_what_to_do(
        self, place: HostPort, health: HealthState, metrics: Metrics
    ) -> None:
        with pytest.raises(CannotListen) as refusal:
            async with serve_health(place, health, metrics):
                raise AssertionError("two listen on one port")
        ending = describe(refusal.value)
        assert ending.exit is Exit.FAILED
        assert "\n".join(ending.lines) == (
            f"health and metrics cannot be served on {place}: Address already in use. Nothing was "
            "started or changed. Free that address, or name another in service.listen; port 0 "
            "takes any free one"
        )

    async def test_a_host_that_is_not_there(self, health: HealthState, metrics: Metrics) -> None:
        nowhere = HostPort("no-such-host.invalid", 9808)
        with pytest.raises(CannotListen, match=r"no-such-host\.invalid:9808: .*not known"):
            async with serve_health(nowhere, health, metrics):
                raise AssertionError("it listens nowhere")

    async def test_the_port_is_free_again_afterwards(
        self, health: HealthState, metrics: Metrics
    ) -> None:
        async with serve_health(ANY, health, metrics) as place:
            assert place.port != 0
        async with serve_health(place, health, metrics) as again:
            assert again == place

    @pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
    async def test_ipv6(self, health: HealthState, metrics: Metrics) -> None:
        try:
            async with serve_health(HostPort("::1", 0), health, metrics) as place:
                assert str(place).startswith("[::1]:")
                assert (await raw(place, request("/healthz"))).startswith(b"HTTP/1.1 200 ")
        except CannotListen:
            pytest.skip("no IPv6 loopback here")

    @pytest.mark.parametrize(
        ("listen", "answers"),
        [
            ("*", {"127.0.0.1", "::1"}),
            ("0.0.0.0", {"127.0.0.1"}),
            ("::", {"::1"}),
        ],
    )
    async def test_one_value_serves_both_families_and_the_others_their_own(
        self, health: HealthState, metrics: Metrics, listen: str, answers: set[str]
    ) -> None:
        if not socket.has_dualstack_ipv6():
            pytest.skip("no IPv6 here")
        async with serve_health(HostPort(listen, 0), health, metrics) as place:
            assert place.host == listen
            reached = set()
            for host in ("127.0.0.1", "::1"):
                with contextlib.suppress(ConnectionRefusedError):
                    answer = await raw(HostPort(host, place.port), request("/healthz"))
                    assert answer.startswith(b"HTTP/1.1 200 ")
                    reached.add(host)
        assert reached == answers

    async def test_every_address_is_refused_where_one_of_them_is_taken(
        self, place: HostPort, health: HealthState, metrics: Metrics
    ) -> None:
        with pytest.raises(CannotListen, match=rf"on \*:{place.port}: Address already in use"):
            async with serve_health(HostPort("*", place.port), health, metrics):
                raise AssertionError("two listen on one port")
