"""The items of caches that are wanted and registered: kept, updated, renamed (R7, R12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from discovery.model.codes import Action, Reason
from discovery.model.values import Change, Database
from discovery.plan.desired import Register
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Item, hold_instead
from discovery.plan.name_conflicts import NameRefusal
from discovery.plan.registration_index import Owned
from discovery.plan.resource import changes_between, merged
from discovery.plan.rules import Rules, WritePolicy
from discovery.plan.update import changes_origin, reason_for, under_its_present_name
from state.records import RememberedState


def needs_rename(found: ObservedCache, live: Owned) -> bool:
    """True when a registered cache is to have another name; tags that were not read say nothing
    of names (R12)."""
    desired = found.desired
    named = isinstance(desired, Register) and live.database.name != desired.name.value
    return named and found.facts.tags_read_now


def registered_item(
    found: ObservedCache,
    live: Owned,
    desired: Register,
    loss: NameRefusal | None,
    base: Item,
    observed: ObservedState,
    rules: Rules,
) -> tuple[Item, Item | None]:
    """The item, and the update under the present name that takes a refused rename's place."""
    stays = _in_place(found, live.database, desired, base, observed.plan_input.state, rules)
    if not needs_rename(found, live):
        return stays, None
    if loss is not None:
        text = f"it is to be named {desired.name.value}, but {loss.message}"
        blocked = replace(base, action=Action.BLOCKED, reason=loss.reason, message=text)
        if not loss.unseen:
            return blocked, None
        if stays.action is Action.UPDATE:
            blocked = replace(stays, message=f"{stays.message}; {text}")
        return replace(blocked, taken_name=desired.name.value), None
    target = replace(merged(desired.database, live.database, rules.keeps_label), revision="")
    renamed = replace(
        base,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        name=desired.name.value,
        previous_name=live.database.name,
        message=f"its name is now {desired.name.value}",
        changes=changes_between(live.database, target),
        database=target,
    )
    allowed = _allowed(renamed, rules)
    return allowed, stays if allowed is renamed and stays.action is Action.UPDATE else None


def _in_place(
    found: ObservedCache,
    live: Database,
    desired: Register,
    base: Item,
    state: RememberedState,
    rules: Rules,
) -> Item:
    """Keep or update under the present name."""
    target = merged(under_its_present_name(desired.database, live), live, rules.keeps_label)
    if live.name == desired.name.value:
        target = merged(desired.database, live, rules.keeps_label)
    changes = changes_between(live, target)
    if not changes:
        return replace(
            base, action=Action.KEEP, reason=Reason.UNCHANGED, message="registered as it should be"
        )
    written = state.registrations.get(live.name)
    if written is not None and written.arn != found.arn:
        written = None
    item = replace(
        base,
        action=Action.UPDATE,
        reason=reason_for(changes, target, written, recreated=found.facts.recreated),
        message=_changed_text(changes),
        changes=changes,
        database=target,
        replaces=changes_origin(changes),
    )
    return _allowed(item, rules)


def finished_rename(
    live: Owned, desired: Register, base: Item, observed: ObservedState, rules: Rules
) -> Item:
    """The second half of a rename that a crash cut in two: the old name goes (R6)."""
    old = observed.registry.half_renamed[live.cache.arn]
    target = merged(
        under_its_present_name(desired.database, live.database), live.database, rules.keeps_label
    )
    item = replace(
        base,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        previous_name=old.database.name,
        message="an interrupted rename is finished: the old name goes",
        changes=(Change("/metadata/name", old.database.name, live.database.name),),
        database=target,
        live=old.database,
        finishes=True,
    )
    if rules.policy is WritePolicy.SYNC:
        return item
    policy = f"policy {rules.policy.value} removes neither; set policy: sync to finish it"
    text = f"an interrupted rename left both names; {policy}"
    return replace(item, action=Action.HELD, reason=Reason.POLICY, message=text, changes=())


def _allowed(item: Item, rules: Rules) -> Item:
    """The item, or held, where the policy has no leave for it."""
    needs_sync = item.removes
    policy = rules.policy
    if policy is WritePolicy.SYNC or (policy is WritePolicy.UPSERT_ONLY and not needs_sync):
        return item
    leave = "sync" if needs_sync else "sync or upsert-only"
    text = f"{item.message}; policy {policy.value} does not allow it; set policy: {leave}"
    return hold_instead(item, Reason.POLICY, text)


def _changed_text(changes: Iterable[Change]) -> str:
    names = [change.field.rsplit("/", 1)[-1].replace("~1", "/") for change in changes]
    shown = ", ".join(names[:4])
    return f"differs in {shown}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")
