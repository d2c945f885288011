"""Make the items of wanted, registered caches: keep, update, rename (R7, R12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import redacted
from discovery.model.values import Change, Database, ResourceName
from discovery.plan.classify import Decision
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Draft, Item
from discovery.plan.labels import DISCOVERED_NAME_LABEL, ORIGIN_LABEL
from discovery.plan.name_conflicts import NameRefusal
from discovery.plan.resource import changes_between, merge_into_live
from discovery.plan.rules import Rules
from state.records import Registration, RememberedState

_LABELS = "/metadata/labels/"
_ORIGIN = f"{_LABELS}{ORIGIN_LABEL.replace('/', '~1')}"


def plan_kept(decision: Decision, base: Item, state: RememberedState, rules: Rules) -> Draft:
    """Keep the registration under its present name, or update it."""
    live, desired = decision.live.database, decision.desired
    wanted = desired.database
    if live.name != desired.name.value:
        wanted = under_its_present_name(wanted, live)
    target = merge_into_live(wanted, live, rules.keeps_label)
    changes = changes_between(live, target)
    if not changes:
        return Draft(base)
    written = state.registrations.get(live.name)
    if written is not None and written.arn != decision.arn:
        written = None
    recreated = decision.found.facts.recreated
    return Draft(
        replace(
            base,
            action=Action.UPDATE,
            reason=reason_for(changes, target, written, recreated=recreated),
            message=_changed_text(changes),
            changes=changes,
            database=target,
            replaces=changes_origin(changes),
        )
    )


def plan_rename(
    decision: Decision,
    refusal: NameRefusal | None,
    base: Item,
    state: RememberedState,
    rules: Rules,
) -> Draft:
    """Rename the registration; update it under its present name where the guard refuses that."""
    in_place = plan_kept(decision, base, state, rules).item
    updates = in_place.action is Action.UPDATE
    live, desired = decision.live.database, decision.desired
    if refusal is not None:
        return _refused_rename(desired.name.value, refusal, base, in_place)
    target = replace(merge_into_live(desired.database, live, rules.keeps_label), revision="")
    renamed = replace(
        base,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        name=desired.name.value,
        previous_name=live.name,
        message=f"its name is now {desired.name.value}",
        changes=changes_between(live, target),
        database=target,
    )
    return Draft(renamed, if_guard_refuses=in_place if updates else None)


def _refused_rename(name: ResourceName, refusal: NameRefusal, base: Item, in_place: Item) -> Draft:
    """Blocked; of a name that is taken unseen the rest is updated all the same."""
    text = f"it is to be named {name}, but {refusal.message}"
    blocked = replace(base, action=Action.BLOCKED, reason=refusal.reason, message=text)
    if not refusal.unseen:
        return Draft(blocked)
    blocked = replace(blocked, taken_name=name)
    if in_place.action is not Action.UPDATE:
        return Draft(blocked)
    updated = replace(in_place, message=f"{in_place.message}; {text}", taken_name=name)
    return Draft(updated, if_policy_refuses=blocked)


def finish_rename(decision: Decision, base: Item, observed: ObservedState, rules: Rules) -> Draft:
    """Remove the old name of a rename that a crash cut in two (R6)."""
    live, old = decision.live.database, observed.registry.half_renamed[decision.arn].database
    target = under_its_present_name(decision.desired.database, live)
    return Draft(
        replace(
            base,
            action=Action.UPDATE,
            reason=Reason.RENAMED,
            previous_name=old.name,
            message="an interrupted rename is finished: the old name goes",
            changes=(Change("/metadata/name", old.name, live.name),),
            database=merge_into_live(target, live, rules.keeps_label),
            live=old,
            finishes=True,
        )
    )


def under_its_present_name(desired: Database, live: Database) -> Database:
    """The desired resource without the rename: name and name label stay as they are."""
    labels = {key: value for key, value in desired.labels.items() if key != DISCOVERED_NAME_LABEL}
    if DISCOVERED_NAME_LABEL in live.labels:
        labels[DISCOVERED_NAME_LABEL] = live.labels[DISCOVERED_NAME_LABEL]
    return replace(desired, name=live.name, labels=labels)


def changes_origin(changes: Iterable[Change]) -> bool:
    """True when the origin label changes, which Teleport allows on a new resource only (R12)."""
    return any(change.field == _ORIGIN for change in changes)


def reason_for(
    changes: tuple[Change, ...],
    target: Database,
    written: Registration | None,
    *,
    recreated: bool,
) -> Reason:
    """Find the first reason that holds for an update.

    What this agent wrote last tells a change in AWS or in the configuration from a change that
    somebody made in the control plane: if the resource wanted now is the one written then, the
    difference is drift.
    """
    if recreated:
        return Reason.RECREATED
    if written is None:
        return _without_memory(changes)
    before = replace(written.database, spec=redacted(written.database.spec))
    wanted = replace(target, spec=redacted(target.spec))
    differing = {change.field for change in changes}
    ours = tuple(c for c in changes_between(before, wanted) if c.field in differing)
    return _by_field(ours) if ours else Reason.DRIFT


def _by_field(changes: tuple[Change, ...]) -> Reason:
    fields = [change.field for change in changes]
    if "/spec/uri" in fields:
        return Reason.URI_CHANGED
    if any(not field.startswith(_LABELS) for field in fields):
        return Reason.SPEC_CHANGED
    return Reason.LABELS_CHANGED


def _without_memory(changes: tuple[Change, ...]) -> Reason:
    surplus = all(change.field.startswith(_LABELS) and change.new is None for change in changes)
    return Reason.DRIFT if surplus else _by_field(changes)


def _changed_text(changes: Iterable[Change]) -> str:
    names = [change.field.rsplit("/", 1)[-1].replace("~1", "/") for change in changes]
    shown = ", ".join(names[:4])
    return f"differs in {shown}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")
