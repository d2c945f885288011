"""The listed `db` resources, sorted by owner (R2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from discovery.model.ownership import CacheArn, NotOurs, owner_of
from discovery.model.values import Arn, Database, ResourceName
from discovery.plan.naming import name_of, same_name
from discovery.plan.resource import address_of
from state.records import IntentKind, RememberedState, RemovedRegistration


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who made a registration of our group: this agent or another one (R2).

    Several agents may have one group: shards, an agent whose state was lost, or two teams that
    copied one configuration. All of them write the same labels, so only the state file tells them
    apart.
    """

    is_known: bool
    """True when state remembers it, or one of its writes has no outcome yet."""
    is_inherited: bool
    """True when this state neither made nor adopted it, and no matcher here has taken its cache."""
    is_listed_late: bool
    """True when the list still shows the revision that this state removed."""
    restored: RemovedRegistration | None
    """The removal by this state of a registration that somebody else made again since."""

    @property
    def may_be_claimed(self) -> bool:
        """True when `adopt` would make it this state's own."""
        return self.is_inherited or self.restored is not None


def provenance_of(live: Database, arn: Arn, state: RememberedState) -> Provenance:
    """Find out who made a registration of the cache `arn`."""
    known, removed = state.registrations.get(live.name), state.removed.get(live.name)
    known = known if known is not None and known.arn == arn else None
    removed = removed if removed is not None and removed.arn == arn else None
    is_listed_late = removed is not None and removed.revision == live.revision != ""
    is_known = known is not None or any(
        (each.intent.name, each.intent.arn) == (live.name, arn) for each in state.open_intents
    )
    made_by_others = known.inherited if known is not None else not is_known and not is_listed_late
    return Provenance(
        is_known=is_known,
        is_inherited=made_by_others,
        is_listed_late=is_listed_late,
        restored=None if is_listed_late else removed,
    )


@dataclass(frozen=True, slots=True)
class Owned:
    """A registration of ours, the cache that it is for, and who made it."""

    database: Database
    cache: CacheArn
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationIndex:
    """What the control plane lists, by cache, name and address."""

    ours: Mapping[Arn, Owned]
    duplicates: tuple[Owned, ...]
    """Further registrations of ours for an ARN that already has one."""
    mismatched: tuple[Database, ...]
    """Resources whose labels say that they are ours, but whose ARN and `spec.aws` differ."""
    half_renamed: Mapping[Arn, Owned]
    """Old names of renames that a crash interrupted; the new names are in `ours`."""
    by_name: Mapping[str, tuple[Database, ...]]
    """Everything listed, by name without case."""
    by_address: Mapping[str, tuple[ResourceName, ...]]
    """Names by the host and port of their URI."""
    group: str

    def holders(self, name: ResourceName) -> tuple[Database, ...]:
        """Find the resources that have a name, in upper or lower case."""
        return self.by_name.get(same_name(name), ())

    def owner_of(self, database: Database) -> CacheArn | NotOurs:
        """Find the cache that a resource of ours is for, or why it is not ours."""
        return owner_of(database, self.group)


def index_registrations(
    listed: Iterable[Database],
    group: str,
    state: RememberedState,
    wanted_name: Callable[[Arn], ResourceName | None],
) -> RegistrationIndex:
    """Index the list by cache, name and address.

    `wanted_name`: tells the name that a found cache is to have, which decides between duplicates.
    """
    by_arn: dict[Arn, list[Owned]] = defaultdict(list)
    by_name: dict[str, list[Database]] = defaultdict(list)
    by_address: dict[str, list[ResourceName]] = defaultdict(list)
    mismatched = []
    for database in sorted(listed, key=lambda each: each.name):
        by_name[same_name(database.name)].append(database)
        by_address[address_of(database.uri)].append(database.name)
        owner = owner_of(database, group)
        if isinstance(owner, CacheArn):
            provenance = provenance_of(database, owner.arn, state)
            by_arn[owner.arn].append(Owned(database, owner, provenance))
        elif owner is NotOurs.IDENTITY_MISMATCH:
            mismatched.append(database)
    ours, duplicates, halves = _one_for_each_cache(by_arn, state, wanted_name)
    return RegistrationIndex(
        ours=ours,
        duplicates=duplicates,
        mismatched=tuple(mismatched),
        half_renamed=halves,
        by_name={name: tuple(found) for name, found in by_name.items()},
        by_address={at: tuple(names) for at, names in by_address.items()},
        group=group,
    )


def _one_for_each_cache(
    by_arn: Mapping[Arn, list[Owned]],
    state: RememberedState,
    wanted_name: Callable[[Arn], ResourceName | None],
) -> tuple[dict[Arn, Owned], tuple[Owned, ...], dict[Arn, Owned]]:
    ours: dict[Arn, Owned] = {}
    duplicates: list[Owned] = []
    halves: dict[Arn, Owned] = {}
    renames = _open_renames(state)
    for arn, owned in by_arn.items():
        if len(owned) == 1:
            ours[arn] = owned[0]
            continue
        if arn in renames and (pair := _both_halves(owned, *renames[arn])):
            ours[arn], halves[arn] = pair
        else:
            ours[arn] = _choose_one(owned, state, wanted_name(arn))
        counted = (ours[arn], halves.get(arn))
        duplicates.extend(each for each in owned if each not in counted)
    return ours, tuple(duplicates), halves


def _open_renames(state: RememberedState) -> dict[Arn, tuple[ResourceName, ResourceName]]:
    """Find the new and the old name of every rename without an outcome (R6)."""
    return {
        each.intent.arn: (each.intent.name, each.intent.previous_name)
        for each in state.open_intents
        if each.intent.kind is IntentKind.RENAME and each.intent.previous_name is not None
    }


def _both_halves(
    owned: list[Owned], new: ResourceName, old: ResourceName
) -> tuple[Owned, Owned] | None:
    named = {each.database.name: each for each in owned}
    return (named[new], named[old]) if new in named and old in named else None


def _choose_one(
    owned: list[Owned], state: RememberedState, wanted_name: ResourceName | None
) -> Owned:
    """Choose which of several counts: one made or adopted here, else by the wanted name (R2).

    Of an inherited one state knows only that it was listed once; a list that is cut short may have
    shown somebody's copy alone.
    """

    def rank(each: Owned) -> tuple[bool, bool, str]:
        known = state.registrations.get(each.database.name)
        is_made_here = known is not None and known.arn == each.cache.arn and not known.inherited
        wanted = wanted_name or _name_without_tags(each.cache)
        return (not is_made_here, each.database.name != wanted, each.database.name)

    return min(owned, key=rank)


def _name_without_tags(cache: CacheArn) -> ResourceName:
    named = name_of(cache.name, cache.region, cache.account_id, tags={}, override=False)
    return named.value
