"""Two definitions, written down apart: where server and adapter know one message, they agree."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from discovery.control_plane.teleport import teleport_pb2
from discovery.sandbox.teleport.messages import fill, from_document, new, to_document
from discovery.sandbox.teleport.schema import MESSAGES

ADAPTERS: dict[str, Descriptor] = dict(teleport_pb2.DESCRIPTOR.message_types_by_name)
SHARED = sorted(set(ADAPTERS) & set(MESSAGES))


def numbers(message: Descriptor) -> dict[str, tuple[int, bool, bool]]:
    """Number, whether it is repeated, whether it is a varint on the wire; by name."""
    return {
        field.name: (
            field.number,
            field.is_repeated,
            field.type
            in (
                FieldDescriptor.TYPE_BOOL,
                FieldDescriptor.TYPE_INT32,
                FieldDescriptor.TYPE_INT64,
                FieldDescriptor.TYPE_ENUM,
            ),
        )
        for field in message.fields
    }


@pytest.mark.parametrize("name", SHARED)
def test_both_definitions_agree(name: str) -> None:
    adapters, servers = numbers(ADAPTERS[name]), numbers(new(name).DESCRIPTOR)
    assert adapters.items() <= servers.items()


def test_they_have_most_in_common() -> None:
    assert {"DatabaseV3", "DatabaseSpecV3", "AWS", "Metadata", "PaginatedResource"} <= set(SHARED)


def test_what_go_always_sends_is_not_in_the_document() -> None:
    document = {
        "metadata": {"name": "orders", "labels": {"engine-version": ""}},
        "spec": {"aws": {"elasticache_serverless": {"cache_name": "orders"}}},
    }
    message = from_document("DatabaseV3", document)
    lean = message.SerializeToString()
    assert len(fill(message).SerializeToString()) > len(lean)
    assert to_document(message) == document
