"""Read one scope: caches first; users, groups, tags and VPCs where there are any.

What is known already is not asked again (`ScanCache`). The rest is asked in parallel, so a scope
takes as long as the list of its caches and the slowest of the other calls.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from discovery.aws.caches import LIST, list_caches
from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.scan_cache import KnownCache, ScanCache
from discovery.aws.session import Session, gather_all
from discovery.aws.tags import read_tags
from discovery.aws.users import read_users_and_groups
from discovery.model.cache_status import ENGINES, may_be_registered
from discovery.model.codes import NoteCode, ScopeReason
from discovery.model.values import UNKNOWN, Arn, Cache, Note, Tags, UnknownType, UsersAndGroups

Read = TypeVar("Read")

_ACTION = re.compile(r"\b(?:elasticache|tag|ec2):[A-Z][A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeQuery:
    """What to read of a scope besides its caches, and what is remembered of them."""

    tags: bool
    """False: tags are switched off, and every cache counts as untagged."""
    users: bool
    refresh_users: bool = False
    """True: a decision depends on users and groups as they are now, so read them again."""
    changed_caches: frozenset[Arn] = frozenset()
    """Caches that an event reported as changed: their tags are read one by one."""
    remembered: Mapping[Arn, KnownCache] = field(default_factory=dict)
    now: datetime


@dataclass(frozen=True, slots=True)
class ScopeReading:
    """What was read of a scope."""

    caches: tuple[Cache, ...]
    users_and_groups: UsersAndGroups | UnknownType
    notes: tuple[Note, ...]
    """What besides the caches could not be read, or only with more calls; each names the action
    to allow."""


async def read_scope(session: Session, query: ScopeQuery, scan_cache: ScanCache) -> ScopeReading:
    """Read all caches of the scope, with what else was readable; the rest is unknown.

    Raises: AwsCallFailed when the caches cannot be listed, or anything answers for another account.
    """
    caches = await list_caches(session)
    candidates = tuple(cache for cache in caches if _may_be_registered(cache))
    if not candidates:
        return ScopeReading(caches, UNKNOWN, ())
    reader = _ScopeReader(session, candidates, query, scan_cache)
    await gather_all(reader.read_tags(), reader.read_vpcs(), reader.read_users_and_groups())
    completed = {
        cache.arn: replace(
            cache,
            tags=reader.tags.get(cache.arn, UNKNOWN),
            vpc_id=reader.vpcs.get(cache.arn, UNKNOWN),
        )
        for cache in candidates
    }
    notes = tuple(note for _, note in sorted(reader.notes.items()))
    return ScopeReading(
        tuple(completed.get(cache.arn, cache) for cache in caches), reader.users_and_groups, notes
    )


def _may_be_registered(cache: Cache) -> bool:
    """Tell whether to read more of a cache; what was not read keeps none out."""
    engine = ENGINES[0] if cache.engine is UNKNOWN else cache.engine
    return may_be_registered("" if cache.status is UNKNOWN else cache.status, engine)


@dataclass(slots=True)
class _ScopeReader:
    """Reads the facts of a scope's caches, and notes what cannot be read."""

    session: Session
    caches: Sequence[Cache]
    query: ScopeQuery
    scan_cache: ScanCache
    tags: Mapping[Arn, Tags] = field(default_factory=dict)
    vpcs: Mapping[Arn, str | None] = field(default_factory=dict)
    users_and_groups: UsersAndGroups | UnknownType = UNKNOWN
    notes: dict[NoteCode, Note] = field(default_factory=dict)
    """What could not be read, or only with more calls."""

    async def read_tags(self) -> None:
        """Read tags. Raises: AwsCallFailed, WRONG_ACCOUNT only, as do the others."""
        now = self.query.now
        if not self.query.tags:
            self.tags = {cache.arn: Tags({}, now, confirmed=True) for cache in self.caches}
            return
        reading = await read_tags(
            self.session,
            self.caches,
            self.query.remembered,
            self.scan_cache.untagged,
            now,
            self.query.changed_caches,
        )
        self.tags = reading.tags
        if reading.errors:
            unknown = f"tags are unknown for {len(reading.errors)} of {len(self.caches)} caches"
            self._note(NoteCode.TAGS_UNKNOWN, unknown, reading.errors[0])
        if reading.bulk_error is not None:
            one_by_one = "tags are asked for with a call for each cache"
            self._note(NoteCode.TAGS_ONE_BY_ONE, one_by_one, reading.bulk_error)

    async def read_vpcs(self) -> None:
        """Read VPCs of caches that state does not know.

        The subnets of a cache never change, so what state remembers of the same cache holds.
        """
        known: dict[Arn, str | None] = {
            cache.arn: vpc_id for cache in self.caches if (vpc_id := self._remembered(cache))
        }
        unknown = [cache for cache in self.caches if cache.arn not in known]
        rest = [cache for cache in unknown if cache.subnet_ids is not UNKNOWN]
        if len(rest) < len(unknown):
            left_out = f"{len(unknown) - len(rest)} of {len(self.caches)} caches without subnets"
            error = malformed_response(left_out, LIST, str(self.session.scope)).error
            self._note(NoteCode.SUBNETS_UNKNOWN, "subnets are unknown", error)
        vpcs = self.scan_cache.vpcs
        answer = await self._or_unknown(vpcs.read(self.session, rest), NoteCode.SUBNETS_UNKNOWN)
        for cache in rest:
            vpc_id = vpcs.of(cache)
            if vpc_id is not None or not cache.subnet_ids or answer is not UNKNOWN:
                known[cache.arn] = vpc_id
        self.vpcs = known

    async def read_users_and_groups(self) -> None:
        """Read users and groups; use earlier ones where no decision depends on them."""
        if not self.query.users:
            return
        kept, scope, now = self.scan_cache.users_and_groups, self.session.scope, self.query.now
        if not self.query.refresh_users:
            known = kept.get(scope, self.caches, now)
            if known is not None:
                self.users_and_groups = known
                return
        reading = read_users_and_groups(self.session, now)
        self.users_and_groups = await self._or_unknown(reading, NoteCode.USERS_UNKNOWN)
        if self.users_and_groups is not UNKNOWN:
            kept.put(scope, self.users_and_groups)

    def _remembered(self, cache: Cache) -> str | None:
        remembered = self.query.remembered.get(cache.arn)
        if remembered is None or not remembered.vpc_known:
            return None
        if cache.created_at is not UNKNOWN and remembered.created_at != cache.created_at:
            return None
        return remembered.vpc_id if remembered.created_at is not None else None

    async def _or_unknown(self, reading: Awaitable[Read], code: NoteCode) -> Read | UnknownType:
        try:
            return await reading
        except AwsCallFailed as failed:
            if failed.error.reason is ScopeReason.WRONG_ACCOUNT:
                raise
            self._note(code, f"{_WHAT[code]} are unknown", failed.error)
            return UNKNOWN

    def _note(self, code: NoteCode, what: str, error: AwsError) -> None:
        self.notes[code] = Note(code, _action_of(error), f"{what}: {error.message}")


_WHAT = {
    NoteCode.SUBNETS_UNKNOWN: "subnets",
    NoteCode.USERS_UNKNOWN: "users and user groups",
}


def _action_of(error: AwsError) -> str:
    """Find the action that failed: the first that the message names."""
    found = _ACTION.search(error.message)
    return found[0] if found else ""
