"""Failures that last over several sweeps, with a history entry for their start and end. Pure.

Scopes that cannot be read, verbs that the role is denied, a guard that refuses: none of them has
an entry in the sweeps between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from discovery.model.values import Scope
from discovery.plan.item import Item
from discovery.plan.removal_guard import GuardVerdict
from state.records import Episode, HistoryEntry, HistoryEvent, RememberedScope, RememberedState

GUARD: Final = "guard"
CONTROL_PLANE: Final = "control_plane"
DENIED: Final = "DENIED"
_EVENTS: Final = {
    GUARD: (HistoryEvent.GUARD_REFUSED, HistoryEvent.GUARD_CLEARED),
    CONTROL_PLANE: (HistoryEvent.CONTROL_PLANE_UNREAD, HistoryEvent.CONTROL_PLANE_READ),
}
_WRITES: Final = (HistoryEvent.WRITES_DENIED, HistoryEvent.WRITES_ALLOWED)
_ENDED: Final = {GUARD: "the guard refuses no more", CONTROL_PLANE: "it is read again"}
_ONE_BY_ONE: Final = 20
"""Scopes that start or stop failing for one reason in one sweep; more of them share an entry."""


@dataclass(frozen=True, slots=True)
class SweepRef:
    """The sweep that a history entry belongs to."""

    sweep_id: str
    at: datetime


def next_outage(before: Mapping[str, Episode], code: str, at: datetime) -> dict[str, Episode]:
    """Work out the episodes after a sweep that could not read the control plane."""
    return {**before, CONTROL_PLANE: _goes_on(before.get(CONTROL_PLANE), code, at)}


def without_outage(before: Mapping[str, Episode]) -> dict[str, Episode]:
    """Work out the episodes after a sweep that read the list of registrations."""
    return {key: episode for key, episode in before.items() if key != CONTROL_PLANE}


def _goes_on(before: Episode | None, code: str, at: datetime) -> Episode:
    return before if before is not None and before.code == code else Episode(code, at)


def next_episodes(
    items: Iterable[Item], guard: GuardVerdict, before: Mapping[str, Episode], at: datetime
) -> dict[str, Episode]:
    """Work out the episodes after a sweep that tried its writes."""
    codes = {
        item.action.value: DENIED for item in items if item.error and item.error.code == DENIED
    }
    if guard.code is not None:
        codes[GUARD] = guard.code.value
    return {key: _goes_on(before.get(key), code, at) for key, code in codes.items()}


def episode_entries(
    before: Mapping[str, Episode],
    after: Mapping[str, Episode],
    items: Sequence[Item],
    guard: GuardVerdict | None,
    of: SweepRef,
    error: str | None = None,
) -> Iterator[HistoryEntry]:
    """Make an entry for each episode that began or ended in this sweep.

    `error`: why the sweep ended early.
    """
    for key, episode in after.items():
        if before.get(key) != episode:
            text = _began(key, items, guard, error)
            yield _entry(_EVENTS.get(key, _WRITES)[0], episode.code, text, of)
    for key, episode in before.items():
        if key not in after:
            what = _ENDED.get(key, f"{key} is denied no more")
            text = f"{what}; it began {episode.since:%Y-%m-%d %H:%M:%S} UTC"
            yield _entry(_EVENTS.get(key, _WRITES)[1], episode.code, text, of)


def _began(key: str, items: Sequence[Item], guard: GuardVerdict | None, error: str | None) -> str:
    if key == GUARD and guard is not None:
        return guard.message
    return error or "" if key == CONTROL_PLANE else _denied(key, items)


def _denied(verb: str, items: Sequence[Item]) -> str:
    denied = [
        item.error
        for item in items
        if item.action.value == verb and item.error is not None and item.error.code == DENIED
    ]
    return (
        f"{verb} is denied; {len(denied)} not done, and the next sweep tries again: "
        f"{denied[0].message}"
    )


def scope_entries(
    state: RememberedState,
    after: Iterable[RememberedScope],
    forgotten: Iterable[Scope],
    of: SweepRef,
) -> Iterator[HistoryEntry]:
    """Make an entry for each scope that began to fail, or can be read again."""
    begun: dict[str, list[RememberedScope]] = defaultdict(list)
    ended: dict[str, list[RememberedScope]] = defaultdict(list)
    for scope in after:
        known = state.scopes.get(scope.scope)
        failed = known is not None and known.failing_since is not None
        if scope.failing_since is not None and not failed:
            begun[_reason(scope)].append(scope)
        elif known is not None and failed and scope.failing_since is None:
            ended[_reason(known)].append(known)
    for place in forgotten:
        known = state.scopes[place]
        if known.failing_since is not None:
            ended[_reason(known)].append(known)
    for reason, scopes in begun.items():
        yield from _grouped(HistoryEvent.SCOPE_FAILING, reason, scopes, of)
    for reason, scopes in ended.items():
        yield from _grouped(HistoryEvent.SCOPE_BACK, reason, scopes, of)


def _reason(scope: RememberedScope) -> str:
    return scope.reason.value if scope.reason is not None else ""


def _grouped(
    event: HistoryEvent, reason: str, scopes: Sequence[RememberedScope], of: SweepRef
) -> Iterator[HistoryEntry]:
    if len(scopes) > _ONE_BY_ONE:
        first = ", ".join(str(each.scope) for each in scopes[:3])
        text = f"{len(scopes)} scopes, among them {first}: {_scope_text(event, scopes[0])}"
        yield _entry(event, reason, text, of)
        return
    for each in scopes:
        yield _entry(event, reason, _scope_text(event, each), of, each.scope)


def _scope_text(event: HistoryEvent, scope: RememberedScope) -> str:
    if event is HistoryEvent.SCOPE_FAILING:
        return f"unread from now on: {scope.message}"
    return f"unread no more; it began {scope.failing_since:%Y-%m-%d %H:%M:%S} UTC"


def _entry(
    event: HistoryEvent, reason: str, message: str, of: SweepRef, scope: Scope | None = None
) -> HistoryEntry:
    return HistoryEntry(
        at=of.at, sweep_id=of.sweep_id, event=event, scope=scope, reason=reason, message=message
    )
