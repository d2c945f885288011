"""One login, step by step, against a server that takes nothing but what a login sends."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from discovery.model.codes import ProbeStep
from discovery.probe.failures import Failure, FailureKind
from discovery.probe.hosts import Hosts
from discovery.probe.login import Login, Server, try_login
from tests.support.resp_server import HOST, OK, RespServer
from tests.support.tls_authority import Certificate, TlsAuthority

TOKEN = "orders/?Action=connect&User=app&X-Amz-Signature=0123456789abcdef"
APP = Login("app", TOKEN)
LONG_S, SHORT_S = 30.0, 1.0


@pytest.fixture
def authority(tmp_path: Path) -> TlsAuthority:
    return TlsAuthority(tmp_path)


def trusting(authority: TlsAuthority) -> ssl.SSLContext:
    """The context that the program itself makes."""
    return Hosts(ca_file=str(authority.file)).tls


async def test_a_login_sends_three_commands_and_no_other(authority: TlsAuthority) -> None:
    server = RespServer()
    async with server.serve(authority.issue(HOST).context()) as place:
        assert await try_login(place, APP, trusting(authority), LONG_S) is None
    assert server.told == [("AUTH", "app", TOKEN), ("PING",), ("ACL", "WHOAMI")]


async def test_a_user_who_may_neither_ping_nor_ask_is_logged_in(authority: TlsAuthority) -> None:
    denied = b"-NOPERM this user has no permissions to run the command\r\n"
    server = RespServer({**OK, "PING": denied, "ACL WHOAMI": denied})
    async with server.serve(authority.issue(HOST).context()) as place:
        assert await try_login(place, APP, trusting(authority), LONG_S) is None


@pytest.mark.parametrize(
    ("command", "reply", "failure"),
    [
        ("AUTH", b"-WRONGPASS invalid pair\r\n", (ProbeStep.AUTH, FailureKind.WRONG_PASSWORD)),
        ("AUTH", b"-NOAUTH needed\r\n", (ProbeStep.AUTH, FailureKind.NOT_AUTHENTICATED)),
        (
            "AUTH",
            b"-ERR service is not available\r\n",
            (ProbeStep.AUTH, FailureKind.SERVICE_UNAVAILABLE),
        ),
        ("AUTH", b"-ERR Request throttled\r\n", (ProbeStep.AUTH, FailureKind.THROTTLED)),
        ("AUTH", b"-BUSY a script\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"-LOADING data\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"-oops\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b":1\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"*x\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"HTTP/1.1 400 Bad Request\r\n", (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"*1\r\n" * 5000, (ProbeStep.AUTH, FailureKind.UNEXPECTED_REPLY)),
        ("AUTH", b"", (ProbeStep.AUTH, FailureKind.CLOSED)),
        ("PING", b"-NOAUTH needed\r\n", (ProbeStep.PING, FailureKind.NOT_AUTHENTICATED)),
        ("PING", b"+PUNG\r\n", (ProbeStep.PING, FailureKind.UNEXPECTED_REPLY)),
        ("PING", b"", (ProbeStep.PING, FailureKind.CLOSED)),
        ("ACL WHOAMI", b"$4\r\nroot\r\n", (ProbeStep.PING, FailureKind.ANOTHER_USER)),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
async def test_a_reply_is_a_failure_of_its_step(
    command: str, reply: bytes, failure: tuple[ProbeStep, FailureKind], authority: TlsAuthority
) -> None:
    server = RespServer({**OK, command: reply})
    async with server.serve(authority.issue(HOST).context()) as place:
        found = await try_login(place, APP, trusting(authority), LONG_S)
    assert found is not None
    assert (found.step, found.kind) == failure


@pytest.mark.parametrize(
    "reply",
    [
        f"-ERR unknown user app with password {TOKEN}\r\n",
        f"-{TOKEN}\r\n",
        "-WRONGPASS Signature 0123456789abcdef\r\n",
    ],
)
async def test_a_reply_that_repeats_the_token_is_not_repeated(
    reply: str, authority: TlsAuthority
) -> None:
    server = RespServer({**OK, "AUTH": reply.encode()})
    async with server.serve(authority.issue(HOST).context()) as place:
        found = await try_login(place, APP, trusting(authority), LONG_S)
    assert found is not None
    assert "0123456789abcdef" not in repr(found)
    assert TOKEN not in repr(APP)


async def test_without_a_token_the_network_is_tried_and_nothing_sent(
    authority: TlsAuthority,
) -> None:
    server = RespServer()
    async with server.serve(authority.issue(HOST).context()) as place:
        found = await try_login(place, None, trusting(authority), LONG_S)
    assert found == Failure(ProbeStep.AUTH, FailureKind.NO_CREDENTIALS)
    assert server.told == []


@pytest.mark.parametrize(
    ("issue", "kind"),
    [
        (lambda it: it.issue("else.example.com"), FailureKind.CERTIFICATE_OF_ANOTHER_HOST),
        (lambda it: it.self_signed(HOST), FailureKind.CERTIFICATE_UNTRUSTED),
        (
            lambda it: it.issue(HOST, valid_for=timedelta(minutes=-5)),
            FailureKind.CERTIFICATE_OUT_OF_DATE,
        ),
    ],
)
async def test_no_token_is_sent_to_a_certificate_that_is_not_the_caches(
    issue: Callable[[TlsAuthority], Certificate], kind: FailureKind, authority: TlsAuthority
) -> None:
    server = RespServer()
    async with server.serve(issue(authority).context()) as place:
        found = await try_login(place, APP, trusting(authority), LONG_S)
    assert found is not None
    assert (found.step, found.kind) == (ProbeStep.TLS, kind)
    assert server.told == []


async def test_tls_before_1_2_is_not_spoken(authority: TlsAuthority) -> None:
    old = authority.issue(HOST).context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with RespServer().serve(old) as place:
        found = await try_login(place, APP, trusting(authority), LONG_S)
    assert found is not None
    assert (found.step, found.kind) == (ProbeStep.TLS, FailureKind.TLS_FAILED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(version: ssl.TLSVersion, authority: TlsAuthority) -> None:
    only = authority.issue(HOST).context()
    only.minimum_version = only.maximum_version = version
    async with RespServer().serve(only) as place:
        assert await try_login(place, APP, trusting(authority), LONG_S) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "step"), [("AUTH", ProbeStep.AUTH), ("PING", ProbeStep.PING)], ids=str
)
async def test_a_server_that_stalls_is_left_at_the_step(
    command: str, step: ProbeStep, authority: TlsAuthority
) -> None:
    server = RespServer({**OK, command: None})
    async with server.serve(authority.issue(HOST).context()) as place:
        found = await try_login(place, APP, trusting(authority), SHORT_S)
    assert found == Failure(step, FailureKind.TIMED_OUT)


@pytest.mark.slow
async def test_a_server_without_tls_is_left_at_tls(authority: TlsAuthority) -> None:
    async with RespServer().serve(None) as place:
        found = await try_login(place, APP, trusting(authority), SHORT_S)
    assert found == Failure(ProbeStep.TLS, FailureKind.TIMED_OUT)


@pytest.mark.slow
async def test_a_port_that_does_not_answer_is_left_at_tcp(authority: TlsAuthority) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # the queue has room for one; what follows gets no answer
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        place = Server(HOST, 6379, dial=full.getsockname())
        found = await try_login(place, APP, trusting(authority), SHORT_S)
    assert found == Failure(ProbeStep.TCP, FailureKind.TIMED_OUT)


async def test_a_port_where_nothing_listens_refuses(authority: TlsAuthority) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = Server(HOST, 6379, dial=free.getsockname())
        found = await try_login(place, APP, trusting(authority), LONG_S)
    assert found is not None
    assert (found.step, found.kind) == (ProbeStep.TCP, FailureKind.CONNECTION_REFUSED)


@pytest.mark.parametrize("host", ["orders.invalid", f"{'x' * 64}.invalid"])
async def test_a_name_that_does_not_resolve_is_told(host: str, authority: TlsAuthority) -> None:
    found = await try_login(Server(host, 6379), APP, trusting(authority), LONG_S)
    assert found is not None
    assert (found.step, found.kind) == (ProbeStep.RESOLVE, FailureKind.NAME_UNKNOWN)
