"""SQLite statements on the registry file, which holds `db` resources by name.

It stands in for Teleport, so it holds external ids as they are; its mode is 0600. Every write is
one statement, so that two processes at a time cannot lose each other's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlite_utils import Database as Sqlite
from sqlite_utils.migrations import Migrations

from discovery.control_plane.base import AlreadyExists, Malformed, NotFound
from discovery.model.interning import intern_mapping, intern_text
from discovery.model.values import Database, ResourceName
from state.sqlite import FileKind

migrations = Migrations("cachemuster.registry")

REGISTRY_FILE = FileKind(
    what="registry",
    application_id=0x434D5247,  # "CMRG"
    migrations=migrations,
    version=1,
    remedy="Restore it from a backup, or move it away together with its -wal and -shm files: "
    "the next sweep registers every wanted cache anew in an empty one",
)


@migrations()
def m0001_databases(database: Sqlite) -> None:
    """Make the table of resources; names that differ in case are two."""
    database.executescript(
        """
        CREATE TABLE databases (
            name TEXT PRIMARY KEY,
            revision TEXT NOT NULL,
            resource TEXT NOT NULL      -- JSON: description, labels, metadata, spec
        ) STRICT;
        """
    )


def all_databases(file: Sqlite) -> tuple[Database, ...]:
    """Read every resource, by name. Raises: Malformed, rather than leave one out."""
    return tuple(_decode(row) for row in file.query("SELECT * FROM databases ORDER BY name"))


def one_database(file: Sqlite, name: ResourceName) -> Database | None:
    """Read the resource of exactly this name."""
    rows = list(file.query("SELECT * FROM databases WHERE name = ?", [name]))
    return _decode(rows[0]) if rows else None


def insert(file: Sqlite, database: Database) -> None:
    """Insert a resource. Raises: AlreadyExists."""
    try:
        file.execute(
            "INSERT INTO databases (name, revision, resource) VALUES (?, ?, ?)",
            [database.name, _new_revision(), _encode(database)],
        )
    except sqlite3.IntegrityError as error:
        raise AlreadyExists(f"database {database.name!r} already exists") from error


def replace_whole(file: Sqlite, database: Database) -> None:
    """Replace a resource; nothing of the former is left. Raises: NotFound."""
    cursor = file.execute(
        "UPDATE databases SET revision = ?, resource = ? WHERE name = ?",
        [_new_revision(), _encode(database), database.name],
    )
    _require_one(cursor, database.name)


def remove(file: Sqlite, name: ResourceName) -> None:
    """Delete a resource. Raises: NotFound."""
    _require_one(file.execute("DELETE FROM databases WHERE name = ?", [name]), name)


def _require_one(cursor: sqlite3.Cursor, name: ResourceName) -> None:
    if cursor.rowcount != 1:
        raise NotFound(f"database {name!r} doesn't exist")


def _new_revision() -> str:
    # Opaque, as in Teleport: changed by every write, and not the former one's successor.
    return str(uuid4())


def _encode(database: Database) -> str:
    resource = {
        "description": database.description,
        "labels": database.labels,
        "metadata": database.metadata,
        "spec": database.spec,
    }
    return json.dumps(resource, sort_keys=True, default=dict)


def _decode(row: Mapping[str, Any]) -> Database:
    try:
        resource = json.loads(row["resource"], object_pairs_hook=intern_mapping)
        return Database(
            name=ResourceName(intern_text(row["name"])),
            labels=_texts(resource["labels"]),
            description=str(resource["description"]),
            spec=_mapping(resource["spec"]),
            metadata=_mapping(resource["metadata"]),
            revision=row["revision"],
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(
            f"the registry holds a resource {row['name']!r} that cannot be read ({error}). "
            "Nothing was changed; restore the registry from a backup, or remove that row"
        ) from error


def _texts(value: object) -> dict[str, str]:
    if not all(isinstance(each, str) for each in _mapping(value).values()):
        raise TypeError("a label is no text")
    return _mapping(value)


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a mapping is missing")
    return value
