"""Records as rows and back: one codec for each type of record, declared once.

What is decoded equals what was encoded, but for secrets: `spec.aws.external_id` is stored as its
fingerprint, and what a control plane needs back on a write (`revision`, `opaque`) not at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from discovery.model.agent import Agent
from discovery.model.codes import Action, FindingCode, IamVerdict
from discovery.model.fingerprint import redacted, redacted_change
from discovery.model.interning import intern_mapping, intern_text
from discovery.model.values import AccountId, Change, Database, Region, Scope, Tags
from state.records import (
    Episode,
    HistoryEntry,
    HistoryEvent,
    Intent,
    LastVerdict,
    PendingRemoval,
    Registration,
    RememberedAccount,
    RememberedCache,
    RememberedProbe,
    RememberedRegions,
    RememberedScope,
    RemovedRegistration,
    StateIdentity,
    SweepRecord,
    TakenName,
)

Row = dict[str, Any]
R = TypeVar("R")

SHARED: Final = "="
"""Stands for an instant that the row shares with others: so an unchanged sweep writes few rows."""


@lru_cache(maxsize=128)
def to_iso(at: datetime) -> str:
    """Format an aware datetime as text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@lru_cache(maxsize=128)
def from_iso(text: str) -> datetime:
    """Parse what `to_iso` wrote."""
    return datetime.fromisoformat(text)


def most_common(instants: Iterable[str | None]) -> str | None:
    """Return the instant that occurs most often, the earliest of several; None without any."""
    counts = Counter(at for at in instants if at is not None)
    return min(counts, key=lambda at: (-counts[at], at), default=None)


def share(row: Row, instants: Mapping[str, str | None]) -> None:
    """Put "=" in each of these columns of the row that holds the instant given for it."""
    for column, at in instants.items():
        if at is not None and row[column] == at:
            row[column] = SHARED


def storable(row: Row) -> Row:
    """Escape halves of surrogate pairs: JSON from outside may hold them, UTF-8 cannot."""
    return {
        key: value
        if not isinstance(value, str) or (type(value) is str and value.isascii())
        else value.encode(errors="backslashreplace").decode()
        for key, value in row.items()
    }


tree: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=dict).encode
"""Formats as JSON with sorted keys: equal trees, equal text."""

_parse: Final = json.JSONDecoder(object_pairs_hook=intern_mapping).decode


