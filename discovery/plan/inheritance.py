"""Which of our registrations this state may remove: made, adopted or matched here (R2). Pure.

Several agents may have one group: shards, an agent whose state was lost, or two teams that copied
one configuration. The labels are the same for all of them, so only state tells whose doing it was.
"""

from __future__ import annotations

from discovery.model.codes import IamVerdict
from discovery.model.values import Arn, Database, ResourceName
from discovery.plan.desired import Blocked, Desired, Register
from matchers.matcher import IamUsers
from state.records import RememberedState, RemovedRegistration


def is_journaled(name: ResourceName, arn: Arn, state: RememberedState) -> bool:
    """True when state knows the registration, or is about to: its write has no outcome yet."""
    known = state.registrations.get(name)
    under_way = any(
        (each.intent.name, each.intent.arn) == (name, arn) for each in state.open_intents
    )
    return under_way or (known is not None and known.arn == arn)


def is_inherited(live: Database, arn: Arn, state: RememberedState) -> bool:
    """True for a registration of ours that this state neither made nor adopted, and that has never
    matched under it."""
    if is_journaled(live.name, arn, state):
        known = state.registrations.get(live.name)
        return known is not None and known.arn == arn and known.inherited
    return not is_removed_and_listed(live, arn, state)


def is_removed_and_listed(live: Database, arn: Arn, state: RememberedState) -> bool:
    """True when the list still shows the revision that this state removed: it lags."""
    removed = _removed(live.name, arn, state)
    return removed is not None and removed.revision == live.revision != ""


def restoration(live: Database, arn: Arn, state: RememberedState) -> RemovedRegistration | None:
    """What this state had removed, when it stands again without its doing."""
    removed = _removed(live.name, arn, state)
    return None if is_removed_and_listed(live, arn, state) else removed


def may_be_claimed(live: Database, arn: Arn, state: RememberedState) -> bool:
    """True for one of ours that only a person's word makes this state's own (R2)."""
    return is_inherited(live, arn, state) or restoration(live, arn, state) is not None


def is_match(desired: Desired) -> bool:
    """True when a matcher takes the cache and nothing it asks for would make it go again; of a
    matcher that lets go of caches without users, only a verdict that is ready says so."""
    if not isinstance(desired, Register | Blocked):
        return False
    matcher = desired.matcher
    if matcher.iam_users is IamUsers.REQUIRE and matcher.deregister_unready:
        return desired.iam is not None and desired.iam.verdict is IamVerdict.READY
    return True


def _removed(name: ResourceName, arn: Arn, state: RememberedState) -> RemovedRegistration | None:
    removed = state.removed.get(name)
    return removed if removed is not None and removed.arn == arn else None
