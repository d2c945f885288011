"""Everything a sweep wants to know of one scope: caches first, the rest where there are any.

What is known already is not asked again (`Knowledge`); what has to be asked is asked at once, so a
scope takes the time of two calls to AWS, the list of its caches and the slowest of the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from discovery.aws.caches import list_caches
from discovery.aws.faults import AwsFault
from discovery.aws.knowledge import Knowledge
from discovery.aws.session import Session, together
from discovery.aws.tags import read_tags
from discovery.aws.users import read_directory
from discovery.codes import ScopeReason
from discovery.model import UNKNOWN, Arn, Cache, Directory, Tags, UnknownType
from state.records import RememberedCache

Read = TypeVar("Read")

_ENGINES = ("redis", "valkey")
_NEVER_REGISTERED = ("creating", "deleting", "create-failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be read besides the caches, and what is remembered of them."""

    tags: bool
    """False: tags are switched off, and every cache counts as untagged."""
    users: bool
    fresh_users: bool = False
    """True: a decision hangs on users and groups as they are now, whatever is known of them."""
    named: frozenset[Arn] = frozenset()
    """Caches that somebody has just changed: each is asked for its tags itself."""
    remembered: Mapping[Arn, RememberedCache]
    now: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a scope."""

    caches: tuple[Cache, ...]
    directory: Directory | UnknownType
    remarks: tuple[str, ...]
    """What could not be read besides, and what to do about it."""


async def read_scope(session: Session, question: Question, knowledge: Knowledge) -> Reading:
    """All caches of the scope, with what else was readable; the rest is unknown.

    Raises: AwsFault when the caches cannot be listed, or anything answers for another account.
    """
    caches = await list_caches(session)
    candidates = tuple(cache for cache in caches if may_be_registered(cache))
    if not candidates:
        return Reading(caches, UNKNOWN, ())
    facts = _Facts(session, candidates, question, knowledge)
    await together(facts.read_tags(), facts.read_vpcs(), facts.read_directory())
    completed = {
        cache.arn: replace(
            cache,
            tags=facts.tags.get(cache.arn, UNKNOWN),
            vpc_id=facts.vpcs.get(cache.arn, UNKNOWN),
        )
        for cache in candidates
    }
    remarks = tuple(remark for _, remark in sorted(facts.remarks.items()))
    return Reading(
        tuple(completed.get(cache.arn, cache) for cache in caches), facts.directory, remarks
    )


def may_be_registered(cache: Cache) -> bool:
    """False for caches that no tag and no user can make a database of."""
    return cache.engine.lower() in _ENGINES and cache.status not in _NEVER_REGISTERED


@dataclass(slots=True)
class _Facts:
    """What is found out about the caches of a scope, and what could not be."""

    session: Session
    caches: Sequence[Cache]
    question: Question
    knowledge: Knowledge
    tags: Mapping[Arn, Tags] = field(default_factory=dict)
    vpcs: Mapping[Arn, str | None] = field(default_factory=dict)
    directory: Directory | UnknownType = UNKNOWN
    remarks: dict[str, str] = field(default_factory=dict)
    """What is unknown, by what it is about."""

    async def read_tags(self) -> None:
        """Raises: AwsFault, WRONG_ACCOUNT only, as do the others."""
        now = self.question.now
        if not self.question.tags:
            self.tags = {cache.arn: Tags({}, now, confirmed=True) for cache in self.caches}
            return
        reading = await read_tags(
            self.session,
            self.caches,
            self.question.remembered,
            self.knowledge.untagged,
            now,
            self.question.named,
        )
        self.tags = reading.tags
        if reading.faults:
            unknown = f"tags are unknown for {len(reading.faults)} of {len(self.caches)} caches"
            self.remarks["tags"] = f"{unknown}: {reading.faults[0].message}"

    async def read_vpcs(self) -> None:
        """A cache's subnets are chosen when it is made and never change; so what state knows of
        this very cache holds."""
        known: dict[Arn, str | None] = {
            cache.arn: vpc_id for cache in self.caches if (vpc_id := self._remembered(cache))
        }
        rest = [cache for cache in self.caches if cache.arn not in known]
        vpcs = self.knowledge.vpcs
        answer = await self._or_unknown(vpcs.read(self.session, rest), "subnets")
        for cache in rest:
            vpc_id = vpcs.of(cache)
            if vpc_id is not None or not cache.subnet_ids or answer is not UNKNOWN:
                known[cache.arn] = vpc_id
        self.vpcs = known

    async def read_directory(self) -> None:
        """Users and groups that were read a while ago serve, unless a decision hangs on them."""
        if not self.question.users:
            return
        directories, scope, now = self.knowledge.directories, self.session.scope, self.question.now
        if not self.question.fresh_users:
            known = directories.serving(scope, self.caches, now)
            if known is not None:
                self.directory = known
                return
        reading = read_directory(self.session, now)
        self.directory = await self._or_unknown(reading, "users and user groups")
        if self.directory is not UNKNOWN:
            directories.keep(scope, self.directory)

    def _remembered(self, cache: Cache) -> str | None:
        remembered = self.question.remembered.get(cache.arn)
        if remembered is None or cache.created_at is None or not remembered.vpc_known:
            return None
        return remembered.vpc_id if remembered.created_at == cache.created_at else None

    async def _or_unknown(self, reading: Awaitable[Read], what: str) -> Read | UnknownType:
        try:
            return await reading
        except AwsFault as error:
            if error.fault.reason is ScopeReason.WRONG_ACCOUNT:
                raise
            self.remarks[what] = f"{what} are unknown: {error.fault.message}"
            return UNKNOWN
