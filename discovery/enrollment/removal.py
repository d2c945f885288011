"""When a registration whose reason to stand is gone may be removed (design R3, Time)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discovery.codes import Action, Reason
from discovery.enrollment.item import Missed
from discovery.enrollment.rules import Rules, WritePolicy
from discovery.model import Arn, ResourceName
from state.records import Memory

NEEDS_NO_TIME = frozenset({Reason.DELETING, Reason.EXCLUDED})
"""AWS itself, or a tag really on the cache, says so."""

RESTARTED_BY_NEW_RULES = frozenset({Reason.UNMATCHED, Reason.EXCLUDED})
"""An edit of matchers or name rules never removes at once, however the limits are set."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Remove now, or hold; and how long the reason has held."""

    action: Action
    reason: Reason
    message: str
    missed: Missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why a registration no longer stands."""

    name: ResourceName
    arn: Arn
    reason: Reason
    message: str
    forgets: bool = False
    """True when the cache was recreated: misses of the earlier one do not count."""


def rule_on(grounds: Grounds, memory: Memory, rules: Rules, now: datetime) -> Ruling:
    """Whether the time has come. Proof and budget are asked later."""
    missed = _missed(grounds, memory, rules, now)
    waiting = _why_wait(grounds, missed, memory, rules, now)
    if rules.policy is not WritePolicy.SYNC:
        policy = f"policy {rules.policy.value} never removes; set policy: sync to remove it"
        text = f"{grounds.message}; {policy}"
        return Ruling(Action.HELD, Reason.POLICY, text, missed)
    if waiting is not None:
        return Ruling(Action.HELD, Reason.WAITING, f"{grounds.message}; {waiting}", missed)
    return Ruling(Action.DELETE, grounds.reason, grounds.message, missed)


def rules_changed(memory: Memory, rules: Rules) -> bool:
    """True when matchers or name rules differ from those of the last finished sweep."""
    return memory.finished_sweeps > 0 and memory.matching_digest != rules.matching_digest


def _missed(grounds: Grounds, memory: Memory, rules: Rules, now: datetime) -> Missed:
    before = memory.misses.get(grounds.name)
    restarted = grounds.reason in RESTARTED_BY_NEW_RULES and rules_changed(memory, rules)
    if (
        before is None
        or restarted
        or grounds.forgets
        or (before.arn, before.reason) != (grounds.arn, grounds.reason)
    ):
        return Missed(scans=1, since=now)
    # A clock that stepped back makes every span a guess, so the grace starts again.
    since = now if now < before.last_at else before.since
    return Missed(scans=before.scans + 1, since=since)


def _why_wait(
    grounds: Grounds, missed: Missed, memory: Memory, rules: Rules, now: datetime
) -> str | None:
    if memory.finished_sweeps == 0:
        return "the first sweep of a new state file never removes"
    if grounds.reason in RESTARTED_BY_NEW_RULES and rules_changed(memory, rules):
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
