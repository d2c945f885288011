"""Every request message, byte by byte, from the field numbers in teleport/README: Messages."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from discovery.control_plane.teleport.convert import database_of, message_of
from discovery.control_plane.teleport.methods import METHODS
from discovery.control_plane.teleport.teleport_pb2 import (
    DatabaseV3,
    ListDatabasesRequest,
    ListResourcesRequest,
    PaginatedResource,
    PingRequest,
    PingResponse,
    ResourceRequest,
)
from discovery.model.values import Database, ResourceName
from tests.support.protobuf_writer import count, text, texts

ORDERS = Database(
    name=ResourceName("orders"),
    labels={"managed-by": "cachemuster"},
    description="a cache",
    spec={
        "protocol": "redis",
        "uri": "orders-x.example:6379",
        "aws": {
            "region": "eu-central-1",
            "account_id": "111122223333",
            "external_id": "eid",
            "assume_role_arn": "arn:aws:iam::111122223333:role/connect",
            "elasticache_serverless": {"cache_name": "orders"},
        },
    },
    revision="r-1",
)

AWS = (
    text(1, "eu-central-1")
    + text(4, "111122223333")
    + text(10, "eid")
    + text(11, "arn:aws:iam::111122223333:role/connect")
    + text(17, text(1, "orders"))
)
METADATA = text(1, "orders") + text(3, "a cache") + texts(5, {"managed-by": "cachemuster"})
SPEC = text(1, "redis") + text(2, "orders-x.example:6379") + text(5, AWS)
CREATED = text(1, "db") + text(3, "v3") + text(4, METADATA) + text(5, SPEC)
UPDATED = text(1, "db") + text(3, "v3") + text(4, METADATA + text(8, "r-1")) + text(5, SPEC)

REQUESTS: list[tuple[str, Message, bytes]] = [
    ("create", message_of(ORDERS, is_new=True), CREATED),
    ("update", message_of(ORDERS, is_new=False), UPDATED),
    ("get or delete", ResourceRequest(name="orders"), text(1, "orders")),
    ("first page", ListDatabasesRequest(page_size=500), count(1, 500)),
    (
        "next page",
        ListDatabasesRequest(page_size=500, page_token="t"),
        count(1, 500) + text(2, "t"),
    ),
    ("all at once", Empty(), b""),
    ("ping", PingRequest(), b""),
    (
        "resources",
        ListResourcesRequest(resource_type="db_service", limit=200, start_key="k"),
        text(1, "db_service") + count(3, 200) + text(4, "k"),
    ),
]


@pytest.mark.parametrize(("_", "request_", "expected"), REQUESTS, ids=[r[0] for r in REQUESTS])
def test_a_request_is_these_bytes(_: str, request_: Message, expected: bytes) -> None:
    assert request_.SerializeToString(deterministic=True) == expected


def test_a_resource_is_read_from_these_bytes() -> None:
    tls = count(1, 2) + text(2, "PEM") + text(3, "name") + count(4, 1)
    dynamic = text(1, "host") + text(2, count(1, 60_000_000_000) + text(2, "hostname"))
    expires = count(1, 1_700_000_000)
    whole = (
        text(1, "db")
        + text(3, "v3")
        + text(4, METADATA + text(2, "default") + text(6, expires) + text(8, "r-1"))
        + text(5, SPEC + text(4, dynamic) + text(8, tls) + text(11, text(1, "admin")))
        + text(6, text(2, text(1, "status-region")))
    )
    found = database_of(DatabaseV3.FromString(whole))
    assert (found.name, found.revision, found.description) == ("orders", "r-1", "a cache")
    assert found.metadata == {"expires": "2023-11-14T22:13:20Z"}
    assert found.spec == {
        **ORDERS.spec,
        "dynamic_labels": {"host": {"period": "60s", "command": ["hostname"]}},
        "tls": {
            "mode": "insecure",
            "ca_cert": "PEM",
            "server_name": "name",
            "trust_system_cert_pool": True,
        },
        "admin_user": {"name": "admin"},
    }


def test_who_answers_is_read_from_these_bytes() -> None:
    pong = PingResponse.FromString(text(1, "c") + text(2, "18.4.0") + text(3, b"\x0a\x00"))
    assert (pong.cluster_name, pong.server_version) == ("c", "18.4.0")


def test_services_and_servers_are_read_from_these_bytes() -> None:
    values = text(1, "env") + text(2, text(1, "prod") + text(1, "test"))
    matcher = text(1, text(1, values)) + text(2, text(1, "role"))
    service = text(9, text(1, text(1, "db_service")) + text(2, text(1, matcher) + text(2, "host")))
    spec = PaginatedResource.FromString(service).database_service.spec
    assert list(spec.resource_matchers[0].labels.values["env"].values) == ["prod", "test"]
    health = text(14, text(3, "healthy"))
    server = text(1, text(5, text(7, "agent") + text(12, CREATED)) + text(6, health))
    read = PaginatedResource.FromString(server).database_server
    assert read.spec.database.metadata.name == "orders"
    assert (read.spec.hostname, read.status.target_health.status) == ("agent", "healthy")


def test_the_paths_are_those_of_the_auth_service() -> None:
    assert {method.path for method in METHODS} == {
        "/proto.AuthService/Ping",
        "/proto.AuthService/GetDatabase",
        "/proto.AuthService/GetDatabases",
        "/proto.AuthService/ListDatabases",
        "/proto.AuthService/CreateDatabase",
        "/proto.AuthService/UpdateDatabase",
        "/proto.AuthService/DeleteDatabase",
        "/proto.AuthService/ListResources",
    }
