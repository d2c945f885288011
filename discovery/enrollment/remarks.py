"""Remarks on registrations: who registered them, and what else names the same cache (R2)."""

from __future__ import annotations

from collections.abc import Set

from discovery.codes import NoteCode
from discovery.enrollment.address import address_of
from discovery.enrollment.registry import Owned
from discovery.enrollment.survey import Found, Situation, Survey
from discovery.enrollment.wish import Wanted
from discovery.model import Note


def registration_notes(found: Found, survey: Survey) -> tuple[Note, ...]:
    """The notes that a cache's registration, or its URI, gives rise to."""
    notes = []
    live = found.live
    if live is not None and is_inherited(live, survey.situation):
        notes.append(inherited_note(live))
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


def is_inherited(live: Owned, situation: Situation) -> bool:
    """True for a registration of ours that the journal does not know (R2), and that no other
    shard looks after."""
    if situation.targets.part.is_anothers(live.cache.scope):
        return False
    memory, name, arn = situation.memory, live.database.name, live.cache.arn
    known = memory.registrations.get(name)
    under_way = any(
        (each.intent.name, each.intent.arn) == (name, arn) for each in memory.open_intents
    )
    return not under_way and (known is None or known.arn != arn)


def inherited_note(live: Owned) -> Note:
    """The note on an inherited registration."""
    text = "registered by an earlier state file, host or shard; its misses count from now"
    return Note(NoteCode.INHERITED, live.database.name, text)
