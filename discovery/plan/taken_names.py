"""Names that are taken by what the list does not show: what is remembered of them, and told. Pure.

A name is remembered until a look-up shows it free, or nobody wants it any more (R10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from discovery.model.codes import Action, Reason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import AccountId, Arn, ResourceName, Scope
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Item
from discovery.plan.lookups import NameState
from discovery.plan.next_state import is_decided, is_inconclusive
from state.records import HistoryEntry, TakenName


def taken_after(
    items: Iterable[Item], observed: ObservedState, started_at: datetime
) -> tuple[TakenName, ...]:
    """The names that are taken unseen after a sweep whose items came out like this."""
    state = observed.plan_input.state
    items = tuple(items)
    found = dict(_met(items))
    undecided = {item.arn for item in items if is_inconclusive(item)}
    for name, taken in state.taken.items():
        if name not in found and _says_nothing_of(taken, observed, undecided):
            found[name] = taken.arn
    return tuple(
        before
        if (before := state.taken.get(name)) is not None and before.arn == arn
        else TakenName(name=name, arn=arn, since=started_at)
        for name, arn in sorted(found.items())
    )


def _met(items: Iterable[Item]) -> Iterator[tuple[ResourceName, Arn]]:
    """The names in which this sweep met what it may not see."""
    for item in items:
        met_by_write = item.reason is Reason.NAME_TAKEN_UNSEEN
        name = item.taken_name or (item.name if met_by_write else None)
        if name is not None and item.arn is not None:
            yield name, item.arn


def _says_nothing_of(taken: TakenName, observed: ObservedState, undecided: set[Arn | None]) -> bool:
    """True when this sweep learned nothing of the cache that wants the name."""
    cache = parse_cache_arn(taken.arn)
    if cache is None or observed.plan_input.targets.part.other_shard(cache.scope):
        return False
    if taken.arn in observed.arns_found:
        return taken.arn in undecided
    return not is_decided(cache.scope, observed)


def taken_history(
    after: Iterable[TakenName],
    items: Iterable[Item],
    observed: ObservedState,
    *,
    sweep_id: str,
    at: datetime,
) -> tuple[HistoryEntry, ...]:
    """An entry for each name that was found taken now, and for each that is so no longer."""
    state, now = observed.plan_input.state, {(each.name, each.arn): each for each in after}
    then = {(each.name, each.arn): each for each in state.taken.values()}
    by_arn = {item.arn: item for item in items}
    told = [(now[key], _BEGINS) for key in now.keys() - then.keys() if key[1] in state.caches]
    told += [(then[key], _ended(then[key], observed)) for key in then.keys() - now.keys()]
    return tuple(
        _entry(taken, text, by_arn, sweep_id, at)
        for taken, text in sorted(told, key=lambda pair: pair[0].name)
    )


_BEGINS = " is taken by a resource that the list does not show"
"""Told of caches that were seen before; of a new one the entry of its first sighting tells it."""


def _ended(taken: TakenName, observed: ObservedState) -> str:
    since = f", taken unseen since {taken.since:%Y-%m-%d %H:%M:%S} UTC"
    if observed.registry.holders(taken.name):
        return f"{since}, is in the list now"
    if observed.plan_input.looked_up.get(taken.name) is NameState.FREE:
        return f"{since}, is free"
    return f"{since}, is not wanted any more"


def _entry(
    taken: TakenName, text: str, items: Mapping[Arn | None, Item], sweep_id: str, at: datetime
) -> HistoryEntry:
    item, cache = items.get(taken.arn), parse_cache_arn(taken.arn)
    return HistoryEntry(
        at=at,
        sweep_id=sweep_id,
        arn=taken.arn,
        scope=cache.scope if cache is not None else Scope(AccountId(""), None),
        name=taken.name,
        previous_name=None,
        action=item.action if item is not None else Action.CONFLICT,
        reason=item.reason if item is not None else Reason.NAME_TAKEN_UNSEEN,
        message=f"the name {taken.name}{text}",
    )
