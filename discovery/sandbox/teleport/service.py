"""The methods of Auth: roles, rules, reads through the cache, writes to the backend.

Sources: teleport/README: Methods, teleport/README: Validation (order of checks),
teleport/README: Errors, teleport/README: Roles. No sockets and no faults here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from grpclib.const import Status

from discovery.control_plane.base import Rejected
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.messages import Message, new
from discovery.sandbox.teleport.resources import KIND, prepare_database
from discovery.sandbox.teleport.roles import RoleSet
from discovery.sandbox.teleport.store import Missing, Stale, Stored, Taken

T = TypeVar("T")

SERVICE = "proto.AuthService"


class RpcError(Exception):
    """A call that ends with this status instead of an answer."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One call, as the method sees it."""

    cluster: Cluster
    roles: Sequence[str]
    """The names of the caller's roles; what they give is looked up with every call."""
    request: Message
    address: str = ""
    proxy: str = ""
    page_limit: int | None = None
    """No page has more resources than this."""
    repeat_token: bool = False
    """The answer has the token that the request had."""
    rights: RoleSet = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rights", self.cluster.rights(self.roles))

    def require(self, kind: str, *verbs: str) -> None:
        """Raise RpcError unless the caller may do all of that."""
        for verb in verbs:
            if not self.rights.may(verb, kind):
                raise RpcError(
                    Status.PERMISSION_DENIED,
                    f'access denied to perform action "{verb}" on "{kind}"',
                )

    def require_sight(self, labels: Mapping[str, str]) -> None:
        """Raise RpcError unless databases with these labels exist for the caller."""
        if not self.rights.reaches(labels):
            raise RpcError(
                Status.PERMISSION_DENIED,
                "access to db denied: the roles' db_labels do not match",
            )

    def seen(self, name: str) -> Stored:
        """Return the resource as the cache shows it. Raises RpcError when it shows none."""
        stored = self.cluster.store.seen(name)
        if stored is None:
            raise _no_such(name)
        return stored


def ping(call: RpcCall) -> Message:
    """Answer who the server is; needs no right at all."""
    return new(
        "PingResponse",
        cluster_name=call.cluster.name,
        server_version=call.cluster.release.version,
        server_features=b"",
        proxy_public_addr=call.proxy,
        remote_addr=call.address,
    )


def domain_name(call: RpcCall) -> Message:
    """Answer the cluster's name."""
    return new("GetDomainNameResponse", domain_name=call.cluster.name)


def cluster_ca(call: RpcCall) -> Message:
    """Answer the authorities of the cluster's servers."""
    pem = "".join(authority.pem for authority in call.cluster.host_ca.trusted)
    return new("GetClusterCACertResponse", tls_ca=pem.encode())


def get_database(call: RpcCall) -> Message:
    """Answer one resource; one that the roles hide is denied."""
    call.require(KIND, "read")
    stored = call.seen(call.request.name)
    call.require_sight(stored.labels)
    return stored.message


def get_databases(call: RpcCall) -> Message:
    """Answer all resources at once, without those that the roles hide."""
    call.require(KIND, "list", "read")
    visible = call.cluster.store.visible
    return new(
        "DatabaseV3List",
        databases=[stored.message for stored in visible if call.rights.reaches(stored.labels)],
    )


def list_databases(call: RpcCall) -> Message:
    """Answer a page of resources; those that the roles hide are removed after the page was cut.

    So pages may be short or empty and still have a token (teleport/README: Not verified).
    """
    if not call.cluster.release.lists_in_pages:
        raise RpcError(Status.UNIMPLEMENTED, f"unknown method ListDatabases for service {SERVICE}")
    call.require(KIND, "list", "read")
    page, token = _page(
        call, call.cluster.store.visible, call.request.page_size, call.request.page_token, _name_of
    )
    return new(
        "ListDatabasesResponse",
        databases=[stored.message for stored in page if call.rights.reaches(stored.labels)],
        next_page_token=token,
    )


def create_database(call: RpcCall) -> Message:
    """Create the resource, unless the name is taken, by anybody."""
    message = _prepared(call)
    call.require(KIND, "create")
    call.require_sight(message.metadata.labels)
    try:
        call.cluster.store.create(message)
    except Taken:
        raise RpcError(
            Status.ALREADY_EXISTS, f'database "{message.metadata.name}" already exists'
        ) from None
    return new("Empty")


