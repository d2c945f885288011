"""Teleport's Database Services: which databases they would serve, and which they do serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from discovery.control_plane.base import Malformed
from discovery.control_plane.teleport.errors import Attempt
from discovery.control_plane.teleport.methods import LIST_RESOURCES, Method, Request, Response
from discovery.control_plane.teleport.teleport_pb2 import (
    DatabaseResourceMatcher,
    ListResourcesRequest,
    PaginatedResource,
)
from discovery.model.values import Served
from matchers.selectors import InvalidPattern, Selector

_PAGE: Final = 200
_PAGES_LIMIT: Final = 1000


class QueryClient(Protocol):
    """A client that can query a cluster."""

    async def ask(
        self, method: Method[Request, Response], request: Request, attempt: Attempt
    ) -> Response:
        """Make a call that only reads. Raises: ControlPlaneError."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceMatcher:
    """One entry of `resources` of one Database Service."""

    labels: Mapping[str, tuple[str, ...]]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a database with these labels is served by it.

        Source: teleport/README: Database Service.
        """
        if not self.labels:
            return False
        if self.labels.get("*") == ("*",):
            return True
        return all(
            key in labels and _matches(values, labels[key]) for key, values in self.labels.items()
        )


def _matches(values: tuple[str, ...], value: str) -> bool:
    try:
        return Selector.of(values).matches(value)
    except InvalidPattern:
        return False  # Teleport takes nothing by it either


async def service_matchers(reader: QueryClient) -> tuple[tuple[ServiceMatcher, ...], ...]:
    """List the matchers of every Database Service. Raises: ControlPlaneError."""
    found = await _resources(reader, "db_service", "listing Database Services")
    return tuple(
        tuple(
            ServiceMatcher(_labels(matcher))
            for matcher in each.database_service.spec.resource_matchers
        )
        for each in found
        if each.HasField("database_service")
    )


async def served_databases(reader: QueryClient) -> tuple[Served, ...]:
    """List every database that some Database Service serves.

    Registered ones and those of its own configuration. Raises: ControlPlaneError.
    """
    found = await _resources(reader, "db_server", "listing what Database Services serve")
    servers = (each.database_server for each in found if each.HasField("database_server"))
    return tuple(
        Served(
            name=each.spec.database.metadata.name,
            uri=each.spec.database.spec.uri,
            host=each.spec.hostname,
            health=each.status.target_health.status,
        )
        for each in servers
    )


def _labels(matcher: DatabaseResourceMatcher) -> dict[str, tuple[str, ...]]:
    return {key: tuple(each.values) for key, each in matcher.labels.values.items()}


async def _resources(reader: QueryClient, kind: str, doing: str) -> list[PaginatedResource]:
    found: list[PaginatedResource] = []
    seen: set[str] = set()
    key = ""
    while True:
        request = ListResourcesRequest(resource_type=kind, limit=_PAGE, start_key=key)
        response = await reader.ask(LIST_RESOURCES, request, Attempt(doing, "list", kind))
        found += response.resources
        key = response.next_key
        if not key:
            return found
        if key in seen or len(seen) >= _PAGES_LIMIT:
            raise Malformed(f"{doing}: the cluster gave the same page twice")
        seen.add(key)
