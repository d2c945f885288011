"""Files that are not what they should be: each is named, left alone, and never a traceback."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from discovery.model.codes import IamVerdict
from state.errors import Corrupt, Locked, NewerSchema, StateError, Unwritable
from state.migrations import STATE_FILE, m0001_first, m0002_fleet, migrations
from state.queries import TICK
from state.recording import put_fact
from state.records import IntentOutcome, LastVerdict, RememberedState
from state.reserve import reserve_of
from state.rows import to_iso
from state.sqlite import FileKind, open_writer, read
from state.store import Store, load_state
from tests.contract.state.conftest import ROOT
from tests.support.state_records import (
    START,
    cache_of,
    intent_of,
    outcome_of,
    registration_of,
)

OPENERS = pytest.mark.parametrize("opener", [Store.open, load_state], ids=["writer", "reader"])
Opener = Callable[[Path], object]


def filled(path: Path) -> bytes:
    with Store.open(path) as store:
        store.record(outcome_of(caches=tuple(cache_of(f"c{number}") for number in range(200))))
    return path.read_bytes()


def garbage(_: bytes) -> bytes:
    return b"this is a shopping list, not a database\n" * 40


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_in_a_page(content: bytes) -> bytes:
    return content[: len(content) - 1000]


def scribbled(content: bytes) -> bytes:
    return content[:4096] + b"\xff" * 40960 + content[4096 + 40960 :]


@pytest.mark.parametrize("damage", [garbage, halved, cut_in_a_page, scribbled])
@OPENERS
def test_a_damaged_file_is_reported_and_not_touched(
    path: Path, opener: Opener, damage: Callable[[bytes], bytes]
) -> None:
    broken = damage(filled(path))
    path.write_bytes(broken)
    with pytest.raises(Corrupt) as caught:
        opener(path)
    assert str(path) in str(caught.value)
    assert "left as it is" in str(caught.value)
    assert "backup" in str(caught.value)
    assert path.read_bytes() == broken
    assert set(path.parent.iterdir()) == {path, reserve_of(path)}


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def from_another_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1196444487")
    connection.close()


@pytest.mark.parametrize("make", [foreign, from_another_program])
@OPENERS
def test_another_programs_file_is_refused(
    path: Path, opener: Opener, make: Callable[[Path], None]
) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="another program"):
        opener(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@OPENERS
def test_a_newer_file_is_refused(path: Path, opener: Opener) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchema, match=r"schema 99, this program knows 9.*upgrade"):
        opener(path)
    assert path.read_bytes() == before


@OPENERS
def test_an_empty_file_is_a_new_one(path: Path, opener: Opener) -> None:
    path.touch()
    opened = opener(path)
    if isinstance(opened, Store):
        with opened:
            assert opened.load() == RememberedState()
            opened.record(outcome_of(caches=(cache_of("orders"),)))
        assert len(load_state(path).caches) == 1
    else:
        assert opened == RememberedState()
        assert path.read_bytes() == b""


def test_an_emptied_file_whose_log_is_still_there_is_damaged(path: Path) -> None:
    path.touch()
    log = path.with_name("state.db-wal")
    log.write_bytes(b"all that is left")
    with pytest.raises(Corrupt, match="its log"):
        Store.open(path)
    assert log.read_bytes() == b"all that is left"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE caches SET tags = '{'",
        "UPDATE caches SET first_seen_at = 'yesterday'",
        "UPDATE caches SET iam_verdict = 'perhaps'",
        "UPDATE caches SET iam_users = 'alice'",
        "UPDATE caches SET iam_codes = 'NO_LUCK'",
        "UPDATE scopes SET status = 'dreaming'",
        "UPDATE about SET value = '[]' WHERE key = 'identity'",
        "UPDATE about SET value = 'many' WHERE key = 'finished_sweeps'",
        "UPDATE about SET value = 'soon' WHERE key = 'tick'",
        "UPDATE registrations SET database = '[1]'",
        "DELETE FROM scopes",
        "DROP TABLE misses",
    ],
)
def test_a_row_edited_by_hand_is_reported(path: Path, statement: str) -> None:
    with Store.open(path) as store:
        store.record(outcome_of(caches=(cache_of("c"),), inherited=(registration_of("c"),)))
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    for remember in (load_state, lambda at: Store.open(at).load()):
        with pytest.raises(Corrupt, match="damaged"):
            remember(path)


@OPENERS
def test_a_directory_is_no_file(tmp_path: Path, opener: Opener) -> None:
    with pytest.raises(Unwritable, match="is a directory"):
        opener(tmp_path)


@OPENERS
def test_a_missing_directory_is_named(tmp_path: Path, opener: Opener) -> None:
    with pytest.raises(Unwritable, match=f"no directory {tmp_path / 'gone'}"):
        opener(tmp_path / "gone" / "state.db")
    assert list(tmp_path.iterdir()) == []


@OPENERS
def test_a_loop_of_links_is_an_error_with_a_sentence(tmp_path: Path, opener: Opener) -> None:
    link = tmp_path / "a.db"
    link.symlink_to(tmp_path / "b.db")
    (tmp_path / "b.db").symlink_to(link)
    with pytest.raises(Unwritable, match="cannot be used"):
        opener(link)


def test_a_symbolic_link_leads_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "state.db"
    link.symlink_to(tmp_path / "disk" / "real.db")
    with Store.open(link) as store:
        store.begin(intent_of())
        assert len(load_state(link).open_intents) == 1
    assert [file.name for file in (tmp_path / "disk").iterdir()] == ["real.db"]
    assert link.is_symlink()


def test_a_path_with_signs_that_mean_something_in_an_address(tmp_path: Path) -> None:
    path = tmp_path / "état?mode=memory#1 %20.db"
    with Store.open(path) as store:
        store.begin(intent_of())
    assert len(load_state(path).open_intents) == 1


def test_a_full_disk_is_said_and_nothing_is_lost(store: Store) -> None:
    kept = store.begin(intent_of())
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unwritable, match="disk is full"):
        store.record(outcome_of(caches=tuple(cache_of(f"c{n}") for n in range(500))))
    assert [each.intent_id for each in store.load().open_intents] == [kept]
    store._database.execute("PRAGMA max_page_count = 100000")
    store.finish(kept, IntentOutcome.DONE, None, START)
    assert len(store.load().registrations) == 1


@pytest.mark.slow
def test_a_write_that_the_system_refuses_is_said_and_nothing_is_lost(path: Path) -> None:
    with Store.open(path) as store:
        store.begin(intent_of())
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from state.errors import Unwritable\n"
        "from state.store import Store\n"
        "from tests.support.state_records import cache_of, outcome_of\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try: store.record(outcome_of(caches=tuple(cache_of(f'c{n}') for n in range(900))))\n"
        "except Unwritable as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "cannot be written" in done.stdout
    state = load_state(path)
    assert len(state.open_intents) == 1
    assert state.caches == {}


def test_another_writer_is_named_as_such(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store._database.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Locked, match="another process"):
        store.begin(intent_of())
    other.close()


OPEN_AND_SAY = """
from pathlib import Path
from state.errors import StateError
from state.store import Store, load_state
try:
    print({call})
