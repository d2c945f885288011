"""A control plane in a file: a local registry that keeps Teleport's rules for a `db`.

For trying, for tests, and for whoever feeds Teleport from `export`. Every call runs in a thread,
one at a time, so that the disk never holds up the loop. What waits at the same time shares a turn:
writes a transaction, look-ups of single names a query's way to the thread and back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from sqlite_utils import Database as Sqlite

from discovery.control_plane.base import (
    AlreadyExists,
    ClusterInfo,
    ControlPlaneError,
    Malformed,
    NotFound,
    Unavailable,
)
from discovery.control_plane.embedded import storage
from discovery.control_plane.embedded.storage import REGISTRY_FILE
from discovery.control_plane.embedded.validation import validated
from discovery.model.values import Database, ResourceName, Served
from state.errors import Locked, StateError, translate_errors
from state.group_commit import GroupCommit
from state.sqlite import OpenFile, open_writer, read

T = TypeVar("T")
Write = Callable[[Sqlite], None]

KIND = "embedded"


class RegistryUnusable(ControlPlaneError):
    """The registry file is damaged, newer, somebody else's, read-only, or the disk is full."""

    code = "REGISTRY_UNUSABLE"


@contextmanager
def translate_registry_errors() -> Iterator[None]:
    """Turn errors of the registry file into those of a control plane.

    Raises: Unavailable, when the file is in use; else RegistryUnusable.
    """
    try:
        yield
    except Locked as error:
        raise Unavailable(str(error)) from error
    except StateError as error:
        raise RegistryUnusable(str(error)) from error


class EmbeddedReader:
    """Read the registry file: no lock, nothing created; without a file the list is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gets: GroupCommit[ResourceName, Database | None] = GroupCommit(
            self._get_all, is_common=_is_about_the_file
        )

    async def ping(self) -> ClusterInfo:
        """Name the registry's absolute path. Raises: ControlPlaneError, when it cannot be read."""
        await self._query(lambda _: True)
        return cluster_info(self._path)

    async def list_databases(self) -> tuple[Database, ...]:
        """List all resources, by name. Raises: ControlPlaneError."""
        return await self._query(storage.all_databases) or ()

    async def get(self, name: ResourceName) -> Database | None:
        """Read the resource of this name as it is now. Raises: ControlPlaneError."""
        return await self._gets.submit(name)

    async def served(self) -> tuple[Served, ...]:
        """Say nothing: a file has no Database Services."""
        return ()

    def _get_all(self, names: Sequence[ResourceName]) -> Sequence[Database | None]:
        def one_by_one(file: Sqlite) -> Sequence[Database | None]:
            return [storage.one_database(file, name) for name in names]

        return self._read(one_by_one) or [None] * len(names)

    async def _query(self, query: Callable[[Sqlite], T]) -> T | None:
        return await asyncio.to_thread(self._read, query)

    def _read(self, query: Callable[[Sqlite], T]) -> T | None:
        with translate_registry_errors():
            return read(self._path, REGISTRY_FILE, query)


class Embedded(EmbeddedReader):
    """Read and write the registry file, made at the first call and open until `close`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = threading.Lock()
        self._file: OpenFile | None = None
        self._writes: GroupCommit[Write, None] = GroupCommit(
            self._write_all, is_common=_is_about_the_file
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the file; the next call opens it again. Raises: ControlPlaneError."""
        await self._gets.close()
        await self._writes.close()
        await asyncio.to_thread(self._close)

    async def ping(self) -> ClusterInfo:
        """Name the registry's absolute path; makes no file. Raises: ControlPlaneError."""
        await asyncio.to_thread(self._check_identity)
        return await EmbeddedReader(self._path).ping()

    async def create(self, database: Database) -> None:
        """Create the resource. Raises: AlreadyExists, Rejected, ControlPlaneError."""
        checked = validated(database)
        await self._writes.submit(lambda file: storage.insert(file, checked))

    async def update(self, database: Database) -> None:
        """Replace the resource as a whole. Raises: NotFound, Rejected, ControlPlaneError."""
        checked = validated(database)
        await self._writes.submit(lambda file: storage.replace_whole(file, checked))

    async def delete(self, name: ResourceName) -> None:
        """Delete the resource. Raises: NotFound, ControlPlaneError."""
        await self._writes.submit(lambda file: storage.remove(file, name))

    def _read(self, query: Callable[[Sqlite], T]) -> T:
        return self._execute(query)

    def _write_all(self, writes: Sequence[Write]) -> Sequence[None]:
        def in_one_transaction(file: Sqlite) -> Sequence[None]:
            with file.atomic():
                return [write(file) for write in writes]

        return self._execute(in_one_transaction)

    def _close(self) -> None:
        with self._exclusive():
            file, self._file = self._file, None
            if file is not None:
                file.close()

    def _check_identity(self) -> None:
        with self._exclusive():
            if self._file is not None:
                self._file.identity.check()

    def _execute(self, statement: Callable[[Sqlite], T]) -> T:
        with self._exclusive():
            if self._file is None:
                self._file = open_writer(self._path, REGISTRY_FILE)
            with self._file.identity.unchanged():
                return statement(self._file)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the file alone, with its errors translated."""
        with (
            self._lock,
            translate_registry_errors(),
            translate_errors(self._path, REGISTRY_FILE.what, REGISTRY_FILE.remedy),
        ):
            yield


def _is_about_the_file(error: Exception) -> bool:
    """Tell whether an error fails every call alike, not only that about one resource."""
    of_one = (AlreadyExists, NotFound, Malformed)
    return isinstance(error, ControlPlaneError) and not isinstance(error, of_one)


def cluster_info(path: Path) -> ClusterInfo:
    """Describe the registry file as a control plane."""
    return ClusterInfo(kind=KIND, cluster=str(path.resolve()))
