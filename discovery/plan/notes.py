"""Remarks on registrations: who registered them, and what else names the same cache (R2)."""

from __future__ import annotations

from collections.abc import Set

from discovery.model.codes import NoteCode
from discovery.model.values import Note
from discovery.plan.address import address_of
from discovery.plan.desired import Register
from discovery.plan.inheritance import is_inherited
from discovery.plan.inputs import ObservedCache, ObservedState, PlanInput
from discovery.plan.registration_index import Owned


def registration_notes(found: ObservedCache, observed: ObservedState) -> tuple[Note, ...]:
    """The notes that a cache's registration, or its URI, gives rise to."""
    live = found.live
    notes = list(inherited_notes(live, observed.plan_input)) if live is not None else []
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
    """Under which other names the same host and port is registered, or served unregistered."""
    address = address_of(uri)
    registered = [name for name in observed.registry.by_address.get(address, ()) if name not in own]
    served = sorted(observed.served.get(address, frozenset()) - own - set(registered))
    ways = (("registered", registered), ("served by a Database Service", served))
    return "; ".join(f"also {how} as {', '.join(names)}" for how, names in ways if names)


def inherited_notes(live: Owned, plan_input: PlanInput) -> tuple[Note, ...]:
    """The note on an inherited registration, unless another shard looks after it."""
    if plan_input.targets.part.other_shard(live.cache.scope):
        return ()
    if not is_inherited(live.database, live.cache.arn, plan_input.state):
        return ()
    text = "registered by another state file, host or shard; its misses count from its first sight"
    return (Note(NoteCode.INHERITED, live.database.name, text),)
