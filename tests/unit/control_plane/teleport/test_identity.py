"""Identity files, whole and broken."""

from __future__ import annotations

import ssl
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from discovery.control_plane.teleport.errors import IdentityUnusable
from discovery.control_plane.teleport.identity import Identity, parse_identity, read_certificate
from discovery.sandbox.authorities import new_legacy_key
from discovery.sandbox.teleport.cluster import Cluster

NOW = datetime.now(UTC)
CLUSTER = Cluster("c.example.com")
TEXT = CLUSTER.issue("bot-x", "editor").text
OTHER = CLUSTER.issue("bot-y", "editor").text
BLOCKS = TEXT.split("-----BEGIN ")
KEY, LEAF = (f"-----BEGIN {part.partition('@cert')[0]}" for part in BLOCKS[1:3])
AUTHORITIES = "".join(f"-----BEGIN {part}" for part in BLOCKS[3:])


def parsed(text: str, now: datetime = NOW) -> Identity:
    return parse_identity(text.encode(), now=now)


def test_an_identity_says_who_and_until_when() -> None:
    found = parsed(TEXT)
    assert (found.user, found.cluster) == ("bot-x", "c.example.com")
    assert timedelta(minutes=59) < found.expires_at - NOW <= timedelta(minutes=61)
    assert "PRIVATE" not in repr(found)


def test_a_legacy_key_and_several_authorities_are_taken() -> None:
    cluster = Cluster("c.example.com")
    cluster.begin_rotation()
    found = parsed(cluster.issue("bot-x", "editor", key=new_legacy_key()).text)
    assert found.authorities.count("BEGIN CERTIFICATE") == 2
    assert len(found.context(("h2",)).get_ca_certs()) == 2


def test_lines_that_nobody_knows_are_tolerated() -> None:
    assert parsed(f"# by tbot\r\n{TEXT}\n@something new\n").user == "bot-x"


BROKEN = [
    ("empty", "", "empty"),
    ("no PEM", "hello\n", "empty or no identity file"),
    ("key alone", KEY, "incomplete"),
    ("no authority", KEY + LEAF, "incomplete"),
    ("certificate first", LEAF + KEY + AUTHORITIES, "not a private key"),
    ("two keys", KEY + KEY + LEAF + AUTHORITIES, "incomplete"),
    ("another's key", OTHER.partition("-----END")[0] + TEXT[TEXT.index("-----END") :], "usable"),
    ("a hole in the base64", TEXT.replace("\nM", "\n!", 1), "damaged"),
    ("no certificate inside", KEY + LEAF + LEAF.replace("MII", "AAA", 1), "damaged"),
]


@pytest.mark.parametrize(("_", "text", "says"), BROKEN, ids=[each[0] for each in BROKEN])
def test_anything_else_is_refused(_: str, text: str, says: str) -> None:
    with pytest.raises(IdentityUnusable, match=says):
        parsed(text)


def test_an_authority_that_signed_it_is_left_out() -> None:
    """It vouches for no server, and OpenSSL would send it along."""
    theirs = CLUSTER.user_ca.newest.pem
    assert parsed(TEXT + theirs) == replace(parsed(TEXT), digest=parsed(TEXT + theirs).digest)
    assert not parsed(TEXT).is_chained
    with pytest.raises(IdentityUnusable, match="no authority of the cluster's servers"):
        parsed(KEY + LEAF + theirs)


def test_old_authorities_cannot_be_told_apart() -> None:
    old = Cluster("c.example.com", has_key_ids=False)
    assert parsed(old.issue("bot-x", "editor").text).is_chained


def test_an_expired_one_is_refused() -> None:
    with pytest.raises(IdentityUnusable, match="bot-x expired at"):
        parsed(TEXT, NOW + timedelta(hours=2))


WHOLE_FROM = TEXT.rindex("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")


@given(st.integers(0, WHOLE_FROM - 1))
def test_no_beginning_of_a_file_is_taken_for_a_whole_one(length: int) -> None:
    with pytest.raises(IdentityUnusable):
        parsed(TEXT[:length])


@given(st.integers(0, len(TEXT) - 1), st.binary(min_size=1, max_size=3))
def test_damage_is_refused_or_does_not_matter(at: int, damage: bytes) -> None:
    content = TEXT.encode()[:at] + damage + TEXT.encode()[at + len(damage) :]
    with suppress(IdentityUnusable):
        assert parse_identity(content, now=NOW).authorities


def test_the_context_trusts_the_cluster_alone_and_checks_the_name() -> None:
    context = parsed(TEXT).context(("h2",))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    [authority] = context.get_ca_certs()
    assert (("commonName", "c.example.com"),) in authority["subject"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenSSL is given a file")
def test_the_key_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be writable, as in a container whose root file system is not."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is none"))
    assert parsed(TEXT).context(("h2",)).cert_store_stats()["x509_ca"] == 1


class TestCertificates:
    def test_facts_are_those_that_another_parser_finds(self) -> None:
        pem = LEAF.encode()
        theirs = x509.load_pem_x509_certificate(pem)
        ours = read_certificate(ssl.PEM_cert_to_DER_cert(LEAF.strip()))
        assert ours.expires_at == theirs.not_valid_after_utc
        assert (ours.issuer, ours.subject) == ("c.example.com", "bot-x")
        assert (
            ours.issuer_key
            == theirs.extensions.get_extension_for_class(
                x509.AuthorityKeyIdentifier
            ).value.key_identifier
        )

    def test_an_authority_is_known_by_its_key(self) -> None:
        newest = CLUSTER.user_ca.newest.certificate
        ours = read_certificate(newest.public_bytes(serialization.Encoding.DER))
        assert (
            ours.key
            == newest.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        )
        leaf = read_certificate(ssl.PEM_cert_to_DER_cert(LEAF.strip()))
        assert leaf.may_be_of(ours)
        assert not ours.may_be_of(leaf)

    def test_attributes_of_teleport_are_no_hindrance(self) -> None:
        """Longer values than X.520 knows, and attributes of its own; OpenSSL takes them, too."""
        key, long = new_legacy_key(), "k" * 300
        values = {
            NameOID.COMMON_NAME: "bot-x",
            NameOID.ORGANIZATION_NAME: "editor",
            NameOID.COUNTRY_NAME: "a cluster of Kubernetes",
            NameOID.STREET_ADDRESS: long,
            NameOID.POSTAL_CODE: '{"logins": ["*"]}',
            x509.ObjectIdentifier("1.3.9999.2.5"): "2026-11-23",
        }
        with pytest.warns(UserWarning, match="length"):
            named = [x509.NameAttribute(*each, _validate=False) for each in values.items()]
        subject = x509.Name(named)
        made = CLUSTER.user_ca.newest.issue(subject, NOW, timedelta(hours=1), key=key).certificate
        found = read_certificate(made.public_bytes(serialization.Encoding.DER))
        assert (found.issuer, found.subject) == ("c.example.com", "bot-x")

    @given(st.binary(max_size=80))
    def test_bytes_are_read_or_refused(self, content: bytes) -> None:
        with pytest.raises(ValueError, match=r"no X.509 certificate"):
            read_certificate(content)

    @given(st.integers(0, 400), st.integers(0, 255))
    def test_one_changed_byte_never_breaks_the_reader(self, at: int, byte: int) -> None:
        content = bytearray(ssl.PEM_cert_to_DER_cert(LEAF.strip()))
        content[at] = byte
        try:
            read_certificate(bytes(content))
        except ValueError as error:
            assert str(error) == "it is no X.509 certificate"  # noqa: PT017 - both ends are fine
