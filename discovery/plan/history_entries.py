"""Every entry that a sweep adds to the history, from its plan and its outcome. Pure.

What was written is not among them: the journal puts it into the history when it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from discovery.model.codes import Action, IamVerdict, Reason, Severity
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import AccountId, Cache, Scope
from discovery.plan.episodes import SweepRef, episode_entries, scope_entries
from discovery.plan.facts import is_recreated
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Item
from discovery.plan.lookups import NameState
from discovery.plan.next_state import StateChanges
from discovery.plan.removal_guard import GuardVerdict
from state.records import (
    Episode,
    HistoryEntry,
    PendingRemoval,
    RememberedCache,
    RememberedScope,
    RememberedState,
    TakenName,
)

_TAKEN: Final = " is taken by a resource that the list does not show"
"""Of caches that were seen before; of a new one the entry of its first sighting says it."""


def history_entries(
    observed: ObservedState,
    items: Sequence[Item],
    changes: StateChanges,
    *,
    episodes: Mapping[str, Episode],
    guard: GuardVerdict,
    of: SweepRef,
) -> tuple[HistoryEntry, ...]:
    """Make the entries of a sweep that came to a plan; none when nothing changed.

    Args:
        observed: What the plan was made from.
        items: The items of the plan with their outcomes.
        changes: What state is to remember of the sweep.
        episodes: The troubles that last after it.
        guard: The verdict of the guard.
        of: The sweep.
    """
    state = observed.plan_input.state
    return (
        *item_entries(items, state, of),
        *taken_entries(changes.taken, items, observed, of),
        *scope_entries(state, changes.scopes, changes.scopes_forgotten, of),
        *episode_entries(state.episodes, episodes, items, guard, of),
    )


def entries_without_plan(
    state: RememberedState,
    scopes: Iterable[RememberedScope],
    *,
    episodes: Mapping[str, Episode],
    of: SweepRef,
    error: str | None,
) -> tuple[HistoryEntry, ...]:
    """Make the entries of a sweep that ended before its plan. `error`: why it did."""
    return (
        *scope_entries(state, scopes, (), of),
        *episode_entries(state.episodes, episodes, (), None, of, error),
    )


# -- caches and registrations --------------------------------------------------------------------


def item_entries(
    items: Iterable[Item], state: RememberedState, of: SweepRef
) -> Iterator[HistoryEntry]:
    """Make an entry for each cache that appeared, was missed, came back, or has a new verdict."""
    for item in items:
        for sentence in _sentences(item, state):
            yield HistoryEntry(
                at=of.at,
                sweep_id=of.sweep_id,
                arn=item.arn,
                scope=item.scope,
                name=item.name,
                previous_name=item.previous_name,
                action=item.action,
                reason=item.reason,
                message=sentence,
            )


def _sentences(item: Item, state: RememberedState) -> Iterator[str]:
    cache = state.caches.get(item.arn) if item.arn is not None else None
    if item.found is not None:
        yield from _sighting(item.found, cache, item)
        yield from _verdict(item, cache)
    if item.live is not None:
        yield from _missing(item, state.pending_removals.get(item.live.name))


def _sighting(found: Cache, before: RememberedCache | None, item: Item) -> Iterator[str]:
    if item.reason is Reason.UNREADABLE:
        return  # it is not remembered, so it would be seen for the first time in every sweep
    if before is None:
        yield f"first seen; {item.message}"
    elif is_recreated(found, before):
        yield "another cache now has this name; what was remembered of the old one is forgotten"


def _verdict(item: Item, before: RememberedCache | None) -> Iterator[str]:
    if item.found is None or is_recreated(item.found, before):
        return
    now = item.iam.verdict if item.iam is not None else IamVerdict.UNKNOWN
    then = before.iam.verdict if before is not None and before.iam is not None else None
    if then is not None and now is not IamVerdict.UNKNOWN and now is not then:
        yield f"IAM login was {then.value} and is {now.value}{_why(item)}"


def _why(item: Item) -> str:
    """What keeps everybody out, if something does."""
    findings = item.iam.findings if item.iam is not None else ()
    blocker = next((each for each in findings if each.severity is Severity.BLOCKER), None)
    return f": {blocker.message}" if blocker is not None else ""


def _missing(item: Item, before: PendingRemoval | None) -> Iterator[str]:
    same = before is not None and before.reason is item.removal_reason
    if item.removal_reason is not None and not same:
        yield f"missed for the first time: {item.message}"
    elif before is not None and item.found is not None and not same and not item.is_inconclusive:
        yield f"came back after {before.scans} scans as {before.reason.value}"


# -- names that something unseen holds -----------------------------------------------------------


def taken_entries(
    after: Iterable[TakenName], items: Iterable[Item], observed: ObservedState, of: SweepRef
) -> tuple[HistoryEntry, ...]:
    """Make an entry for each name that was found taken, and for each that no longer is."""
    state, now = observed.plan_input.state, {(each.name, each.arn): each for each in after}
    then = {(each.name, each.arn): each for each in state.taken.values()}
    by_arn = {item.arn: item for item in items}
    entries = [(now[key], _TAKEN) for key in now.keys() - then.keys() if key[1] in state.caches]
    ended = then.keys() - now.keys()
    entries += [(then[key], _no_longer_taken(then[key], observed)) for key in ended]
    return tuple(
        _taken_entry(taken, text, by_arn.get(taken.arn), of)
        for taken, text in sorted(entries, key=lambda pair: pair[0].name)
    )


def _no_longer_taken(taken: TakenName, observed: ObservedState) -> str:
    since = f", taken unseen since {taken.since:%Y-%m-%d %H:%M:%S} UTC"
    if observed.registry.holders(taken.name):
        return f"{since}, is in the list now"
    if observed.plan_input.looked_up.get(taken.name) is NameState.FREE:
        return f"{since}, is free"
    return f"{since}, is not wanted any more"


def _taken_entry(taken: TakenName, text: str, item: Item | None, of: SweepRef) -> HistoryEntry:
    cache = parse_cache_arn(taken.arn)
    return HistoryEntry(
        at=of.at,
        sweep_id=of.sweep_id,
        arn=taken.arn,
        scope=cache.scope if cache is not None else Scope(AccountId(""), None),
        name=taken.name,
        previous_name=None,
        action=item.action if item is not None else Action.CONFLICT,
        reason=item.reason if item is not None else Reason.NAME_TAKEN_UNSEEN,
        message=f"the name {taken.name}{text}",
    )
