"""The port: what the rest of the agent asks of a control plane, and how it fails.

A dry run is handed a `Reader`, which has no writing method at all (R5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from discovery.model.foreign_text import without_passwords
from discovery.model.values import Database, ResourceName, Served


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInfo:
    """Who answered."""

    kind: str
    """`embedded` or `teleport`."""
    cluster: str
    """The cluster's name; for embedded, the registry's absolute path."""
    version: str = ""
    identity_expires_at: datetime | None = None
    """When it no longer knows this agent; None: never."""


class ControlPlaneError(Exception):
    """A call to the control plane failed. `str()` says what, where and what to do next."""

    code: str = "ERROR"
    retryable: bool = False

    def __init__(self, message: str = "") -> None:
        super().__init__(without_passwords(message))


class AlreadyExists(ControlPlaneError):
    """Create found the name taken."""

    code = "ALREADY_EXISTS"


class NotFound(ControlPlaneError):
    """Update or delete found no such resource. Certain: where reads may lag behind writes, the
    adapter has asked again before it says so."""

    code = "NOT_FOUND"


class Rejected(ControlPlaneError):
    """The control plane does not accept the resource as written."""

    code = "REJECTED"


class Denied(ControlPlaneError):
    """The identity may not do this."""

    code = "DENIED"


class Unavailable(ControlPlaneError):
    """It did not answer, or asked to come back later; worth another try."""

    code = "UNAVAILABLE"
    retryable = True


class Malformed(ControlPlaneError):
    """It answered something that makes no sense; nothing may rest on it."""

    code = "MALFORMED"


class Reader(Protocol):
    """The reading half."""

    async def ping(self) -> ClusterInfo:
        """Say who answers. Raises: ControlPlaneError."""
        ...

    async def list_databases(self) -> tuple[Database, ...]:
        """All visible `db` resources, to the last page. Raises: ControlPlaneError."""
        ...

    async def get(self, name: ResourceName) -> Database | None:
        """One resource as it is now, None if there certainly is none. Raises: ControlPlaneError."""
        ...

    async def served(self) -> tuple[Served, ...]:
        """What Database Services serve, as of a few minutes ago; nothing where there are none, or
        where it cannot be read. Raises nothing: only remarks rest on it."""
        ...


class ControlPlane(Reader, Protocol):
    """Reading and writing."""

    async def create(self, database: Database) -> None:
        """The resource exists. Raises: AlreadyExists, Rejected, Denied, Unavailable."""
        ...

    async def update(self, database: Database) -> None:
        """The resource is replaced as a whole. Raises: NotFound, Rejected, Denied, Unavailable."""
        ...

    async def delete(self, name: ResourceName) -> None:
        """The resource is gone. Raises: NotFound, Denied, Unavailable."""
        ...
