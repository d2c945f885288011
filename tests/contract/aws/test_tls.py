"""One TLS context for every client, and nobody trusted who has no certificate for his name."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import create_urllib3_context
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from discovery.aws import tls
from discovery.aws.clients import Signer, open_clients
from discovery.aws.errors import AwsCallFailed
from discovery.aws.sdk_session import sdk_session
from discovery.aws.session import Session
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Region
from tests.contract.aws.conftest import HOME, HUB, Site

LOOPBACK = ipaddress.IPv4Address("127.0.0.1")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key."""
    return make_certificate(tmp_path / "server.pem")


def make_certificate(file: Path) -> Path:
    """Another one each time."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated")])
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(autouse=True)
def _contexts_of_this_test() -> Iterator[None]:
    tls.context.cache_clear()
    yield
    tls.context.cache_clear()


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str | None, port: int | None
) -> None:
    try:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        back.close()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def encrypted(url: str, bundle: Path) -> AsyncIterator[str]:
    """What is at `url`, behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    behind = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _joined(reader, writer, behind.hostname, behind.port)

    async with _served(serve, context) as port:
        yield f"https://{LOOPBACK}:{port}"


@asynccontextmanager
async def _served(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port at which `serve` answers; every answer has ended when the context has."""
    answering: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        await serve(reader, writer)

    server = await asyncio.start_server(answer, str(LOOPBACK), 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*answering)


@asynccontextmanager
async def proxy() -> AsyncIterator[str]:
    """An HTTP proxy that connects whoever asks to whatever he names."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        host, _, port = asked.rpartition(":")
        await _joined(reader, writer, host, int(port))

    async with _served(serve) as port:
        yield f"http://{LOOPBACK}:{port}"


@asynccontextmanager
async def sessions(*regions: str) -> AsyncIterator[list[Session]]:
    async with open_clients(None, pool=5) as clients:
        signer = Signer(await sdk_session(None).get_credentials())
        yield [
            Session(
                account_id=AccountId(HUB),
                partition="aws",
                region=Region(region),
                clients=clients,
                signer=signer,
            )
            for region in regions
        ]


async def test_every_client_shares_the_one_context(
    site: Site, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(create_urllib3_context())
        return made[-1]

    monkeypatch.setattr(tls, "create_urllib3_context", make)
    async with encrypted(site.url, bundle) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        async with sessions(HOME, "us-east-1", "eu-central-1") as three:
            for session in three:
                await session.call("elasticache:DescribeServerlessCaches")
                await session.call("ec2:DescribeSubnets")
    assert len(made) == 1
    assert len(site.aws.calls) == 6


async def test_no_bundle_is_read_to_ask_an_endpoint_without_tls(site: Site, bundle: Path) -> None:
    """And what is connected then would trust nobody; what needs the bundle reads it."""
    async with encrypted(site.url, bundle) as url, tls.SharedTlsSession(verify=str(bundle)) as one:
        await one.send(AWSRequest("GET", f"{site.url}/").prepare())
        assert tls.context(None, None).cert_store_stats()["x509"] == 0
        assert tls.context(None, None).verify_mode is ssl.CERT_REQUIRED
        assert tls.context.cache_info().currsize == 1, "that context and no other"
        await one.send(AWSRequest("GET", f"{url}/").prepare())
        assert tls.context.cache_info().currsize == 2


@pytest.mark.parametrize("through_proxy", [False, True], ids=["direct", "through-a-proxy"])
@pytest.mark.parametrize("trusted", [False, True], ids=["unknown", "trusted"])
async def test_only_a_trusted_certificate_is_talked_to(
    site: Site,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    trusted: bool,
    through_proxy: bool,
) -> None:
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    async with encrypted(site.url, bundle) as url, proxy() as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        if through_proxy:
            monkeypatch.setenv("HTTPS_PROXY", between)
        async with sessions(HOME) as [session]:
            if trusted:
                await session.call("sts:GetCallerIdentity")
            else:
                with pytest.raises(AwsCallFailed) as raised:
                    await session.call("sts:GetCallerIdentity")
                assert raised.value.error.reason is ScopeReason.UNREACHABLE
    assert len(site.aws.calls) == (1 if trusted else 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param("no certificate\n", "is no PEM file of certificates", id="no-pem"),
        pytest.param("", "is no PEM file of certificates", id="empty"),
    ],
)
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_bundle_that_cannot_be_used_is_named_with_its_variable(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: str | None,
    why: str,
    variable: str,
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(AwsCallFailed) as raised:
        async with site.cloud():
            pass
    assert f"{variable} names {file}, which {why}" in str(raised.value)
    assert "name a PEM file of CA certificates, or a directory" in str(raised.value)
    assert len(site.aws.calls) == 0


async def test_a_directory_without_a_certificate_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README").write_text("none here", "utf-8")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(AwsCallFailed, match="which holds no certificate"):
        async with site.cloud():
            pass


async def test_a_bundle_of_the_profile_is_named_as_such(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nca_bundle = /etc/nowhere.pem\n", "utf-8")
    with pytest.raises(
        AwsCallFailed, match=r"^ca_bundle of the AWS profile names /etc/nowhere\.pem"
    ):
        async with site.cloud():
            pass


async def test_a_directory_of_certificates_is_a_bundle(
    site: Site, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its files are called; what is no certificate beside them does not matter."""
    (bundle.parent / "README").write_text("ours", "utf-8")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle.parent))
    async with encrypted(site.url, bundle) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with site.cloud() as cloud:
            assert cloud.identity.account_id == HUB


async def test_an_untrusted_certificate_comes_with_the_remedy(
    site: Site, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with encrypted(site.url, bundle) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(
            AwsCallFailed, match=r"nobody trusted here has signed .* in AWS_CA_BUNDLE"
        ):
            async with site.cloud():
                pass


async def test_a_bundle_that_was_replaced_is_read_anew(
    site: Site, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a restart, and half a file in between changes nothing."""
    named, other = tmp_path / "ca.pem", make_certificate(tmp_path / "other.pem")
    put(named, bundle)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(named))
    async with (
        encrypted(site.url, bundle) as first,
        encrypted(site.url, other) as second,
        sessions(HOME) as [session],
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", first)
        await session.call("ec2:DescribeSubnets")
        monkeypatch.setenv("AWS_ENDPOINT_URL", second)
        with pytest.raises(AwsCallFailed, match="AWS_CA_BUNDLE"):
            await session.call("elasticache:DescribeUsers")
        put(named, other, share=2)
        await session.call("ec2:DescribeSubnets")
        put(named, other)
        await session.call("elasticache:DescribeUsers")
        with pytest.raises(AwsCallFailed, match="AWS_CA_BUNDLE"):
            await session.call("ec2:DescribeSubnets")


def put(file: Path, source: Path, share: int = 1) -> None:
    """The file has the content of another one, or the beginning of it."""
    content = source.read_bytes()
    file.write_bytes(content[: len(content) // share])
