"""Identity files: their form, and how tbot writes them."""

from __future__ import annotations

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_public_identity,
)
from cryptography.x509.oid import NameOID

from discovery.sandbox.authorities import new_legacy_key
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.identity import CLUSTER_ATTRIBUTE
from tests.support.teleport_client import CLUSTER, Simulation, blocks, tls


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(CLUSTER)


def leaf(cluster: Cluster, *roles: str) -> x509.Certificate:
    identity = cluster.issue("bot-x", *roles)
    return x509.load_pem_x509_certificate(blocks(identity)[1].encode())


def test_the_order_of_its_parts(cluster: Cluster) -> None:
    text = cluster.issue("bot-x", "editor").text
    starts = [
        line.split(" ")[0] if line.startswith(("@", "ecdsa")) else line
        for line in text.splitlines()
        if line.startswith(("-----BEGIN", "@", "ecdsa"))
    ]
    assert starts == [
        "-----BEGIN PRIVATE KEY-----",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "-----BEGIN CERTIFICATE-----",
        "@cert-authority",
        "-----BEGIN CERTIFICATE-----",
    ]


def test_a_key_of_the_legacy_suite(cluster: Cluster) -> None:
    identity = cluster.issue("bot-x", "editor", key=new_legacy_key())
    assert identity.text.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert "ssh-rsa-cert-v01@openssh.com " in identity.text
    tls(identity)


def test_key_and_certificate_belong_together(cluster: Cluster) -> None:
    key, certificate, authority = blocks(cluster.issue("bot-x", "editor"))
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert load_pem_private_key(key.encode(), None).public_key() == public
    assert authority == cluster.host_ca.newest.pem != cluster.user_ca.newest.pem


def test_the_certificate_says_who_and_where_from(cluster: Cluster) -> None:
    certificate = leaf(cluster, "editor", "auditor")

    def values(name: x509.Name, attribute: x509.ObjectIdentifier) -> list[str | bytes]:
        return sorted(part.value for part in name.get_attributes_for_oid(attribute))

    assert values(certificate.subject, NameOID.COMMON_NAME) == ["bot-x"]
    assert values(certificate.subject, NameOID.ORGANIZATION_NAME) == ["auditor", "editor"]
    assert values(certificate.subject, CLUSTER_ATTRIBUTE) == [CLUSTER]
    assert values(certificate.issuer, NameOID.ORGANIZATION_NAME) == [CLUSTER]
    assert values(certificate.issuer, NameOID.COMMON_NAME) == [CLUSTER]


def test_the_ssh_certificate_is_one(cluster: Cluster) -> None:
    line = cluster.issue("bot-x", "editor").text.split("-----END PRIVATE KEY-----\n")[1]
    certificate = load_ssh_public_identity(line.splitlines()[0].encode())
    assert getattr(certificate, "key_id", None) == b"bot-x"


@pytest.mark.parametrize("lifetime", [timedelta(seconds=2), timedelta(hours=24), -timedelta(1)])
def test_lifetimes(cluster: Cluster, lifetime: timedelta) -> None:
    identity = cluster.issue("bot-x", "editor", lifetime=lifetime)
    left = identity.expires_at - datetime.now(UTC)
    assert abs(left - lifetime) < timedelta(seconds=2)


def test_openssl_agrees(cluster: Cluster, tmp_path: Path) -> None:
    _, certificate, _ = blocks(cluster.issue("bot-x", "editor"))
    (tmp_path / "ca.pem").write_text(cluster.user_ca.newest.pem)
    (tmp_path / "leaf.pem").write_text(certificate)
    said = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"),
            *(str(tmp_path / "ca.pem"), str(tmp_path / "leaf.pem")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_a_file_for_its_owner_alone(cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.issue("bot-x", "editor").write(tmp_path / "identity")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    cluster.issue("bot-x", "editor").write(path)
    assert path.read_text() != first
    assert list(tmp_path.iterdir()) == [path]


def test_as_tbot_writes_it(cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.issue("bot-x", "editor").write(tmp_path / "identity")
    renewed = cluster.issue("bot-x", "editor")
    inode, seen = path.stat().st_ino, []
    for written in renewed.write_as_tbot(path, pieces=5):
        text = path.read_text()
        assert len(text) == written
        assert renewed.text.startswith(text)
        seen.append(written)
    assert seen[0] == 0
    assert len(seen) == 6
    assert path.read_text() == renewed.text
    assert path.stat().st_ino == inode


def test_its_text_is_not_shown(cluster: Cluster) -> None:
    identity = cluster.issue("bot-x", "editor")
    assert "PRIVATE" not in repr(identity)
    assert "PRIVATE" not in str(identity)


async def test_a_renewed_identity_is_another_key_of_the_same_bot(simulation: Simulation) -> None:
    renewed = simulation.cluster.issue("bot-cachemuster", "cachemuster")
    assert blocks(renewed)[0] != blocks(simulation.bot)[0]
    for identity in (simulation.bot, renewed):
        await simulation.caller(identity).call("ListDatabases")
    assert [call.user for call in simulation.teleport.calls] == ["bot-cachemuster"] * 2


async def test_an_rsa_identity_is_let_in(simulation: Simulation) -> None:
    identity = simulation.cluster.issue("bot-old", "cachemuster", key=new_legacy_key())
    assert await simulation.caller(identity).names() == []


def test_the_web_authority_as_a_file(cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.write_web_ca(tmp_path / "web.pem")
    assert ssl.create_default_context(cafile=path).get_ca_certs()