class Column(NamedTuple):
    """How the values of one type are stored in a column."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


class Spread(NamedTuple):
    """How one field is stored in several columns, or in one that has its own word for None."""

    columns: tuple[str, ...]
    encode: Callable[[Any], Iterable[Any]]
    """Gives the values of the columns, in their order."""
    decode: Callable[..., Any]
    """Takes the values of the columns, in their order."""


class Codec(Generic[R]):
    """Encodes the records of one type as rows of one table, and decodes them.

    A field is in the column of its name, as `_COLUMNS` says for its type; None is NULL. Fields
    for which that does not hold are named in `spread`.
    """

    def __init__(self, table: str, kind: type[R], **spread: Spread) -> None:
        self.table = table
        self._kind = kind
        hints = get_type_hints(kind)
        self._spread = {name: _SCOPE for name in hints if hints[name] is Scope} | spread
        columns = {name: _column(hint) for name, hint in hints.items() if name not in self._spread}
        spread_columns = (name for each in self._spread.values() for name in each.columns)
        self.columns: tuple[str, ...] = (*columns, *spread_columns)
        """Columns of the table, but for those that `extra` values are in."""
        # A sweep encodes or decodes every cache, so what can be looked up is looked up here.
        self._get_columns = attrgetter(*columns)
        self._encoders = [
            (index, each.encode)
            for index, each in enumerate(columns.values())
            if each.encode is not _same
        ]
        self._decoders = [(name, each.decode) for name, each in columns.items()]

    def row(self, record: R, **extra: Any) -> Row:
        """Encode the record; `extra` are values of columns that no field stands for."""
        values = [*self._get_columns(record)]
        for index, encode in self._encoders:
            values[index] = encode(values[index])
        for name, each in self._spread.items():
            values += each.encode(getattr(record, name))
        return dict(zip(self.columns, values, strict=True), **extra)

    def record(self, row: Row) -> R:
        """Decode the row. Raises: ValueError, KeyError, TypeError, AttributeError for damage."""
        values = {name: decode(row[name]) for name, decode in self._decoders}
        for name, (columns, _, decode) in self._spread.items():
            values[name] = decode(*map(row.__getitem__, columns))
        return self._kind(**values)


def _same(value: Any) -> Any:
    return value


def _column(hint: Any) -> Column:
    """The column of a type; of `X | None` that of X, with NULL for None."""
    if NoneType in (members := get_args(hint)):
        encode, decode = _column(next(each for each in members if each is not NoneType))
        return Column(
            _same if encode is _same else lambda value: None if value is None else encode(value),
            lambda value: None if value is None else decode(value),
        )
    hint = getattr(hint, "__supertype__", hint)  # Arn is a NewType of str
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Column(_same, hint)
    return _COLUMNS[hint]


def _database_text(database: Database) -> str:
    return tree(
        {
            "name": database.name,
            "labels": database.labels,
            "description": database.description,
            "spec": redacted(database.spec),
            "metadata": database.metadata,
        }
    )


def _database(text: str) -> Database:
    return Database(**_parse(text))


def _changes_text(changes: Iterable[Change]) -> str:
    shown = map(redacted_change, changes)
    return tree([{"field": each.field, "old": each.old, "new": each.new} for each in shown])


def _changes(text: str) -> tuple[Change, ...]:
    return tuple(Change(**each) for each in json.loads(text))


@lru_cache(maxsize=4096)
def _scope(account_id: str, region: str) -> Scope:
    return Scope(
        AccountId(intern_text(account_id)), Region(intern_text(region)) if region else None
    )


def _tags_columns(tags: Tags | None) -> tuple[str | None, str | None]:
    return (tree(tags.values), to_iso(tags.read_at)) if tags else (None, None)


def _tags(values: str | None, read_at: str) -> Tags | None:
    return None if values is None else Tags(_parse(values), from_iso(read_at), confirmed=False)


def _verdict_columns(iam: LastVerdict | None) -> tuple[str | None, str, str]:
    if iam is None:
        return None, "[]", ""
    return iam.verdict, tree(iam.users) if iam.users else "[]", " ".join(iam.codes)


@lru_cache(maxsize=128)
def _verdict(verdict: str | None, users: str, codes: str) -> LastVerdict | None:
    if verdict is None:
        return None
    names = tuple(map(intern_text, json.loads(users)))
    return LastVerdict(IamVerdict(verdict), names, tuple(map(FindingCode, codes.split())))


_COLUMNS: Final[Mapping[Any, Column]] = {
    str: Column(_same, intern_text),
    int: Column(_same, _same),
    bool: Column(int, bool),
    datetime: Column(to_iso, from_iso),
    Database: Column(_database_text, _database),
    tuple[Change, ...]: Column(_changes_text, _changes),
    Mapping[str, int]: Column(tree, json.loads),
    frozenset[Region]: Column(
        lambda regions: " ".join(sorted(regions)),
        lambda text: frozenset(Region(name) for name in text.split()),
    ),
}
_PLACE: Final = ("account_id", "region")
_SCOPE: Final = Spread(_PLACE, lambda scope: scope.key, _scope)
_SCOPE_OR_NONE: Final = Spread(
    _PLACE,
    lambda scope: scope.key if scope else ("", ""),
    lambda account_id, region: _scope(account_id, region) if account_id else None,
)

CACHES: Final = Codec(
    "caches",
    RememberedCache,
    tags=Spread(("tags", "tags_read_at"), _tags_columns, _tags),
    iam=Spread(("iam_verdict", "iam_users", "iam_codes"), _verdict_columns, _verdict),
)
SCOPES: Final = Codec("scopes", RememberedScope)
"""Beside the record: `tags_read_at`, the instant at which most tags of its caches were read."""
REGIONS: Final = Codec("regions", RememberedRegions)
ACCOUNTS: Final = Codec("accounts", RememberedAccount)
REGISTRATIONS: Final = Codec("registrations", Registration)
REMOVED: Final = Codec("removed_registrations", RemovedRegistration)
PENDING_REMOVALS: Final = Codec("misses", PendingRemoval)
TAKEN_NAMES: Final = Codec("taken_names", TakenName)
PROBES: Final = Codec("probes", RememberedProbe)
SWEEPS: Final = Codec("sweeps", SweepRecord)
INTENTS: Final = Codec("journal", Intent)
HISTORY: Final = Codec(
    "history",
    HistoryEntry,
    event=Spread(
        ("event", "step"),
        lambda event: (event, event.step),
        lambda event, _step: HistoryEvent(event),
    ),
    scope=_SCOPE_OR_NONE,
    action=Spread(
        ("action",), lambda action: (action or "",), lambda text: Action(text) if text else None
    ),
    agent=Spread(("host", "version"), lambda agent: (agent.host, agent.version), Agent),
    checksum=Spread(("checksum",), lambda checksum: (checksum,), intern_text),
)
"""The checksum is read from the sweep's row: `append_history` does not write it."""


def notified_text(conditions: Mapping[str, frozenset[str]]) -> str:
    """Spell the conditions that people were told of, by kind."""
    return tree({kind: sorted(keys) for kind, keys in sorted(conditions.items())})


def notified_of(text: str) -> dict[str, frozenset[str]]:
    """Parse what `notified_text` wrote."""
    return {str(kind): frozenset(map(str, keys)) for kind, keys in json.loads(text).items()}


def episodes_text(episodes: Mapping[str, Episode]) -> str:
    """Format what goes on between sweeps as JSON."""
    return tree({key: [each.code, to_iso(each.since)] for key, each in episodes.items()})


def episodes_of(text: str) -> dict[str, Episode]:
    """Parse what `episodes_text` wrote."""
    found = json.loads(text).items()
    return {key: Episode(code, from_iso(since)) for key, (code, since) in found}


def identity_text(identity: StateIdentity) -> str:
    """Format whose state it is as JSON."""
    return tree(asdict(identity))


def identity_of(text: str) -> StateIdentity:
    """Parse what `identity_text` wrote."""
    return StateIdentity(**json.loads(text))
