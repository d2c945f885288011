"""The tables of the state file, migration by migration; a released migration never changes.

Instants are text, RFC 3339 in UTC with microseconds, so that their order is their order in time.
Trees (tags, databases, summaries) are JSON; what is asked for by value has a column of its own.
A scope without a region has the region ''. In columns marked "or =", an equals sign stands for
the instant that the row shares with others, so that an unchanged sweep rewrites no cache.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from state.sqlite import FileKind

migrations = Migrations("cachemuster.state")

STATE_FILE = FileKind(
    what="state file",
    application_id=0x434D5354,  # "CMST"
    migrations=migrations,
    version=8,
    remedy="Restore it from a backup, or move it away together with its -wal and -shm files: "
    "the next sweep starts a new one, and the first sweep of a new one removes nothing",
)

_FIRST = """
CREATE TABLE about (
    key TEXT PRIMARY KEY,           -- identity, matching_digest, finished_sweeps, tick
    value TEXT NOT NULL
) STRICT;

CREATE TABLE scopes (
    account_id TEXT NOT NULL,
    region TEXT NOT NULL,
    last_attempt_at TEXT NOT NULL,  -- or =: about.tick
    last_complete_at TEXT,          -- or =: about.tick
    failing_since TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    message TEXT NOT NULL,
    caches INTEGER,
    tags_read_at TEXT,              -- what most of its caches share, or =: about.tick
    PRIMARY KEY (account_id, region)
) STRICT;

CREATE TABLE caches (
    arn TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,     -- or =: last_complete_at of its scope
    status TEXT NOT NULL,
    engine TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    uri TEXT NOT NULL,
    tags TEXT,                      -- NULL: never read
    tags_read_at TEXT,              -- or =: tags_read_at of its scope
    vpc_id TEXT,
    vpc_known INTEGER NOT NULL,
    iam_verdict TEXT
) STRICT;
CREATE INDEX caches_by_scope ON caches (account_id, region);

CREATE TABLE registrations (
    name TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    database TEXT NOT NULL,
    registered_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE misses (
    name TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    reason TEXT NOT NULL,
    scans INTEGER NOT NULL,
    since TEXT NOT NULL,
    last_at TEXT NOT NULL
) STRICT;

CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sweep_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    arn TEXT NOT NULL,
    account_id TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    previous_name TEXT,
    database TEXT,
    at TEXT NOT NULL,
    outcome TEXT,                   -- NULL: open
    finished_at TEXT,
    error_code TEXT,
    error_message TEXT,
    error_retryable INTEGER
) STRICT;
CREATE INDEX journal_open ON journal (id) WHERE outcome IS NULL;
CREATE INDEX journal_by_time ON journal (at);

CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    sweep_id TEXT NOT NULL,
    arn TEXT,
    account_id TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT,
    previous_name TEXT,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_time ON history (at);
CREATE INDEX history_by_arn ON history (arn, id);

