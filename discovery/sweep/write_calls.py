"""One attempt of each write of an item: read the resource, check it, make the call.

Every attempt reads the resource first. So a retry after a call whose answer was lost finds what
that call did: what it created is there, what it deleted is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlane,
    ControlPlaneError,
    Denied,
    NotFound,
)
from discovery.control_plane.retry import Sleep
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from discovery.sweep.write_result import (
    CreateAttempts,
    DeletedResource,
    create_unknown,
    missing_on_update,
    name_taken,
    registered_unlisted,
)
from discovery.sweep.write_strategy import WriteStrategy, is_registration_of

IsDone = Callable[[Database, CreateAttempts], bool]
"""Tells whether a resource of ours that already has the name is what was to be created."""

_READS_AFTER_TAKEN = 3
_READ_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class WriteCalls:
    """Make single calls to a control plane. Each raises WriteAborted or ControlPlaneError."""

    control_plane: ControlPlane
    group: str
    strategy: WriteStrategy
    sleep: Sleep

    async def create(
        self, item: Item, database: Database, attempts: CreateAttempts, is_done: IsDone
    ) -> None:
        """Create the resource, unless it is there as the result of an earlier attempt."""
        try:
            await self.control_plane.create(database)
        except AlreadyExists as error:
            found = await self._read_taken(database.name)
            if found is None and attempts.unanswered:
                raise create_unknown(item, error, database.name) from error
            ours = found is not None and is_registration_of(item, found, self.group)
            if found is None or not ours or not is_done(found, attempts):
                raise name_taken(item, database.name, self.group if ours else None) from error
        except ControlPlaneError as error:
            attempts.unanswered = attempts.unanswered or error.retryable
            raise

    async def update(self, item: Item, name: ResourceName) -> Database:
        """Write the planned changes over the resource as it is now, and return the result."""
        found = await self._read(name, item)
        if found is None:
            raise missing_on_update(item)
        target = self.strategy.updated(item, found)
        if not changes_between(found, target):
            return target
        try:
            await self.control_plane.update(target)
        except NotFound as error:
            raise missing_on_update(item) from error
        return target

    async def delete(self, item: Item, name: ResourceName, deleted: DeletedResource) -> None:
        """Delete the resource, and keep in `deleted` what it was."""
        found = await self._read(name, item)
        if found is None:
            if deleted.database is None:
                self.strategy.check_absent(item)
            return
        self.strategy.check_delete(item, found)
        deleted.database = found
        try:
            await self.control_plane.delete(name)
        except NotFound:
            return

    async def require_absent(self, item: Item, name: ResourceName) -> None:
        """Check that the cache is not registered under the name that state remembers.

        The list lacks that name. If it is there all the same, a create would register the cache
        twice.
        """
        try:
            found = await self.control_plane.get(name)
        except Denied:  # it is somebody else's: the agent's role may see ours
            return
        if found is not None and is_registration_of(item, found, self.group):
            raise registered_unlisted(item, name)

    async def _read(self, name: ResourceName, item: Item) -> Database | None:
        """Read the resource that was listed again, as it is now."""
        try:
            return await self.control_plane.get(name)
        except Denied as error:
            self.strategy.check_denied(item, name, error)
            raise

    async def _read_taken(self, name: ResourceName) -> Database | None:
        # A read may lag behind the create that took the name (teleport/README: Reads and writes).
        for attempt in range(_READS_AFTER_TAKEN):
            if attempt:
                await self.sleep(_READ_PAUSE_S)
            try:
                found = await self.control_plane.get(name)
            except Denied:  # it is there, and the agent's role may not see it
                return None
            if found is not None:
                return found
        return None
