"""What a sweep saw happen, for the history: appeared, missed, came back, verdict changed. Pure.

What was written is not told here: the journal puts it into the history when it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from discovery.model.codes import IamVerdict, Reason, Severity
from discovery.model.values import Cache
from discovery.plan.facts import is_recreated
from discovery.plan.item import Item
from discovery.plan.next_state import is_inconclusive
from state.records import HistoryEntry, PendingRemoval, RememberedCache, RememberedState


def history_entries(
    items: Iterable[Item], state: RememberedState, *, sweep_id: str, at: datetime
) -> tuple[HistoryEntry, ...]:
    """The entries of one sweep, in the order of its items; an unchanged sweep has none."""
    return tuple(
        HistoryEntry(
            at=at,
            sweep_id=sweep_id,
            arn=item.arn,
            scope=item.scope,
            name=item.name,
            previous_name=item.previous_name,
            action=item.action,
            reason=item.reason,
            message=sentence,
        )
        for item in items
        for sentence in _sentences(item, state)
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
    same = before is not None and before.reason is item.grounds
    if item.grounds is not None and not same:
        yield f"missed for the first time: {item.message}"
    elif before is not None and item.found is not None and not same and not is_inconclusive(item):
        yield f"came back after {before.scans} scans as {before.reason.value}"
