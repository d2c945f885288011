"""Make the items of found caches from their decisions."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.ownership import CacheArn
from discovery.model.values import Cache, Change, Note
from discovery.plan.classify import Decision, DecisionKind
from discovery.plan.desired import Matched, Register
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Draft, Item
from discovery.plan.name_conflicts import NameRefusal
from discovery.plan.registered import finish_rename, plan_kept, plan_rename
from discovery.plan.registration_index import Owned
from discovery.plan.removal import RemovalReason, plan_removal
from discovery.plan.resource import address_of
from discovery.plan.rules import Rules
from discovery.plan.targets import Targets

_ACTIONS = {
    DecisionKind.HOLD: Action.HELD,
    DecisionKind.BLOCK: Action.BLOCKED,
    DecisionKind.SKIP: Action.SKIPPED,
}
"""Actions of decisions that change nothing."""


def plan_cache(
    decision: Decision, refusal: NameRefusal | None, observed: ObservedState, rules: Rules
) -> Draft:
    """Make the item of a found cache; `refusal`: why it does not get the name it is to have."""
    state, base = observed.plan_input.state, base_item(decision.found, observed)
    match decision.kind:
        case DecisionKind.NEW:
            return Draft(_plan_new(decision, refusal, base))
        case DecisionKind.KEEP:
            return plan_kept(decision, base, state, rules)
        case DecisionKind.RENAME:
            return plan_rename(decision, refusal, base, state, rules)
        case DecisionKind.FINISH_RENAME:
            return finish_rename(decision, base, observed, rules)
        case DecisionKind.REMOVE:
            return _plan_removed(decision, base, observed, rules)
        case _:
            return Draft(_plan_nothing(decision, base))


def _plan_nothing(decision: Decision, base: Item) -> Item:
    """Make the item of a decision that changes nothing: hold, block or skip."""
    desired, new = decision.found.desired, decision.found.live is None
    return replace(
        base,
        action=_ACTIONS[decision.kind],
        reason=decision.reason or base.reason,
        message=decision.message,
        wanted=desired.database if new and isinstance(desired, Register) else None,
    )


def _plan_removed(decision: Decision, base: Item, observed: ObservedState, rules: Rules) -> Draft:
    removal = RemovalReason(
        owned=decision.live,
        reason=decision.reason or base.reason,
        message=decision.message,
        forgets=decision.found.facts.recreated,
    )
    at = observed.plan_input
    return plan_removal(base, removal, at.state, rules, at.now)


def unreadable_item(
    cache: Cache | CacheArn, live: Owned | None, message: str, found: Cache | None = None
) -> Item:
    """Make the item of something that could not be judged: its registration stays as it is."""
    database = live.database if live is not None else None
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=database.name if database is not None else None,
        action=Action.BLOCKED,
        reason=Reason.UNREADABLE,
        message=message,
        database=database,
        live=database,
        found=found,
    )


def base_item(found: ObservedCache, observed: ObservedState) -> Item:
    """Make the item of a cache that is registered as it should be, which most are.

    It has what all found caches have; of others the caller replaces action, reason and message.
    """
    cache, desired, live = found.facts.cache, found.desired, found.live
    matched = desired if isinstance(desired, Matched) else None
    named = matched.name.value if matched is not None else None
    database = live.database if live is not None else None
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=database.name if database is not None else named,
        matcher=matched.matcher.name if matched is not None else None,
        action=Action.KEEP,
        reason=Reason.UNCHANGED,
        message="registered as it should be",
        notes=desired.notes + registration_notes(found, observed),
        iam=matched.iam if matched is not None else None,
        database=database,
        live=database,
        found=cache,
    )


def _plan_new(decision: Decision, refusal: NameRefusal | None, base: Item) -> Item:
    found, desired = decision.found, decision.desired
    base = replace(base, wanted=desired.database)
    if refusal is not None:
        return replace(
            base,
            action=refusal.action,
            reason=refusal.reason,
            message=refusal.message,
            taken_name=desired.name.value if refusal.unseen else None,
        )
    if found.is_registered_unlisted:
        text = (
            f"the cache is registered as {found.unlisted}, which the list did not show; nothing "
            "is written. Let the agent's role list it; the next sweep that sees it goes on from "
            "there"
        )
        return replace(
            base,
            action=Action.CONFLICT,
            reason=Reason.NAME_TAKEN_UNSEEN,
            message=text,
            taken_name=found.unlisted,
        )
    return replace(
        base,
        action=Action.CREATE,
        reason=Reason.NEW,
        message=f"matcher {desired.matcher.name} takes it",
        changes=(Change("", None, desired.database.document()),),
        database=desired.database,
        unlisted=found.unlisted if found.unlisted != desired.name.value else None,
    )


def registration_notes(found: ObservedCache, observed: ObservedState) -> tuple[Note, ...]:
    """Note who else registered the cache, or serves the same URI."""
    live = found.live
    notes = list(inherited_notes(live, observed.plan_input.targets)) if live is not None else []
    endpoint = found.facts.cache.endpoint
    if endpoint is not None and isinstance(found.desired, Register):
        half = observed.registry.half_renamed.get(found.arn)
        own = {each.database.name for each in (live, half) if each is not None}
        own.update(each.name for each in observed.registry.holders(found.desired.name.value))
        text = _elsewhere(endpoint.uri, own, observed)
        if text:
            notes.append(Note(NoteCode.SAME_URI_ELSEWHERE, endpoint.uri, text))
    return tuple(notes)


def _elsewhere(uri: str, own: Set[str], observed: ObservedState) -> str:
    """List other names under which the same host and port is registered or served."""
    address = address_of(uri)
    registered = [name for name in observed.registry.by_address.get(address, ()) if name not in own]
    served = sorted(observed.served.get(address, frozenset()) - own - set(registered))
    ways = (("registered", registered), ("served by a Database Service", served))
    return "; ".join(f"also {how} as {', '.join(names)}" for how, names in ways if names)


def inherited_notes(live: Owned, targets: Targets) -> tuple[Note, ...]:
    """Note that a registration is inherited, unless another shard looks after it."""
    if targets.scope_filter.other_shard(live.cache.scope) or not live.provenance.is_inherited:
        return ()
    text = "registered by another state file, host or shard; its misses count from its first sight"
    return (Note(NoteCode.INHERITED, live.database.name, text),)