except StateError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_read_only_file_is_read_but_not_written(
    plain_user: tuple[Path, Callable[[str], str]],
) -> None:
    directory, run = plain_user
    run(OPEN_AND_SAY.format(call="Store.open(Path('s.db')).begin(None) if 0 else 1"))
    run("from pathlib import Path; from state.store import Store; Store.open(Path('s.db')).close()")
    (directory / "s.db").chmod(0o400)
    directory.chmod(0o555)
    assert run(OPEN_AND_SAY.format(call="load_state(Path('s.db')).finished_sweeps")) == "0"
    said = run(OPEN_AND_SAY.format(call="Store.open(Path('s.db'))"))
    assert said.startswith("Unwritable the state file")
    assert [file.name for file in directory.iterdir()] == ["s.db"]


@pytest.mark.slow
def test_an_unreadable_file_and_directory_are_said(
    plain_user: tuple[Path, Callable[[str], str]],
) -> None:
    directory, run = plain_user
    run("from pathlib import Path; from state.store import Store; Store.open(Path('s.db')).close()")
    (directory / "s.db").chmod(0o000)
    for call in ("load_state(Path('s.db'))", "Store.open(Path('s.db'))"):
        said = run(OPEN_AND_SAY.format(call=call))
        assert said.startswith("Unwritable the state file")
        assert "cannot be read: this user may not read it" in said
    directory.chmod(0o555)
    said = run(OPEN_AND_SAY.format(call="Store.open(Path('new.db'))"))
    assert "Permission denied" in said


def test_the_version_is_the_number_of_migrations(path: Path) -> None:
    Store.open(path).close()
    connection = sqlite3.connect(path)
    database = Database(connection)
    assert [each.name for each in migrations.applied(database)] == [
        "m0001_first",
        "m0002_fleet",
        "m0003_judged",
        "m0004_ownership",
        "m0005_taken_names",
        "m0007_audit_trail",
        "m0008_account_names",
        "m0009_totals",
        "m0010_probes",
    ]
    assert migrations.pending(database) == []
    assert len(migrations.applied(database)) == STATE_FILE.version
    connection.close()


def test_a_file_of_the_first_version_keeps_its_scopes(path: Path) -> None:
    first = Migrations("cachemuster.state")
    first(name="m0001_first")(m0001_first)
    old = FileKind("state file", STATE_FILE.application_id, first, 1, "Restore.")
    database = open_writer(path, old)
    put_fact(database, TICK, to_iso(START))
    for number, failing_since in ((1, None), (2, to_iso(START))):
        database.execute(
            "INSERT INTO scopes VALUES (?, '', '=', '=', ?, 'failed', 'DENIED', '', 1, '=')",
            [f"{number:012d}", failing_since],
        )
    database.close()
    assert [scope.failures for scope in load_state(path).scopes.values()] == [0, 1]
    Store.open(path).close()
    state = load_state(path)
    assert [scope.failures for scope in state.scopes.values()] == [0, 1]
    assert state.regions == {}


