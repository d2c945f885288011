"""The calls of Teleport's Auth Service that are used: path, request and response.

The service's path is all that travels besides field numbers; grpclib needs no generated stubs.
Source: teleport/README: Methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from discovery.control_plane.teleport.teleport_pb2 import (
    DatabaseV3,
    DatabaseV3List,
    ListDatabasesRequest,
    ListDatabasesResponse,
    ListResourcesRequest,
    ListResourcesResponse,
    PingRequest,
    PingResponse,
    ResourceRequest,
)

SERVICE: Final = "proto.AuthService"

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """A unary call: its name and the types of request and response."""

    name: str
    request: type[Request]
    response: type[Response]

    @property
    def path(self) -> str:
        """The path of the HTTP/2 request."""
        return f"/{SERVICE}/{self.name}"


PING: Final = Method("Ping", PingRequest, PingResponse)
GET_DATABASE: Final = Method("GetDatabase", ResourceRequest, DatabaseV3)
GET_DATABASES: Final = Method("GetDatabases", Empty, DatabaseV3List)
LIST_DATABASES: Final = Method("ListDatabases", ListDatabasesRequest, ListDatabasesResponse)
CREATE_DATABASE: Final = Method("CreateDatabase", DatabaseV3, Empty)
UPDATE_DATABASE: Final = Method("UpdateDatabase", DatabaseV3, Empty)
DELETE_DATABASE: Final = Method("DeleteDatabase", ResourceRequest, Empty)
LIST_RESOURCES: Final = Method("ListResources", ListResourcesRequest, ListResourcesResponse)

METHODS: Final[tuple[Method[Any, Any], ...]] = (
    PING,
    GET_DATABASE,
    GET_DATABASES,
    LIST_DATABASES,
    CREATE_DATABASE,
    UPDATE_DATABASE,
    DELETE_DATABASE,
    LIST_RESOURCES,
)
"""Every call this program knows; `DeleteAllDatabases` is not among them."""
