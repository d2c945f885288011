"""The embedded registry against a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from discovery.control_plane.base import (
    AlreadyExists,
    ClusterInfo,
    ControlPlane,
    ControlPlaneError,
    Malformed,
    NotFound,
    Reader,
    Rejected,
    Unavailable,
)
from discovery.control_plane.embedded.control_plane import (
    Embedded,
    EmbeddedReader,
    RegistryUnusable,
)
from discovery.model.values import ResourceName
from state.store import Store
from tests.support.state_records import EXTERNAL_ID, database_of, with_external_id

GOOD = database_of("sessions")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
async def registry(path: Path) -> AsyncIterator[Embedded]:
    async with Embedded(path) as opened:
        yield opened


def as_ports(path: Path) -> tuple[ControlPlane, Reader]:
    """The type checker holds both to the port."""
    return Embedded(path), EmbeddedReader(path)


def test_the_reader_has_no_writing_method(path: Path) -> None:
    assert not {"create", "update", "delete"} & set(dir(as_ports(path)[1]))


async def test_it_says_where_it_is(registry: Embedded, path: Path) -> None:
    expected = ClusterInfo(kind="embedded", cluster=str(path))
    assert await registry.ping() == expected
    assert await EmbeddedReader(path).ping() == expected


async def test_without_a_file_the_reader_lists_nothing_and_makes_nothing(path: Path) -> None:
    reader = EmbeddedReader(path)
    assert await reader.list_databases() == ()
    assert await reader.get(GOOD.name) is None
    assert (await reader.ping()).cluster == str(path)
    assert list(path.parent.iterdir()) == []


async def test_what_is_created_is_listed_and_got(registry: Embedded, path: Path) -> None:
    secret = with_external_id(database_of("a"))
    await registry.create(GOOD)
    await registry.create(secret)
    for view in (registry, EmbeddedReader(path)):
        assert await view.list_databases() == (secret, GOOD)
        assert await view.get(GOOD.name) == GOOD
        assert await view.get(ResourceName("nobody")) is None
    found = await registry.get(secret.name)
    assert found is not None
    assert found.spec["aws"]["external_id"] == EXTERNAL_ID
    assert mode_of(path) == 0o600


async def test_names_that_differ_in_case_are_two(registry: Embedded) -> None:
    upper = replace(GOOD, name=ResourceName("Sessions"))
    await registry.create(GOOD)
    await registry.create(upper)
    await registry.delete(upper.name)
    assert await registry.list_databases() == (GOOD,)


async def test_create_finds_the_name_taken_and_changes_nothing(registry: Embedded) -> None:
    await registry.create(GOOD)
    with pytest.raises(AlreadyExists, match="'sessions' already exists"):
        await registry.create(database_of("sessions", env="prod"))
    assert await registry.get(GOOD.name) == GOOD


async def test_update_replaces_the_whole_resource(registry: Embedded) -> None:
    await registry.create(replace(GOOD, metadata={"expires": "2030-01-01T00:00:00Z"}))
    bare = replace(
        GOOD, labels={"teleport.dev/origin": "dynamic"}, spec={"protocol": "redis", "uri": "h:1"}
    )
    await registry.update(bare)
    assert await registry.get(GOOD.name) == bare


async def test_every_write_changes_the_revision(registry: Embedded) -> None:
    seen: set[str] = set()
    await registry.create(GOOD)
    for _ in range(3):
        found = await registry.get(GOOD.name)
        assert found is not None
        seen.add(found.revision)
        await registry.update(replace(found, revision="stale"))
    await registry.delete(GOOD.name)
    await registry.create(GOOD)
    found = await registry.get(GOOD.name)
    assert found is not None
    assert len(seen | {found.revision}) == 4


async def test_an_origin_is_added(registry: Embedded) -> None:
    await registry.create(replace(GOOD, labels={"env": "prod"}))
    found = await registry.get(GOOD.name)
    assert found is not None
    assert found.labels == {"env": "prod", "teleport.dev/origin": "dynamic"}


async def test_update_and_delete_of_nothing(registry: Embedded) -> None:
    for call in (registry.update(GOOD), registry.delete(GOOD.name)):
        with pytest.raises(NotFound, match="doesn't exist"):
            await call


async def test_the_rules_hold_on_create_and_update(registry: Embedded) -> None:
    await registry.create(GOOD)
    bad = replace(GOOD, labels={"a b": "c"})
    for call in (registry.create(bad), registry.update(bad)):
        with pytest.raises(Rejected, match="illegal key"):
            await call
    assert await registry.get(GOOD.name) == GOOD


async def test_many_calls_at_once(registry: Embedded) -> None:
    names = [f"n{number:03}" for number in range(60)]
    await asyncio.gather(*(registry.create(database_of(name)) for name in names))
    await asyncio.gather(*(registry.delete(ResourceName(name)) for name in names[::2]))
    assert [database.name for database in await registry.list_databases()] == names[1::2]


async def test_two_processes_worth_of_connections(registry: Embedded, path: Path) -> None:
    async with Embedded(path) as other:
        await registry.create(GOOD)
        with pytest.raises(AlreadyExists):
            await other.create(GOOD)
        await other.delete(GOOD.name)
        assert await registry.list_databases() == ()


async def test_it_opens_again_after_it_was_closed(registry: Embedded) -> None:
    await registry.create(GOOD)
    await registry.close()
    await registry.close()
    assert await registry.list_databases() == (GOOD,)


async def test_hostile_text_comes_back_as_it_went_in(registry: Embedded) -> None:
    labels = {"teleport.dev/origin": "dynamic", "t": "x[/bold]y \x1b[31m \u202e \ud800 \x00" * 50}
    await registry.create(replace(GOOD, labels=labels, description="'; DROP TABLE databases; --"))
    found = await registry.get(GOOD.name)
    assert found is not None
    assert found.labels == labels
    assert found.description == "'; DROP TABLE databases; --"


@pytest.mark.parametrize("kind", [Embedded, EmbeddedReader])
async def test_a_file_that_is_no_registry_is_refused_and_left_alone(
    path: Path, kind: type[Embedded | EmbeddedReader]
) -> None:
    for content in (b"shopping list\n" * 99, state_file(path)):
        put(path, content)
        for call in (kind(path).ping, kind(path).list_databases):
            with pytest.raises(RegistryUnusable) as caught:
                await call()
            assert str(path) in str(caught.value)
            assert "left as it is" in str(caught.value)
            assert caught.value.code == "REGISTRY_UNUSABLE"
            assert not caught.value.retryable
        assert content_of(path) == content


def state_file(path: Path) -> bytes:
    other = path.with_name("state.db")
    Store.open(other).close()
    return other.read_bytes()


@pytest.mark.parametrize("kind", [Embedded, EmbeddedReader])
async def test_a_newer_registry_is_refused(
    registry: Embedded, path: Path, kind: type[Embedded | EmbeddedReader]
) -> None:
    await registry.create(GOOD)
    await registry.close()
    execute(path, "PRAGMA user_version = 7")
    with pytest.raises(RegistryUnusable, match="newer version"):
        await kind(path).list_databases()


async def test_a_row_that_cannot_be_read_fails_the_list(registry: Embedded, path: Path) -> None:
    await registry.create(GOOD)
    await registry.create(database_of("orders"))
    for resource in ("{", "[]", '{"labels": 1}'):
        execute(path, f"UPDATE databases SET resource = '{resource}' WHERE name = 'orders'")
        for view in (registry, EmbeddedReader(path)):
            with pytest.raises(Malformed, match="'orders' that cannot be read"):
                await view.list_databases()
            assert await view.get(GOOD.name) == GOOD


async def test_a_row_that_cannot_be_read_fails_only_who_asks_for_it(
    registry: Embedded, path: Path
) -> None:
    await registry.create(GOOD)
    await registry.create(database_of("orders"))
    execute(path, "UPDATE databases SET resource = '{' WHERE name = 'orders'")
    names = (GOOD.name, ResourceName("orders"), ResourceName("absent"))
    for view in (registry, EmbeddedReader(path)):
        asked = (view.get(name) for name in names)
        good, orders, absent = await asyncio.gather(*asked, return_exceptions=True)
        assert good == GOOD
        assert isinstance(orders, Malformed)
        assert absent is None


async def test_a_missing_directory_and_a_directory_are_said(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "no" / "r.db", "no directory"), (tmp_path, "is a directory")):
        with pytest.raises(RegistryUnusable, match=words):
            await Embedded(path).create(GOOD)


async def test_a_full_disk_changes_nothing(registry: Embedded) -> None:
    await registry.create(GOOD)
    assert registry._file is not None
    pages = registry._file.execute("PRAGMA page_count").fetchone()[0]
    registry._file.execute(f"PRAGMA max_page_count = {pages}")
    big = replace(database_of("big"), description="x" * 50_000)
    with pytest.raises(RegistryUnusable, match="disk is full"):
        await registry.create(big)
    assert await registry.list_databases() == (GOOD,)


async def test_a_registry_in_use_is_worth_another_try(registry: Embedded, path: Path) -> None:
    await registry.create(GOOD)
    assert registry._file is not None
    registry._file.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process") as caught:
        await registry.delete(GOOD.name)
    assert caught.value.retryable
    other.execute("ROLLBACK")
    other.close()
    await registry.delete(GOOD.name)


async def test_no_error_of_sqlite_gets_out(registry: Embedded, path: Path) -> None:
    await registry.create(GOOD)
    execute(path, "DROP TABLE databases")
    for call in (registry.list_databases(), registry.create(GOOD), registry.delete(GOOD.name)):
        with pytest.raises(ControlPlaneError, match="damaged"):
            await call


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()
