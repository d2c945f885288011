"""Unknown fields survive read, change and write; a document and a message say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.control_plane.base import Malformed, Rejected
from discovery.control_plane.teleport.convert import database_of, message_of
from discovery.control_plane.teleport.teleport_pb2 import DatabaseV3
from discovery.model.values import Database, ResourceName
from tests.support.protobuf_writer import count, text, texts

UNKNOWN = text(90, "future")


def read(content: bytes) -> Database:
    return database_of(DatabaseV3.FromString(content))


def test_unknown_fields_survive_at_every_depth() -> None:
    """Oracle options (13), RDS (AWS 3), an old id (metadata 7), and fields of years to come."""
    serverless = text(1, "orders") + UNKNOWN
    aws = text(1, "eu-central-1") + text(3, text(1, "i")) + text(17, serverless) + UNKNOWN
    spec = text(1, "redis") + text(2, "u") + text(5, aws) + text(13, text(1, "o")) + UNKNOWN
    metadata = text(1, "orders") + count(7, 5) + UNKNOWN
    found = read(text(4, metadata) + text(5, spec) + UNKNOWN)
    changed = replace(
        found,
        labels={"new": "label"},
        spec={**found.spec, "aws": {**found.spec["aws"], "account_id": "111122223333"}},
    )
    aws_after = (
        text(1, "eu-central-1")
        + text(4, "111122223333")
        + text(17, serverless)
        + text(3, text(1, "i"))
        + UNKNOWN
    )
    spec_after = text(1, "redis") + text(2, "u") + text(5, aws_after)
    metadata_after = text(1, "orders") + texts(5, {"new": "label"}) + count(7, 5) + UNKNOWN
    expected = (
        text(1, "db")
        + text(3, "v3")
        + text(4, metadata_after)
        + text(5, spec_after + text(13, text(1, "o")) + UNKNOWN)
        + UNKNOWN
    )
    written = message_of(changed, is_new=False)
    assert written.SerializeToString(deterministic=True) == expected


def test_a_part_of_only_unknown_fields_stays() -> None:
    content = text(4, text(1, "a")) + text(5, text(8, UNKNOWN))
    written = message_of(read(content), is_new=False)
    assert UNKNOWN in written.spec.tls.SerializeToString()


def test_status_is_never_written_and_a_new_one_has_no_revision() -> None:
    content = text(4, text(1, "a") + text(8, "r")) + text(6, text(2, text(1, "region")) + UNKNOWN)
    assert not message_of(read(content), is_new=False).HasField("status")
    assert message_of(read(content), is_new=False).metadata.revision == "r"
    assert message_of(read(content), is_new=True).metadata.revision == ""


def test_empty_and_missing_are_the_same() -> None:
    content = text(4, text(1, "a") + text(3, "")) + text(5, text(5, text(17, b"")) + text(8, b""))
    assert read(content).spec == {}


def test_what_is_taken_out_of_the_document_is_taken_out_of_the_message() -> None:
    aws = text(1, "r") + text(11, "role") + texts(15, {"a": "b", "c": "d"})
    tls = count(1, 1) + text(3, "n")
    found = read(text(4, text(1, "a")) + text(5, text(5, aws) + text(8, tls)))
    spec = {"aws": {"region": "r", "session_tags": {"c": "d"}}, "tls": {"server_name": "n"}}
    assert database_of(message_of(replace(found, spec=spec), is_new=False)).spec == spec


EXPIRY = [count(1, 1_700_000_000) + count(2, 5), count(1, 999_999_999_999)]


@pytest.mark.parametrize("expires", EXPIRY, ids=["nanoseconds", "beyond the year 9999"])
def test_a_time_goes_back_as_it_came(expires: bytes) -> None:
    found = read(text(4, text(1, "a") + text(6, expires)))
    written = message_of(replace(found, description="new"), is_new=False)
    assert written.metadata.expires.SerializeToString() == expires


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown key", {"gcp": {"project_id": "p"}}, "spec.gcp"),
    ("unknown key inside", {"aws": {"rds": {}}}, "spec.aws.rds"),
    ("wrong kind", {"uri": 5}, "spec.uri"),
    ("text for a tree", {"aws": "text"}, "spec.aws"),
    ("unknown mode", {"tls": {"mode": "sometimes"}}, "spec.tls.mode"),
    ("odd period", {"dynamic_labels": {"a": {"period": "soon"}}}, "period"),
]


@pytest.mark.parametrize(("_", "spec", "where"), REFUSED, ids=[each[0] for each in REFUSED])
def test_what_no_message_can_say_is_refused(_: str, spec: dict[str, Any], where: str) -> None:
    with pytest.raises(Rejected, match=where.replace(".", r"\.")):
        message_of(Database(ResourceName("a"), {}, "", spec), is_new=True)


def test_damaged_memory_is_malformed() -> None:
    with pytest.raises(Malformed):
        message_of(Database(ResourceName("a"), {}, "", {}, opaque=b"\xff"), is_new=True)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
filled = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
labels = st.dictionaries(words, words, max_size=3)


def trees(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


specs = trees(
    protocol=filled,
    uri=filled,
    ca_cert=filled,
    aws=trees(
        region=filled,
        account_id=filled,
        external_id=filled,
        assume_role_arn=filled,
        session_tags=st.dictionaries(words, words, min_size=1, max_size=3),
        elasticache_serverless=st.just({"cache_name": "c"}),
    ).filter(bool),
    tls=trees(
        mode=st.sampled_from(["verify-ca", "insecure"]),
        server_name=filled,
        trust_system_cert_pool=st.just(True),
    ).filter(bool),
    admin_user=st.just({"name": "n"}),
    dynamic_labels=st.dictionaries(
        words,
        trees(
            period=st.sampled_from(["60s", "1ns", "90000000001ns"]),
            command=st.lists(words, min_size=1, max_size=2),
            result=filled,
        ),
        min_size=1,
        max_size=2,
    ),
)
databases = st.builds(
    Database, name=filled.map(ResourceName), labels=labels, description=words, spec=specs
)


@pytest.mark.slow
@given(databases)
def test_a_document_becomes_a_message_and_is_the_same_again(database: Database) -> None:
    again = database_of(message_of(database, is_new=True))
    assert again.document() == database.document()


@pytest.mark.slow
@given(databases, databases)
def test_any_resource_becomes_any_other(old: Database, new: Database) -> None:
    live = database_of(message_of(old, is_new=True))
    written = message_of(replace(new, opaque=live.opaque), is_new=False)
    assert database_of(written).document() == new.document()


@given(st.binary(max_size=60))
def test_whatever_a_server_sends_is_read_or_refused(content: bytes) -> None:
    try:
        message = DatabaseV3.FromString(content)
    except Exception as error:
        assert type(error).__name__ == "DecodeError"  # noqa: PT017 - one class, by any runtime
        return
    found = database_of(message)
    assert database_of(message_of(found, is_new=False)).spec == found.spec