CREATE TABLE sweeps (
    sweep_id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    complete INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE INDEX sweeps_by_time ON sweeps (finished_at);
"""


_FLEET = """
ALTER TABLE scopes ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
UPDATE scopes SET failures = 1 WHERE failing_since IS NOT NULL;

CREATE TABLE regions (
    account_id TEXT PRIMARY KEY,
    regions TEXT NOT NULL,          -- the enabled ones, in order, a space between two
    read_at TEXT NOT NULL
) STRICT;
"""


_JUDGED = """
ALTER TABLE caches ADD COLUMN iam_users TEXT NOT NULL DEFAULT '[]';  -- JSON
ALTER TABLE caches ADD COLUMN iam_codes TEXT NOT NULL DEFAULT '';    -- a space between two
"""

_OWNERSHIP = """
ALTER TABLE registrations ADD COLUMN inherited INTEGER NOT NULL DEFAULT 1;
ALTER TABLE journal ADD COLUMN revision TEXT NOT NULL DEFAULT '';

CREATE TABLE removed_registrations (
    name TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    revision TEXT NOT NULL,         -- '' where it is not known
    removed_at TEXT NOT NULL
) STRICT;
CREATE INDEX removed_by_time ON removed_registrations (removed_at);

-- What last happened under each name: SQLite takes the other columns from the row of the maximum.
CREATE TEMP TABLE last_writes AS
    SELECT name, arn, kind, finished_at, max(id) FROM (
        SELECT id, name, arn, kind, finished_at FROM journal
            WHERE outcome = 'done' AND kind <> 'update'
        UNION ALL
        SELECT id, previous_name, arn, 'renamed away', finished_at FROM journal
            WHERE outcome = 'done' AND previous_name IS NOT NULL
    ) GROUP BY name;
UPDATE registrations SET inherited = 0 WHERE (name, arn) IN (
    SELECT name, arn FROM last_writes WHERE kind IN ('create', 'adopt', 'rename', 'replace')
);
INSERT INTO removed_registrations (name, arn, revision, removed_at)
    SELECT name, arn, '', finished_at FROM last_writes WHERE kind = 'delete';
DROP TABLE last_writes;
"""

_TAKEN = """
CREATE TABLE taken_names (          -- wanted, and held by what the list does not show
    name TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT;
"""

_AUDIT_TRAIL = """
ALTER TABLE journal ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';   -- JSON
ALTER TABLE journal ADD COLUMN proven_at TEXT;    -- AWS's time, then or soon after; NULL: not yet
CREATE INDEX journal_by_name ON journal (name);

ALTER TABLE history ADD COLUMN event TEXT NOT NULL DEFAULT 'observed';
ALTER TABLE history ADD COLUMN step INTEGER NOT NULL DEFAULT 1;      -- its place within its sweep
ALTER TABLE history ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';   -- JSON
ALTER TABLE history ADD COLUMN proven_at TEXT;
CREATE INDEX history_by_sweep ON history (sweep_id, id);

ALTER TABLE sweeps ADD COLUMN proven_at TEXT;
ALTER TABLE removed_registrations ADD COLUMN proven_at TEXT;

CREATE INDEX history_undated ON history (id) WHERE proven_at IS NULL;
CREATE INDEX journal_undated ON journal (id) WHERE proven_at IS NULL;
"""


_ACCOUNT_NAMES = """
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    name TEXT NOT NULL              -- as its organization last had it
) STRICT;
"""

_TOTALS = """
ALTER TABLE sweeps ADD COLUMN totals TEXT;        -- JSON; NULL: not counted
"""


@migrations()
def m0001_first(database: Database) -> None:
    """Create the tables of the first version."""
    database.executescript(_FIRST)


@migrations()
def m0002_fleet(database: Database) -> None:
    """Add how often in a row a scope has failed, and the regions of each account."""
    database.executescript(_FLEET)


@migrations()
def m0003_judged(database: Database) -> None:
    """Add who could log in to a cache by its last verdict, and what was found."""
    database.executescript(_JUDGED)


@migrations()
def m0004_ownership(database: Database) -> None:
    """Add which registrations another made, and what this state removed.

    What happened before is told from the journal.
    """
    database.executescript(_OWNERSHIP)


@migrations()
def m0005_taken_names(database: Database) -> None:
    """Add names that caches are to have and that something unseen holds."""
    database.executescript(_TAKEN)


@migrations()
def m0007_audit_trail(database: Database) -> None:
    """Add who recorded an entry and what it changed, ages by AWS's time, failed writes by name."""
    database.executescript(_AUDIT_TRAIL)


@migrations()
def m0008_account_names(database: Database) -> None:
    """Add what organizations call their accounts."""
    database.executescript(_ACCOUNT_NAMES)


@migrations()
def m0009_totals(database: Database) -> None:
    """Add what there was at the end of each sweep, for pictures over time."""
    database.executescript(_TOTALS)
