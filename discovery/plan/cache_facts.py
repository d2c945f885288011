"""Cache facts that AWS never leaves out, and what replaces one that it did leave out (R1).

One entry says of a fact where it is in AWS's answer, in state and in a registration, which label
it becomes, and for which caches its absence means that it was not read. A replacement keeps a
registration as it is; it is never evidence against one. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from discovery.model.cache_status import endpoint_of, may_be_registered, needs_endpoint
from discovery.model.codes import NoteCode
from discovery.model.values import (
    UNKNOWN,
    Cache,
    Database,
    Endpoint,
    KnownCache,
    Note,
)
from state.records import RememberedCache


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFact:
    """Where to find one fact of a cache: in AWS's answer, in state, in a registration.

    Values are UNKNOWN where a source does not have it.
    """

    member: str
    """Name in AWS's answer."""
    field: str
    """Name of the field of `Cache`."""
    label: str = ""
    """The label that a registration has of it, empty for none."""
    from_state: Callable[[RememberedCache], Any]
    from_registration: Callable[[Database], Any] = lambda _: UNKNOWN
    none: Any
    """What absence means for a cache that need not have it yet, or any more."""
    is_needed: Callable[[str, str], bool]
    """By status and engine, whether a cache surely has it."""


def _always(_status: str, _engine: str) -> bool:
    return True


def _label(key: str) -> Callable[[Database], Any]:
    return lambda database: database.labels.get(key) or UNKNOWN


STATUS: Final = CacheFact(
    member="Status",
    field="status",
    from_state=lambda cache: cache.status or UNKNOWN,
    none="",
    is_needed=_always,
)
ENGINE: Final = CacheFact(
    member="Engine",
    field="engine",
    label="engine",
    from_state=lambda cache: cache.engine or UNKNOWN,
    from_registration=_label("engine"),
    none="",
    is_needed=_always,
)
FACTS: Final = (
    STATUS,
    ENGINE,
    CacheFact(
        member="FullEngineVersion",
        field="engine_version",
        label="engine-version",
        from_state=lambda cache: cache.engine_version or UNKNOWN,
        from_registration=_label("engine-version"),
        none="",
        is_needed=may_be_registered,
    ),
    CacheFact(
        member="Endpoint",
        field="endpoint",
        from_state=lambda cache: endpoint_of(cache.uri) or UNKNOWN,
        from_registration=lambda database: endpoint_of(database.uri) or UNKNOWN,
        none=None,
        is_needed=needs_endpoint,
    ),
    CacheFact(
        member="CreateTime",
        field="created_at",
        from_state=lambda cache: cache.created_at or UNKNOWN,
        none=None,
        is_needed=may_be_registered,
    ),
)
"""Status and engine come first: they decide whether the others are needed."""


_FIELDS: Final = tuple(each.name for each in fields(Cache))


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """A cache whose facts are filled in as far as something is remembered."""

    cache: KnownCache
    remembered: Mapping[str, Any]
    """Values used instead of what AWS left out, by AWS's name of the member."""
    missing: tuple[str, ...]
    """Members that were left out, and of which nothing is remembered."""


def fill_in(
    cache: Cache, before: RememberedCache | None, registered: Database | None
) -> KnownFacts:
    """Fill in facts that were not read: from state of this cache, else from its registration."""
    values = {name: getattr(cache, name) for name in _FIELDS}
    remembered: dict[str, Any] = {}
    missing: list[str] = []
    for fact in FACTS:
        if values[fact.field] is not UNKNOWN:
            continue
        values[fact.field] = fact.none
        if not fact.is_needed(values["status"], values["engine"]):
            continue
        if fact.member in cache.malformed:
            continue
        found = _last_known(fact, before, registered)
        if found is UNKNOWN:
            missing.append(fact.member)
        else:
            values[fact.field] = remembered[fact.member] = found
    return KnownFacts(KnownCache(**values), remembered, tuple(missing))


def _last_known(
    fact: CacheFact, before: RememberedCache | None, registered: Database | None
) -> Any:
    found = fact.from_state(before) if before is not None else UNKNOWN
    if found is UNKNOWN and registered is not None:
        return fact.from_registration(registered)
    return found


def to_remember(
    cache: KnownCache, remembered: Mapping[str, Any], before: RememberedCache | None
) -> dict[str, Any]:
    """Choose what state keeps of these facts, by field of `Cache`.

    Never a value that is known only from a registration, which anybody may edit.
    """
    kept = {}
    for fact in FACTS:
        value = getattr(cache, fact.field)
        if fact.member in remembered:
            value = fact.from_state(before) if before is not None else UNKNOWN
        kept[fact.field] = fact.none if value is UNKNOWN else value
    return kept


def remembered_notes(remembered: Mapping[str, Any]) -> tuple[Note, ...]:
    """Note each fact that was filled in."""
    return tuple(
        Note(
            NoteCode.FACT_REMEMBERED,
            member,
            f"AWS's answer leaves out {member}; the last one known, {_shown(value)}, is used",
        )
        for member, value in remembered.items()
    )


def _shown(value: Any) -> str:
    return value.uri if isinstance(value, Endpoint) else str(value)