def update_database(call: RpcCall) -> Message:
    """Replace the whole resource; the caller must see both the old and the new one."""
    message = _prepared(call)
    call.require(KIND, "update")
    call.require_sight(call.seen(message.metadata.name).labels)
    call.require_sight(message.metadata.labels)
    try:
        call.cluster.store.update(message)
    except Missing:
        raise _no_such(message.metadata.name) from None
    except Stale:
        raise RpcError(
            Status.FAILED_PRECONDITION,
            f'database "{message.metadata.name}" has another revision by now',
        ) from None
    return new("Empty")


def delete_database(call: RpcCall) -> Message:
    """Delete the resource, whatever its revision was."""
    name = call.request.name
    call.require(KIND, "delete")
    call.require_sight(call.seen(name).labels)
    try:
        call.cluster.store.delete(name)
    except Missing:
        raise _no_such(name) from None
    return new("Empty")


def list_resources(call: RpcCall) -> Message:
    """Answer a page of `db_service` or `db_server`; `db` itself is not listed this way.

    What `db_service_labels` do not show is left out without an error, as databases are.
    """
    kind = call.request.resource_type
    field_name = _LISTABLE.get(kind)
    if field_name is None:
        raise RpcError(Status.UNIMPLEMENTED, f"resource type {kind!r} is not supported")
    if call.request.limit <= 0:
        raise RpcError(Status.INVALID_ARGUMENT, "nonpositive parameter limit")
    call.require(kind, "list", "read")
    placed = call.cluster.services if kind == "db_service" else call.cluster.servers
    page, key = _page(
        call, sorted(placed.items()), call.request.limit, call.request.start_key, _key_of
    )
    resources = [
        new("PaginatedResource", **{field_name: message})
        for _, message in page
        if _is_shown(call, kind, message)
    ]
    return new("ListResourcesResponse", resources=resources, next_key=key)


def _is_shown(call: RpcCall, kind: str, message: Message) -> bool:
    if kind == "db_service":
        return call.rights.reaches_service(message.header.metadata.labels)
    return call.rights.reaches(message.spec.database.metadata.labels)


_LISTABLE = {"db_service": "database_service", "db_server": "database_server"}


def _page(
    call: RpcCall, items: Iterable[T], asked: int, token: str, key: Callable[[T], str]
) -> tuple[Sequence[T], str]:
    """Return the items that follow, and the token for those after them: where to begin."""
    largest = call.cluster.behaviour.page_size
    size = min(asked, largest) if asked > 0 else largest
    size = size if call.page_limit is None else min(size, call.page_limit)
    rest = [item for item in items if key(item) >= token]
    following = key(rest[size]) if len(rest) > size else ""
    if call.repeat_token:
        following = token or following or "again"
    return rest[:size], following


def _name_of(stored: Stored) -> str:
    return stored.name


def _key_of(item: tuple[str, Message]) -> str:
    return item[0]


def _prepared(call: RpcCall) -> Message:
    try:
        return prepare_database(
            call.request, knows_serverless=call.cluster.release.knows_serverless
        )
    except Rejected as error:
        raise RpcError(Status.INVALID_ARGUMENT, str(error)) from error


def _no_such(name: str) -> RpcError:
    return RpcError(Status.NOT_FOUND, f'database "{name}" doesn\'t exist')


@dataclass(frozen=True, slots=True)
class Procedure:
    """One method: the message it takes, what it does, and the resource it is about."""

    request: str
    act: Callable[[RpcCall], Message]
    subject: Callable[[Message], str] = lambda _: ""


PROCEDURES: Mapping[str, Procedure] = {
    "Ping": Procedure("PingRequest", ping),
    "GetDomainName": Procedure("Empty", domain_name),
    "GetClusterCACert": Procedure("Empty", cluster_ca),
    "GetDatabase": Procedure("ResourceRequest", get_database, lambda sent: sent.name),
    "GetDatabases": Procedure("Empty", get_databases),
    "ListDatabases": Procedure("ListDatabasesRequest", list_databases),
    "CreateDatabase": Procedure("DatabaseV3", create_database, lambda sent: sent.metadata.name),
    "UpdateDatabase": Procedure("DatabaseV3", update_database, lambda sent: sent.metadata.name),
    "DeleteDatabase": Procedure("ResourceRequest", delete_database, lambda sent: sent.name),
    "ListResources": Procedure(
        "ListResourcesRequest", list_resources, lambda sent: sent.resource_type
    ),
}
