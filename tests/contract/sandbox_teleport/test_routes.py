"""One port told apart by ALPN, and the direct one; who is let in, and how the rest learn of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from grpclib.const import Status
from grpclib.events import RecvInitialMetadata, RecvTrailingMetadata, listen
from grpclib.exceptions import StreamTerminatedError

from discovery.sandbox.client_hello import ClientHello, NotTls, read_client_hello
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.identity import Identity
from discovery.sandbox.teleport.tls_frontend import auth_protocol
from tests.support.protobuf_messages import Fields
from tests.support.teleport_client import (
    AUTH_NAME,
    CLUSTER,
    TO_AUTH,
    Caller,
    Simulation,
    blocks,
    tls,
    until,
)

REFUSED = (StreamTerminatedError, ConnectionError, ssl.SSLError, OSError)


async def handshake(
    simulation: Simulation,
    context: ssl.SSLContext,
    *,
    port: str = "proxy",
    server_name: str | None = AUTH_NAME,
) -> tuple[str | None, x509.Certificate, bytes]:
    """ALPN, the server's certificate and what it says first, with the standard library alone."""
    host, number = getattr(simulation.at, port).split(":")
    reader, writer = await asyncio.open_connection(
        host, int(number), ssl=context, server_hostname=server_name or ""
    )
    try:
        tls_object: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = tls_object.getpeercert(binary_form=True)
        assert der is not None
        first = b""
        if tls_object.selected_alpn_protocol() == "h2":
            first = await asyncio.wait_for(reader.read(9), 5)
        return tls_object.selected_alpn_protocol(), x509.load_der_x509_certificate(der), first
    finally:
        writer.close()


async def calling(caller: Caller) -> None:
    """Calls until one fails."""
    while True:
        await caller.call("Ping")
        await asyncio.sleep(0.01)


