"""Remarks on registrations: who registered them, and what else names the same cache (R2)."""

from __future__ import annotations

from collections.abc import Set

from discovery.codes import NoteCode
from discovery.model import Note
from discovery.plan.address import address_of
from discovery.plan.desired import Wanted
from discovery.plan.inheritance import is_inherited
from discovery.plan.inputs import Found, Situation, Survey
from discovery.plan.registration_index import Owned


def registration_notes(found: Found, survey: Survey) -> tuple[Note, ...]:
    """The notes that a cache's registration, or its URI, gives rise to."""
    live = found.live
    notes = list(inherited_notes(live, survey.situation)) if live is not None else []
    endpoint = found.facts.cache.endpoint
    if endpoint is not None and isinstance(found.wish, Wanted):
        half = survey.registry.half_renamed.get(found.arn)
        own = {each.database.name for each in (live, half) if each is not None}
        own.update(each.name for each in survey.registry.holders(found.wish.name.value))
        text = _elsewhere(endpoint.uri, own, survey)
        if text:
            notes.append(Note(NoteCode.SAME_URI_ELSEWHERE, endpoint.uri, text))
    return tuple(notes)


def _elsewhere(uri: str, own: Set[str], survey: Survey) -> str:
    """Under which other names the same host and port is registered, or served unregistered."""
    address = address_of(uri)
    registered = [name for name in survey.registry.by_address.get(address, ()) if name not in own]
    served = sorted(survey.served.get(address, frozenset()) - own - set(registered))
    ways = (("registered", registered), ("served by a Database Service", served))
    return "; ".join(f"also {how} as {', '.join(names)}" for how, names in ways if names)


def inherited_notes(live: Owned, situation: Situation) -> tuple[Note, ...]:
    """The note on an inherited registration, unless another shard looks after it."""
    if situation.targets.part.is_anothers(live.cache.scope):
        return ()
    if not is_inherited(live.database, live.cache.arn, situation.memory):
        return ()
    text = "registered by another state file, host or shard; its misses count from its first sight"
    return (Note(NoteCode.INHERITED, live.database.name, text),)
