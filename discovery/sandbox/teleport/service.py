"""What Auth does with each call: roles, rules, reads through the cache, writes to the backend.

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
from discovery.sandbox.teleport.resources import KIND, admitted
from discovery.sandbox.teleport.roles import RoleSet
from discovery.sandbox.teleport.store import Missing, Stale, Stored, Taken

T = TypeVar("T")

SERVICE = "proto.AuthService"


class Refused(Exception):
    """The call ends with this status instead of an answer."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, as the service sees it."""

    cluster: Cluster
    roles: Sequence[str]
    """The names of the caller's roles; what they give is looked up with every question."""
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
        """Raises Refused unless the caller may do all of that."""
        for verb in verbs:
            if not self.rights.may(verb, kind):
                raise Refused(
                    Status.PERMISSION_DENIED,
                    f'access denied to perform action "{verb}" on "{kind}"',
                )

    def require_sight(self, labels: Mapping[str, str]) -> None:
        """Raises Refused unless databases with these labels exist for the caller."""
        if not self.rights.reaches(labels):
            raise Refused(
                Status.PERMISSION_DENIED,
                "access to db denied: the roles' db_labels do not match",
            )

    def seen(self, name: str) -> Stored:
        """The resource as the cache shows it. Raises Refused when it shows none."""
        stored = self.cluster.store.seen(name)
        if stored is None:
            raise _no_such(name)
        return stored


def ping(ask: Ask) -> Message:
    """Who answers; needs no right at all."""
    return new(
        "PingResponse",
        cluster_name=ask.cluster.name,
        server_version=ask.cluster.release.version,
        server_features=b"",
        proxy_public_addr=ask.proxy,
        remote_addr=ask.address,
    )


def domain_name(ask: Ask) -> Message:
    """The cluster's name."""
    return new("GetDomainNameResponse", domain_name=ask.cluster.name)


def cluster_ca(ask: Ask) -> Message:
    """The authorities of the cluster's servers."""
    pem = "".join(authority.pem for authority in ask.cluster.host_ca.trusted)
    return new("GetClusterCACertResponse", tls_ca=pem.encode())


def get_database(ask: Ask) -> Message:
    """One resource; what the roles hide is denied."""
    ask.require(KIND, "read")
    stored = ask.seen(ask.request.name)
    ask.require_sight(stored.labels)
    return stored.message


def get_databases(ask: Ask) -> Message:
    """All resources at once; what the roles hide is left out."""
    ask.require(KIND, "list", "read")
    visible = ask.cluster.store.visible
    return new(
        "DatabaseV3List",
        databases=[stored.message for stored in visible if ask.rights.reaches(stored.labels)],
    )


def list_databases(ask: Ask) -> Message:
    """A page of resources; what the roles hide is left out after the page was cut.

    So pages may be short or empty and still have a token (teleport/README: Not verified).
    """
    if not ask.cluster.release.lists_in_pages:
        raise Refused(Status.UNIMPLEMENTED, f"unknown method ListDatabases for service {SERVICE}")
    ask.require(KIND, "list", "read")
    page, token = _page(
        ask, ask.cluster.store.visible, ask.request.page_size, ask.request.page_token, _name_of
    )
    return new(
        "ListDatabasesResponse",
        databases=[stored.message for stored in page if ask.rights.reaches(stored.labels)],
        next_page_token=token,
    )


def create_database(ask: Ask) -> Message:
    """The resource exists, unless the name is taken, by whomever."""
    message = _admitted(ask)
    ask.require(KIND, "create")
    ask.require_sight(message.metadata.labels)
    try:
        ask.cluster.store.create(message)
    except Taken:
        raise Refused(
            Status.ALREADY_EXISTS, f'database "{message.metadata.name}" already exists'
        ) from None
    return new("Empty")


def update_database(ask: Ask) -> Message:
    """The resource is replaced as a whole; both the old and the new one must be in sight."""
    message = _admitted(ask)
    ask.require(KIND, "update")
    ask.require_sight(ask.seen(message.metadata.name).labels)
    ask.require_sight(message.metadata.labels)
    try:
        ask.cluster.store.update(message)
    except Missing:
        raise _no_such(message.metadata.name) from None
    except Stale:
        raise Refused(
            Status.FAILED_PRECONDITION,
            f'database "{message.metadata.name}" has another revision by now',
        ) from None
    return new("Empty")


def delete_database(ask: Ask) -> Message:
    """The resource is gone, whatever its revision was."""
    name = ask.request.name
    ask.require(KIND, "delete")
    ask.require_sight(ask.seen(name).labels)
    try:
        ask.cluster.store.delete(name)
    except Missing:
        raise _no_such(name) from None
    return new("Empty")


def list_resources(ask: Ask) -> Message:
    """A page of `db_service` or `db_server`; `db` itself is not listed this way.

    What `db_service_labels` do not show is left out without an error, as databases are.
    """
    kind = ask.request.resource_type
    field_name = _LISTABLE.get(kind)
    if field_name is None:
        raise Refused(Status.UNIMPLEMENTED, f"resource type {kind!r} is not supported")
    if ask.request.limit <= 0:
        raise Refused(Status.INVALID_ARGUMENT, "nonpositive parameter limit")
    ask.require(kind, "list", "read")
    placed = ask.cluster.services if kind == "db_service" else ask.cluster.servers
    page, key = _page(
        ask, sorted(placed.items()), ask.request.limit, ask.request.start_key, _key_of
    )
    resources = [
        new("PaginatedResource", **{field_name: message})
        for _, message in page
        if _is_shown(ask, kind, message)
    ]
    return new("ListResourcesResponse", resources=resources, next_key=key)


def _is_shown(ask: Ask, kind: str, message: Message) -> bool:
    if kind == "db_service":
        return ask.rights.reaches_service(message.header.metadata.labels)
    return ask.rights.reaches(message.spec.database.metadata.labels)


_LISTABLE = {"db_service": "database_service", "db_server": "database_server"}


def _page(
    ask: Ask, items: Iterable[T], asked: int, token: str, key: Callable[[T], str]
) -> tuple[Sequence[T], str]:
    """The items that follow, and the token for those after them: where to begin."""
    largest = ask.cluster.habits.page_size
    size = min(asked, largest) if asked > 0 else largest
    size = size if ask.page_limit is None else min(size, ask.page_limit)
    rest = [item for item in items if key(item) >= token]
    following = key(rest[size]) if len(rest) > size else ""
    if ask.repeat_token:
        following = token or following or "again"
    return rest[:size], following


def _name_of(stored: Stored) -> str:
    return stored.name


def _key_of(item: tuple[str, Message]) -> str:
    return item[0]


def _admitted(ask: Ask) -> Message:
    try:
        return admitted(ask.request, knows_serverless=ask.cluster.release.knows_serverless)
    except Rejected as error:
        raise Refused(Status.INVALID_ARGUMENT, str(error)) from error


def _no_such(name: str) -> Refused:
    return Refused(Status.NOT_FOUND, f'database "{name}" doesn\'t exist')


@dataclass(frozen=True, slots=True)
class Procedure:
    """One method: the message it takes, what it does, and what the call is about."""

    request: str
    act: Callable[[Ask], Message]
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
