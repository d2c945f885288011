"""The registry as its administrator sees it, without the agent's role and its client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlite_utils import Database as Sqlite

from discovery.control_plane.embedded import storage as table
from discovery.control_plane.embedded.storage import REGISTRY_FILE
from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.messages import Message, to_document
from discovery.sandbox.teleport.store import Store
from state.sqlite import open_writer

Written = Callable[[str, str, "Resource | None", "Resource | None"], None]
"""Told of a write just before it happens: what, the name, what stands there, what is to stand."""


@dataclass(frozen=True)
class Resource:
    """A `db`, whoever put it there."""

    name: str
    labels: Mapping[str, str]
    description: str
    spec: Mapping[str, Any]

    @classmethod
    def of(cls, database: Database) -> Resource:
        return cls(database.name, database.labels, database.description, database.spec)

    @property
    def database(self) -> Database:
        return Database(ResourceName(self.name), self.labels, self.description, self.spec)


class Registry(Protocol):
    """What people may do to it at any time."""

    def all(self) -> dict[str, Resource]: ...
    def get(self, name: str) -> Resource | None: ...
    def put(self, resource: Resource) -> None: ...
    def remove(self, name: str) -> None: ...


class FileRegistry:
    """The embedded registry's file, through a connection of people's own."""

    def __init__(self, path: Path) -> None:
        self._file: Sqlite = open_writer(path, REGISTRY_FILE)
        self._own: set[int] = set()
        """Of what was seen, what people did themselves."""
        self._seen = 0

    def all(self) -> dict[str, Resource]:
        return {str(one.name): Resource.of(one) for one in table.all_databases(self._file)}

    def get(self, name: str) -> Resource | None:
        found = table.one_database(self._file, ResourceName(name))
        return Resource.of(found) if found is not None else None

    def put(self, resource: Resource) -> None:
        with self._by_people():
            self._file.execute("DELETE FROM databases WHERE name = ?", [resource.name])
            table.insert(self._file, resource.database)

    def remove(self, name: str) -> None:
        with self._by_people():
            self._file.execute("DELETE FROM databases WHERE name = ?", [name])

    def watch(self, triggers: str) -> None:
        """The file writes down what happens to it from now on, as the triggers say."""
        self._file.executescript(triggers)

    def seen(self) -> list[tuple[str, str, Resource | None]]:
        """What others than people have written since it was last asked: what, the name, what had
        stood there."""
        found = self._file.execute(
            "SELECT id, what, name, old FROM seen WHERE id > ? ORDER BY id", [self._seen]
        ).fetchall()
        self._seen = max([self._seen, *(row[0] for row in found)])
        return [
            (row[1], row[2], _stored(row[2], row[3])) for row in found if row[0] not in self._own
        ]

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _by_people(self) -> Iterator[None]:
        with self._file.atomic():
            before = self._last()
            yield
            self._own.update(range(before + 1, self._last() + 1))

    def _last(self) -> int:
        tables = self._file.execute("SELECT 1 FROM sqlite_master WHERE name = 'seen'").fetchone()
        if tables is None:
            return 0
        return int(self._file.execute("SELECT coalesce(max(id), 0) FROM seen").fetchone()[0])


def _stored(name: str, row: str | None) -> Resource | None:
    if row is None:
        return None
    resource = json.loads(row)
    return Resource(name, resource["labels"], resource["description"], resource["spec"])


class WatchedStore(Store):
    """The backend of a cluster, which reports every write that comes through its API."""

    written: Written
    by_people = False

    @contextmanager
    def people(self) -> Iterator[None]:
        """What is written now is written by people."""
        self.by_people = True
        try:
            yield
        finally:
            self.by_people = False

    def create(self, message: Message) -> None:
        name = message.metadata.name
        if self.get(name) is None:
            self._log("create", name, resource_of(message))
        super().create(message)

    def update(self, message: Message) -> None:
        name, sent = message.metadata.name, message.metadata.revision
        present = self.get(name)
        stale = present is not None and sent not in ("", present.message.metadata.revision)
        if present is not None and not (self.enforces_revisions and stale):
            self._log("update", name, resource_of(message))
        super().update(message)

    def delete(self, name: str) -> None:
        if self.get(name) is not None:
            self._log("delete", name, None)
        super().delete(name)

    def _log(self, what: str, name: str, new: Resource | None) -> None:
        if not self.by_people:
            standing = self.get(name)
            old = resource_of(standing.message) if standing is not None else None
            self.written(what, name, old, new)


def resource_of(message: Message) -> Resource:
    """The resource that a message of the simulated Teleport is."""
    return _resource(to_document(message))


def _resource(document: Mapping[str, Any]) -> Resource:
    metadata = document["metadata"]
    return Resource(
        name=metadata["name"],
        labels=dict(metadata.get("labels", {})),
        description=metadata.get("description", ""),
        spec=document.get("spec", {}),
    )


@dataclass
class ClusterRegistry:
    """A cluster's databases, as an administrator has them."""

    cluster: Cluster
    store: WatchedStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = WatchedStore(self.cluster.clock)
        self.cluster.store = self.store

    def all(self) -> dict[str, Resource]:
        return {name: _resource(each) for name, each in self.cluster.databases.items()}

    def get(self, name: str) -> Resource | None:
        stored = self.store.get(name)
        return resource_of(stored.message) if stored is not None else None

    def put(self, resource: Resource) -> None:
        self.cluster.place(resource.database)

    def remove(self, name: str) -> None:
        with self.store.people():
            if self.store.get(name) is not None:
                self.store.delete(name)
