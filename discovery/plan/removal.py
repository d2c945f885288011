"""When a registration whose reason to stand is gone may be removed (R3, Time)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discovery.model.codes import Action, Reason
from discovery.model.values import Arn, Database
from discovery.plan.inheritance import is_inherited, is_removed_and_listed, restoration
from discovery.plan.item import MissCount
from discovery.plan.rules import Rules, WritePolicy
from state.records import RememberedState

NEEDS_NO_TIME = frozenset({Reason.DELETING, Reason.EXCLUDED})
"""AWS itself, or a tag really on the cache, says so."""

CACHE_GOES = frozenset({Reason.ABSENT, Reason.DELETING})
"""AWS says that the cache is no more: any agent of the group may remove what is left of it (R2)."""

RESTARTED_BY_NEW_RULES = frozenset({Reason.UNMATCHED, Reason.EXCLUDED})
"""An edit of matchers or name rules never removes at once, however the limits are set."""


@dataclass(frozen=True, slots=True)
class RemovalDecision:
    """Remove now, or hold; and how long the reason has held."""

    action: Action
    reason: Reason
    message: str
    missed: MissCount
    lags: bool = False
    """True when the list still shows the revision that this state removed already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalReason:
    """Why a registration no longer stands."""

    live: Database
    arn: Arn
    reason: Reason
    message: str
    forgets: bool = False
    """True when the cache was recreated: misses of the earlier one do not count."""


def decide_removal(
    grounds: RemovalReason, state: RememberedState, rules: Rules, now: datetime
) -> RemovalDecision:
    """Whether it may go, and whether the time has come. Proof and budget are asked later."""
    missed = _missed(grounds, state, rules, now)
    kept = _not_ours_to_remove(grounds, state, rules, missed)
    if kept is not None:
        return kept
    waiting = _why_wait(grounds, missed, state, rules, now)
    if rules.policy is not WritePolicy.SYNC:
        policy = f"policy {rules.policy.value} never removes; set policy: sync to remove it"
        text = f"{grounds.message}; {policy}"
        return RemovalDecision(Action.HELD, Reason.POLICY, text, missed)
    if waiting is not None:
        return RemovalDecision(Action.HELD, Reason.WAITING, f"{grounds.message}; {waiting}", missed)
    lags = is_removed_and_listed(grounds.live, grounds.arn, state)
    return RemovalDecision(Action.DELETE, grounds.reason, grounds.message, missed, lags)


def rules_changed(state: RememberedState, rules: Rules) -> bool:
    """True when matchers or name rules differ from those of the last finished sweep."""
    return state.finished_sweeps > 0 and state.matching_digest != rules.matching_digest


def _not_ours_to_remove(
    grounds: RemovalReason, state: RememberedState, rules: Rules, missed: MissCount
) -> RemovalDecision | None:
    """Why another agent of the group may need it, though nothing here does (R2)."""
    if grounds.reason in CACHE_GOES:
        return None
    name, group = grounds.live.name, rules.group
    others = (
        f"another agent may be at work in group {group}: give each a group of its own, or take it "
        f"as this one's with `cachemuster adopt {name}`"
    )
    removed = restoration(grounds.live, grounds.arn, state)
    if removed is not None:
        at = f"{removed.removed_at:%Y-%m-%d %H:%M:%S} UTC"
        text = f"{grounds.message}; removed here at {at}, and it stands again: {others}"
        return RemovalDecision(Action.CONFLICT, Reason.RESTORED, text, missed)
    if not is_inherited(grounds.live, grounds.arn, state):
        return None
    if grounds.reason is Reason.OUT_OF_SCOPE and rules.prunes:
        return None
    text = f"{grounds.message}; not registered by this agent's state, nor ever matched: {others}"
    return RemovalDecision(Action.HELD, Reason.INHERITED, text, missed)


def _missed(
    grounds: RemovalReason, state: RememberedState, rules: Rules, now: datetime
) -> MissCount:
    before = state.pending_removals.get(grounds.live.name)
    restarted = grounds.reason in RESTARTED_BY_NEW_RULES and rules_changed(state, rules)
    if (
        before is None
        or restarted
        or grounds.forgets
        or (before.arn, before.reason) != (grounds.arn, grounds.reason)
    ):
        return MissCount(scans=1, since=now)
    # A clock that stepped back makes every span a guess, so the grace starts again.
    since = now if now < before.last_at else before.since
    return MissCount(scans=before.scans + 1, since=since)


def _why_wait(
    grounds: RemovalReason, missed: MissCount, state: RememberedState, rules: Rules, now: datetime
) -> str | None:
    if state.finished_sweeps == 0:
        return "the first sweep of a new state file never removes"
    if grounds.reason in RESTARTED_BY_NEW_RULES and rules_changed(state, rules):
        return (
            "matchers or name rules have changed since the last sweep of all scopes, so the count "
            "starts again"
        )
    if grounds.reason in NEEDS_NO_TIME:
        return None
    due = missed.since + rules.grace
    if missed.scans >= rules.missed_sweeps and now >= due:
        return None
    return (
        f"seen so in {missed.scans} of {rules.missed_sweeps} complete scans; "
        f"removed not before {due:%Y-%m-%d %H:%M:%S} UTC"
    )
