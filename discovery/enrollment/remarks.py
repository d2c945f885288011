"""Remarks on registrations: who registered them, and what else names the same cache (R2)."""

from __future__ import annotations

from discovery.codes import NoteCode
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
        others = [name for name in survey.registry.by_uri.get(endpoint.uri, ()) if name not in own]
        if others:
            text = f"also registered as {', '.join(others)}"
            notes.append(Note(NoteCode.SAME_URI_ELSEWHERE, endpoint.uri, text))
    return tuple(notes)


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
