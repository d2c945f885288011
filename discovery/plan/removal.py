"""Decide when an unwanted registration may be removed (R3, Time)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from discovery.model.codes import Action, Reason
from discovery.plan.item import Draft, Item, MissCount
from discovery.plan.registration_index import Owned
from discovery.plan.rules import Rules
from state.records import RememberedState

NEEDS_NO_TIME = frozenset({Reason.DELETING, Reason.EXCLUDED})
"""AWS itself, or a tag that was read from the cache, gives these reasons."""

CACHE_GOES = frozenset({Reason.ABSENT, Reason.DELETING})
"""AWS reports the cache as gone, so any agent of the group may remove its registration (R2)."""

RESTARTED_BY_NEW_RULES = frozenset({Reason.UNMATCHED, Reason.EXCLUDED})
"""An edit of matchers or name rules never removes at once, however the limits are set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalReason:
    """Why a registration is no longer wanted."""

    owned: Owned
    reason: Reason
    message: str
    forgets: bool = False
    """True when the cache was recreated, so that misses of the earlier one do not count."""


def plan_removal(
    base: Item, removal: RemovalReason, state: RememberedState, rules: Rules, now: datetime
) -> Draft:
    """Decide whether a registration may go now or must wait (`missed_sweeps`, `grace`).

    Write policy, budget and confirmation come later.
    """
    missed = _missed(removal, state, rules, now)
    counted = replace(base, missed=missed, removal_reason=removal.reason)
    refusal = _not_ours_to_remove(removal, rules)
    if refusal is not None:
        action, reason, text = refusal
        return Draft(replace(counted, action=action, reason=reason, message=text))
    waiting = _why_wait(removal, missed, state, rules, now)
    if waiting is not None:
        text = f"{removal.message}; {waiting}"
        held = replace(counted, action=Action.HELD, reason=Reason.WAITING, message=text)
        return Draft(held, cause=removal.message)
    return Draft(
        replace(
            counted,
            action=Action.DELETE,
            reason=removal.reason,
            message=removal.message,
            removed_before=removal.owned.provenance.is_listed_late,
        )
    )


def _not_ours_to_remove(removal: RemovalReason, rules: Rules) -> tuple[Action, Reason, str] | None:
    """Decide whether another agent of the group may need it; None when it may be removed (R2)."""
    if removal.reason in CACHE_GOES:
        return None
    name, group = removal.owned.database.name, rules.group
    others = (
        f"another agent may be at work in group {group}: give each a group of its own, or take it "
        f"as this one's with `cachemuster adopt {name}`"
    )
    removed = removal.owned.provenance.restored
    if removed is not None:
        at = f"{removed.removed_at:%Y-%m-%d %H:%M:%S} UTC"
        text = f"{removal.message}; removed here at {at}, and it exists again: {others}"
        return Action.CONFLICT, Reason.RESTORED, text
    if not removal.owned.provenance.is_inherited:
        return None
    if removal.reason is Reason.OUT_OF_SCOPE and rules.prunes:
        return None
    text = f"{removal.message}; not registered by this agent's state, nor ever matched: {others}"
    return Action.HELD, Reason.INHERITED, text


def _missed(
    removal: RemovalReason, state: RememberedState, rules: Rules, now: datetime
) -> MissCount:
    before = state.pending_removals.get(removal.owned.database.name)
    restarted = removal.reason in RESTARTED_BY_NEW_RULES and rules.changed_since(state)
    if (
        before is None
        or restarted
        or removal.forgets
        or (before.arn, before.reason) != (removal.owned.cache.arn, removal.reason)
    ):
        return MissCount(scans=1, since=now)
    # After the clock stepped back the time passed is not known, so the grace starts again.
    since = now if now < before.last_at else before.since
    return MissCount(scans=before.scans + 1, since=since)


def _why_wait(
    removal: RemovalReason, missed: MissCount, state: RememberedState, rules: Rules, now: datetime
) -> str | None:
    if state.finished_sweeps == 0:
        return "the first sweep of a new state file never removes"
    if removal.reason in RESTARTED_BY_NEW_RULES and rules.changed_since(state):
        return (
            "matchers or name rules have changed since the last sweep of all scopes, so the count "
            "starts again"
        )
    if removal.reason in NEEDS_NO_TIME:
        return None
    due = missed.since + rules.grace
    if missed.scans >= rules.missed_sweeps and now >= due:
        return None
    return (
        f"seen so in {missed.scans} of {rules.missed_sweeps} complete scans; "
        f"removed not before {due:%Y-%m-%d %H:%M:%S} UTC"
    )