def names_in(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def test_the_protocol_that_leads_to_a_cluster() -> None:
    assert auth_protocol("example.com") == (
        "teleport-auth@6578616d706c652e636f6d.teleport.cluster.local"
    )
    assert auth_protocol(CLUSTER) == TO_AUTH


@pytest.mark.parametrize("port", ["proxy", "auth"])
async def test_both_routes_lead_to_auth(simulation: Simulation, port: str) -> None:
    answer = await simulation.caller(port=port).call("Ping")
    assert (answer.text(1), answer.text(2), answer.text(4)) == (
        CLUSTER,
        "18.4.0",
        simulation.at.proxy,
    )
    [shake] = simulation.teleport.calls.handshakes
    assert (shake.port, shake.led_to, shake.server_name) == (port, "auth", AUTH_NAME)
    assert (shake.user, shake.certificates, shake.refusal) == ("bot-cachemuster", 1, "")
    assert shake.alpn == ((TO_AUTH, "h2") if port == "proxy" else ("h2",))


async def test_tls_through_the_proxy_ends_at_auth(simulation: Simulation) -> None:
    alpn, certificate, first = await handshake(simulation, tls(simulation.bot))
    assert alpn == "h2"
    assert names_in(certificate) == ["*.teleport.cluster.local", "teleport.cluster.local"]
    assert certificate.issuer == simulation.cluster.host_ca.oldest.certificate.subject
    assert first[3] == 4  # SETTINGS: HTTP/2 is spoken


@pytest.mark.parametrize(
    ("alpn", "leads_to"),
    [
        ((TO_AUTH, "h2"), "auth"),
        (("h2", TO_AUTH), "web"),
        (("h2",), "web"),
        (("http/1.1",), "web"),
        ((), "web"),
        (("teleport-reversetunnel",), "web"),
    ],
    ids=["auth first", "auth second", "h2", "http", "nothing", "reverse tunnel"],
)
async def test_the_first_protocol_decides(
    simulation: Simulation, alpn: tuple[str, ...], leads_to: str
) -> None:
    context = ssl.create_default_context(cadata=simulation.cluster.web_ca.pem)
    context.load_verify_locations(cadata="".join(blocks(simulation.bot)[2:]))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    context.check_hostname = False
    _, certificate, _ = await handshake(simulation, context)
    assert names_in(certificate)[0] == {"auth": "*." + AUTH_NAME, "web": "localhost"}[leads_to]
    assert simulation.teleport.calls.handshakes[-1].led_to == leads_to


async def test_the_web_is_not_of_the_clusters_authorities(simulation: Simulation) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(
            simulation, tls(simulation.bot, alpn=("http/1.1",)), server_name="localhost"
        )


async def test_another_clusters_protocol_leads_nowhere(simulation: Simulation) -> None:
    caller = simulation.caller(
        context=tls(simulation.bot, alpn=(auth_protocol("other.example.com"), "h2"))
    )
    with pytest.raises(REFUSED):
        await caller.call("Ping")
    assert "no cluster is called" in simulation.teleport.calls.handshakes[-1].refusal


async def test_auth_speaks_h2_only(simulation: Simulation) -> None:
    caller = simulation.caller(context=tls(simulation.bot, alpn=(TO_AUTH, "http/1.1")))
    with pytest.raises(REFUSED):
        await caller.call("Ping")
    assert "no application protocol" in simulation.teleport.calls.handshakes[-1].refusal


async def test_the_reverse_tunnel_tells_whether_alpn_arrives(simulation: Simulation) -> None:
    context = ssl.create_default_context(cadata=simulation.cluster.web_ca.pem)
    context.set_alpn_protocols(["teleport-reversetunnel"])
    assert (await handshake(simulation, context, server_name="localhost"))[
        0
    ] == "teleport-reversetunnel"
    simulation.cluster.behaviour.behind_load_balancer = True
    assert (await handshake(simulation, context, server_name="localhost"))[0] is None


async def test_behind_a_load_balancer_all_is_web(simulation: Simulation) -> None:
    simulation.cluster.behaviour.behind_load_balancer = True
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(simulation, tls(simulation.bot))
    assert simulation.teleport.calls.handshakes[-1].led_to == "web"
    web = await simulation.web()
    assert (await web.get("/webapi/find")).json()["cluster_name"] == CLUSTER
    assert (await simulation.caller(port="auth").call("Ping")).text(1) == CLUSTER


async def test_more_than_one_certificate(simulation: Simulation) -> None:
    context = tls(simulation.bot, whole_file=True)
    with pytest.raises(REFUSED):
        await simulation.caller(context=context).call("Ping")
    shake = simulation.teleport.calls.handshakes[-1]
    assert (shake.certificates, shake.refusal) == (
        2,
        "access denied: intermediaries are not supported",
    )


async def test_a_trusted_user_authority_is_sent_along_by_openssl(simulation: Simulation) -> None:
    context = tls(simulation.bot)
    context.load_verify_locations(cadata=simulation.cluster.user_ca.newest.pem)
    with pytest.raises(REFUSED):
        await simulation.caller(context=context).call("Ping")
    assert simulation.teleport.calls.handshakes[-1].certificates == 2


async def test_without_a_certificate_calls_are_denied(simulation: Simulation) -> None:
    caller = simulation.caller(context=tls(None, trust=simulation.bot))
    assert (await caller.call("Ping")).text(1) == CLUSTER
    assert await caller.refused("ListDatabases") == (
        Status.PERMISSION_DENIED,
        'access denied to perform action "list" on "db"',
    )
    shake = simulation.teleport.calls.handshakes[-1]
    assert (shake.certificates, shake.user) == (0, "")


def expired(simulation: Simulation) -> Identity:
    return simulation.cluster.issue(
        "bot-cachemuster", "cachemuster", lifetime=timedelta(seconds=-1)
    )


def foreign(simulation: Simulation) -> Identity:
    return Cluster(CLUSTER).issue("bot-cachemuster", "cachemuster")


def outdated(simulation: Simulation) -> Identity:
    simulation.cluster.rotate()
    return simulation.bot


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("unwanted", "alert", "reason"),
    [
        (expired, "ALERT_CERTIFICATE_EXPIRED", "certificate has expired"),
        (foreign, "ALERT_UNKNOWN_CA|DECRYPT_ERROR", "CERTIFICATE_VERIFY_FAILED"),
        (outdated, "ALERT_UNKNOWN_CA|DECRYPT_ERROR", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_an_unwanted_certificate_is_answered_with_an_alert(
    simulation: Simulation,
    version: ssl.TLSVersion,
    unwanted: Callable[[Simulation], Identity],
    alert: str,
    reason: str,
) -> None:
    identity = unwanted(simulation)
    context = tls(identity, trust=simulation.cluster.issue())
    context.maximum_version = version
    with pytest.raises(ssl.SSLError, match=alert):
        await handshake(simulation, context)
    await until(lambda: bool(simulation.teleport.calls.handshakes[-1].refusal))
    assert reason in simulation.teleport.calls.handshakes[-1].refusal
    with pytest.raises(REFUSED):
        await simulation.caller(context=context).call("Ping")
    assert simulation.teleport.calls.of() == ()


async def test_a_server_name_that_does_not_match(simulation: Simulation) -> None:
    simulation.cluster.behaviour.auth_names = ("auth.example.com",)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await simulation.caller().call("Ping")
    simulation.cluster.behaviour.auth_names = (AUTH_NAME,)
    assert (await simulation.caller().call("Ping")).text(1) == CLUSTER


async def test_a_client_that_trusts_another_cluster(simulation: Simulation) -> None:
    other = Cluster(CLUSTER).issue()
    with pytest.raises(ssl.SSLCertVerificationError):
        await simulation.caller(context=tls(simulation.bot, trust=other)).call("Ping")


async def test_a_rotation_in_its_phases(simulation: Simulation) -> None:
    before = simulation.bot
    simulation.cluster.begin_rotation()
    during = simulation.cluster.issue("bot-cachemuster", "cachemuster")
    assert len(blocks(before)) == 3
    assert len(blocks(during)) == 4
    for identity in (before, during):
        await simulation.caller(identity).call("ListDatabases")
    simulation.cluster.finish_rotation()
    after = simulation.cluster.issue("bot-cachemuster", "cachemuster")
    assert len(blocks(after)) == 3
    for identity in (during, after):
        await simulation.caller(identity).call("ListDatabases")
    with pytest.raises(ssl.SSLCertVerificationError):
        await simulation.caller(before).call("ListDatabases")
    with pytest.raises(REFUSED):
        await simulation.caller(context=tls(before, trust=after)).call("ListDatabases")
    authorities = (await simulation.caller(after).call("GetClusterCACert")).text(1)
    assert authorities == blocks(after)[2]


async def test_an_open_connection_outlives_a_rotation(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.call("Ping")
    simulation.cluster.rotate()
    await caller.call("Ping")
    simulation.teleport.disconnect()
    with pytest.raises(REFUSED):
        await calling(caller)


async def test_an_open_connection_outlives_its_certificate(simulation: Simulation) -> None:
    caller = simulation.caller(
        simulation.cluster.issue("x", "cachemuster", lifetime=timedelta(seconds=1.5))
    )
    await caller.call("ListDatabases")
    await asyncio.sleep(1.6)
    await caller.call("ListDatabases")


@pytest.mark.slow
async def test_unless_expired_clients_are_disconnected(simulation: Simulation) -> None:
    simulation.cluster.behaviour.disconnects_expired = True
    caller = simulation.caller(
        simulation.cluster.issue("x", "cachemuster", lifetime=timedelta(seconds=1.5))
    )
    await caller.call("ListDatabases")
    with pytest.raises(REFUSED):
        await calling(caller)


@pytest.mark.parametrize(
    "words", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x00\x02\x02\x00", b"SSH-2.0-x\r\n"]
)
async def test_what_is_not_tls_is_hung_up_on(simulation: Simulation, words: bytes) -> None:
    host, number = simulation.at.proxy.split(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    writer.write(words)
    writer.write_eof()
    try:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    assert simulation.teleport.calls.handshakes[-1].led_to == ""


async def test_a_client_hello_in_pieces(simulation: Simulation) -> None:
    host, number = simulation.at.proxy.split(":")
    with socket.create_connection((host, int(number))) as raw:
        raw.setblocking(False)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = tls(simulation.bot).wrap_bio(incoming, outgoing, server_hostname=AUTH_NAME)
        loop = asyncio.get_running_loop()
        while client.selected_alpn_protocol() is None:
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                for piece in re.findall(b"(?s).{1,100}", outgoing.read()):
                    await loop.sock_sendall(raw, piece)
                    await asyncio.sleep(0.01)
                incoming.write(await loop.sock_recv(raw, 65536))
        assert client.selected_alpn_protocol() == "h2"


def test_a_client_hello_is_read_to_its_end() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([TO_AUTH, "h2"])
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=AUTH_NAME).do_handshake()
    words = outgoing.read()
    assert read_client_hello(words) == ClientHello(AUTH_NAME, (TO_AUTH, "h2"))
    for end in range(len(words)):
        assert read_client_hello(words[:end]) is None
    for at in range(5, len(words)):  # nothing else comes of one that is damaged
        damaged = words[:at] + bytes([words[at] ^ 0xFF]) + words[at + 1 :]
        with contextlib.suppress(NotTls):
            read_client_hello(damaged)


async def test_every_answer_names_the_servers_version(simulation: Simulation) -> None:
    caller, heard = simulation.caller(), []

    async def note(event: RecvInitialMetadata | RecvTrailingMetadata) -> None:
        heard.extend(event.metadata.getall("version", []))

    listen(caller.channel, RecvInitialMetadata, note)
    listen(caller.channel, RecvTrailingMetadata, note)
    await caller.call("Ping")
    assert heard == ["18.4.0"]
    await caller.refused("GetDatabase")
    assert heard == ["18.4.0"] * 2


@pytest.mark.parametrize("version", ["16.5.0", "junk", "-"])
async def test_a_client_that_says_it_is_too_old(simulation: Simulation, version: str) -> None:
    caller = simulation.caller()
    assert await caller.refused("Ping", metadata={"version": version}) == (
        Status.PERMISSION_DENIED,
        "client version is unsupported",
    )
    await caller.call("Ping")  # over a new connection
    assert [shake.user for shake in simulation.teleport.calls.handshakes] == ["bot-cachemuster"] * 2


@pytest.mark.parametrize("version", ["17.0.0", "18.4.0", "19.0.0-dev.1"])
async def test_a_client_that_says_it_is_of_a_known_version(
    simulation: Simulation, version: str
) -> None:
    caller = simulation.caller()
    assert isinstance(await caller.call("Ping", metadata={"version": version}), Fields)
    [call] = simulation.teleport.calls
    assert call.headers["version"] == version