def test_a_file_of_the_second_version_keeps_its_verdicts(path: Path) -> None:
    second = Migrations("cachemuster.state")
    second(name="m0001_first")(m0001_first)
    second(name="m0002_fleet")(m0002_fleet)
    old = FileKind("state file", STATE_FILE.application_id, second, 2, "Restore.")
    database = open_writer(path, old)
    put_fact(database, TICK, to_iso(START))
    database.execute(
        "INSERT INTO scopes VALUES ('1', 'r', '=', '=', NULL, 'complete', NULL, '', 1, '=', 0)"
    )
    at = to_iso(START)
    for name, verdict in (("a", "ready"), ("b", None)):
        database.execute(
            "INSERT INTO caches VALUES (?, '1', 'r', ?, NULL, ?, '=', 'available', 'valkey', '8.1',"
            " '', NULL, NULL, NULL, 0, ?)",
            [name, name, at, verdict],
        )
    database.close()
    verdicts = [LastVerdict(IamVerdict.READY), None]
    assert [cache.iam for cache in load_state(path).caches.values()] == verdicts
    Store.open(path).close()
    assert [cache.iam for cache in load_state(path).caches.values()] == verdicts


def two_versions() -> tuple[FileKind, FileKind]:
    old, new = Migrations("test"), Migrations("test")
    for migrations_so_far in (old, new):

        @migrations_so_far()
        def m1(database: Database) -> None:
            database.executescript("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1);")

    @new()
    def m2(database: Database) -> None:
        database.executescript("ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 7;")

    return FileKind("file", 77, old, 1, "Restore."), FileKind("file", 77, new, 2, "Restore.")


def test_an_older_file_is_read_as_if_it_were_new_and_stays_old(path: Path) -> None:
    old, new = two_versions()
    open_writer(path, old).close()
    before = path.read_bytes()
    found = read(path, new, lambda database: list(database.query("SELECT * FROM t")))
    assert found == [{"a": 1, "b": 7}]
    assert path.read_bytes() == before


def test_an_older_file_is_brought_up_to_date_by_the_writer(path: Path) -> None:
    old, new = two_versions()
    open_writer(path, old).close()
    database = open_writer(path, new)
    assert list(database.query("SELECT * FROM t")) == [{"a": 1, "b": 7}]
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


def test_a_migration_that_fails_leaves_the_old_file(path: Path) -> None:
    old, new = two_versions()
    open_writer(path, old).close()

    @new.migrations()
    def m3(database: Database) -> None:
        database.execute("CREATE TABLE half (a)")
        database.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StateError):
        open_writer(path, FileKind("file", 77, new.migrations, 3, "Restore."))
    found = read(path, old, lambda database: database.table_names())
    assert found is not None
    assert "half" not in found


def test_every_sentence_says_what_stayed_and_what_to_do(path: Path) -> None:
    filled(path)
    path.write_bytes(garbage(b""))
    with pytest.raises(Corrupt) as caught:
        Store.open(path)
    assert str(caught.value) == (
        f"the state file {path} is damaged: file is not a database. It was left as it is. "
        "Restore it from a backup, or move it away together with its -wal and -shm files: the "
        "next sweep starts a new one, and the first sweep of a new one removes nothing"
    )


FILL_AND_READ = """
import os, subprocess, sys
from pathlib import Path
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", sys.argv[1]], check=True)
from datetime import UTC, datetime
from state.errors import StateError
from state.store import Store, load_state

path = Path(sys.argv[1]) / "state.db"
if os.fork() == 0:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    Store.open(path).pause(now, now)
    os._exit(0)  # as if killed: the log stays
os.wait()
path.with_name("state.db-shm").unlink()
with path.with_name("fill").open("wb", buffering=0) as fill:
    try:
        while True:
            fill.write(bytes(4096))
    except OSError:
        pass
for use in (load_state, Store.open):
    try:
        use(path)
    except StateError as error:
        print(error)
"""


def test_a_writer_that_found_the_disk_full_leaves_nothing_that_a_reader_needs_room_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    with Store.open(path) as store:
        store.begin(intent_of())
    path.with_name("state.db-wal").touch()
    assert len(load_state(path).open_intents) == 1
    assert not path.with_name("state.db-shm").exists()


@pytest.mark.slow
def test_on_a_full_disk_a_reader_and_a_writer_name_the_full_disk(tmp_path: Path) -> None:
    command = ["unshare", "--map-root-user", "--mount", sys.executable, "-c", FILL_AND_READ]
    if subprocess.run([*command[:3], "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    read, written = done.stdout.splitlines()
    assert "cannot be read: the disk is full; make room" in read
    assert "cannot be written: the disk is full; make room" in written
