"""How a cache shows itself in TLS: names, versions, hosts that are none."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from discovery.sandbox.data_plane.client_files import write_client_files
from discovery.sandbox.data_plane.faults import CONNECT, Effect, Fault
from discovery.sandbox.data_plane.server import SimulatedCaches
from tests.support.simulated_caches import CACHE, LOOPBACK, DataPlane, sign


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls_are_spoken(plane: DataPlane, version: ssl.TLSVersion) -> None:
    context = plane.tls()
    context.minimum_version = context.maximum_version = version
    async with plane.connect(context=context) as client:
        assert await client.ask("AUTH", "app", sign(plane.key)) == b"+OK"


async def test_a_public_cache_speaks_the_newer_one_only(plane: DataPlane) -> None:
    plane.region.add_cache("shop", group="people", public=True)
    shop = plane.region.caches.get("shop")
    assert shop is not None
    async with plane.connect(shop.host) as client:
        assert await client.ask("AUTH", "app", sign(plane.key, host="shop")) == b"+OK"
    old = plane.tls()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        async with plane.connect(shop.host, old):
            pass
    assert plane.calls[-1].error == "(TLS refused)"


async def test_the_server_name_tells_caches_apart(plane: DataPlane) -> None:
    plane.region.add_cache("carts", group="people")
    plane.account.region("us-east-1").add_cache(CACHE)
    hosts = [plane.cache.host]
    for region, name in (("eu-central-1", "carts"), ("us-east-1", CACHE)):
        cache = plane.account.region(region).caches.get(name)
        assert cache is not None
        hosts.append(cache.host)
    for host in (*hosts, hosts[0].upper()):
        async with plane.connect(host) as client:
            await client.ask("PING")
    met = [(call.region, call.cache) for call in plane.calls if call.command == CONNECT]
    there = [("eu-central-1", CACHE), ("eu-central-1", "carts"), ("us-east-1", CACHE)]
    assert met == [*there, there[0]]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "orders-000000.serverless.euc1.cache.amazonaws.com",
        "orders.serverless.euc1.cache.amazonaws.com",
        "x",
    ],
)
async def test_a_host_that_is_none(plane: DataPlane, host: str) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        async with plane.connect(host):
            pass
    assert plane.calls[-1].error == "(no such host)"


@pytest.mark.parametrize(
    "change",
    [{"status": "creating"}, {"status": "create-failed"}, {"engine": "memcached"}],
    ids=lambda change: next(iter(change.values())),
)
async def test_a_cache_that_does_not_answer(plane: DataPlane, change: dict[str, str]) -> None:
    plane.region.change_cache(CACHE, **change)
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        async with plane.connect():
            pass


async def test_a_client_without_tls(plane: DataPlane) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, plane.port)
    writer.write(b"*1\r\n$4\r\nPING\r\n")
    assert await reader.read(-1) == b""
    writer.close()
    await writer.wait_closed()
    assert plane.calls[-1].error == "(no TLS)"


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (Effect.UNTRUSTED_CERTIFICATE, "unable to get local issuer certificate"),
        (Effect.OTHER_HOST_CERTIFICATE, "Hostname mismatch"),
        (Effect.EXPIRED_CERTIFICATE, "certificate has expired"),
    ],
)
async def test_a_certificate_that_is_wrong(plane: DataPlane, effect: Effect, words: str) -> None:
    plane.caches.faults.add(Fault(effect=effect, command=CONNECT, times=1))
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        async with plane.connect():
            pass
    async with plane.connect() as client:
        assert await client.ask("AUTH", "app", sign(plane.key)) == b"+OK"


async def test_nothing_is_trusted_but_the_file(plane: DataPlane, tmp_path: Path) -> None:
    hosts = write_client_files(plane.caches, plane.address, tmp_path)
    stranger = write_client_files(SimulatedCaches(plane.world), "", tmp_path / ".")
    assert hosts == stranger  # written over, with another authority
    context = ssl.create_default_context(cafile=str(tmp_path / "caches-ca.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        async with plane.connect(context=context):
            pass
