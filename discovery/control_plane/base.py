"""Interface of a control plane: its calls, and the errors that they raise.

A dry run gets a `Reader`, which has no method that writes (R5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from discovery.model.foreign_text import without_passwords
from discovery.model.values import Database, ResourceName, Served


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInfo:
    """The control plane that answered."""

    kind: str
    """`embedded` or `teleport`."""
    cluster: str
    """The cluster's name; for embedded, the registry's absolute path."""
    version: str = ""
    identity_expires_at: datetime | None = None
    """When the agent's identity expires; None: never."""


class ControlPlaneError(Exception):
    """A failed call to the control plane, with what failed, where and what to do as its text."""

    code: str = "ERROR"
    retryable: bool = False

    def __init__(self, message: str = "") -> None:
        super().__init__(without_passwords(message))


class AlreadyExists(ControlPlaneError):
    """The name of a resource to be created is taken."""

    code = "ALREADY_EXISTS"


class NotFound(ControlPlaneError):
    """There is no such resource to update or delete.

    This is certain: where reads may lag behind writes, the client has read again before.
    """

    code = "NOT_FOUND"


class Rejected(ControlPlaneError):
    """The control plane does not accept the resource as written."""

    code = "REJECTED"


class Denied(ControlPlaneError):
    """The agent's identity may not do this."""

    code = "DENIED"


class Unavailable(ControlPlaneError):
    """No answer, or a request to come back later; worth another try."""

    code = "UNAVAILABLE"
    retryable = True


class Malformed(ControlPlaneError):
    """An answer that makes no sense; nothing may rest on it."""

    code = "MALFORMED"


class Reader(Protocol):
    """A control plane that can be read only."""

    async def ping(self) -> ClusterInfo:
        """Ask the control plane for its name and version. Raises: ControlPlaneError."""
        ...

    async def list_databases(self) -> tuple[Database, ...]:
        """List all visible `db` resources, to the last page. Raises: ControlPlaneError."""
        ...

    async def get(self, name: ResourceName) -> Database | None:
        """Read one resource as it is now, None if there certainly is none.

        Raises: ControlPlaneError.
        """
        ...

    async def served(self) -> tuple[Served, ...]:
        """List what Database Services serve, as of a few minutes ago.

        Returns: nothing where there are none, or where it cannot be read.
        Raises nothing: only remarks rest on it.
        """
        ...


class ControlPlane(Reader, Protocol):
    """A control plane that can be read and written."""

    async def create(self, database: Database) -> None:
        """Create the resource. Raises: AlreadyExists, Rejected, Denied, Unavailable."""
        ...

    async def update(self, database: Database) -> None:
        """Replace the resource as a whole. Raises: NotFound, Rejected, Denied, Unavailable."""
        ...

    async def delete(self, name: ResourceName) -> None:
        """Delete the resource. Raises: NotFound, Denied, Unavailable."""
        ...
