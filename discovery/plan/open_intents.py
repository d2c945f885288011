"""Decide what became of intents without an outcome, from the list (R6). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, ResourceName
from state.records import IntentKind, OpenIntent, Registration, RememberedState, RemovedRegistration


@dataclass(frozen=True, slots=True)
class ClassifiedIntents:
    """Open intents by what became of them; a half-done rename is in neither."""

    landed: tuple[OpenIntent, ...]
    abandoned: tuple[OpenIntent, ...]


def classify_open_intents(
    intents: Iterable[OpenIntent], listed: Iterable[Database], group: str
) -> ClassifiedIntents:
    """Decide which writes of an earlier process took effect; the plan repeats the others."""
    ours = {
        (database.name, owner.arn): database
        for database in listed
        if isinstance(owner := owner_of(database, group), CacheArn)
    }
    landed: list[OpenIntent] = []
    abandoned: list[OpenIntent] = []
    for each in intents:
        intent = each.intent
        new_is_listed = (intent.name, intent.arn) in ours
        old_is_listed = (intent.previous_name or ResourceName(""), intent.arn) in ours
        if intent.kind is IntentKind.RENAME and new_is_listed and old_is_listed:
            continue
        done = {
            IntentKind.CREATE: new_is_listed,
            IntentKind.DELETE: not new_is_listed,
            IntentKind.RENAME: new_is_listed,
            IntentKind.UPDATE: False,
            IntentKind.REPLACE: False,
            IntentKind.ADOPT: new_is_listed,
            IntentKind.RELEASE: not new_is_listed,
        }
        (landed if done[intent.kind] else abandoned).append(each)
    return ClassifiedIntents(tuple(landed), tuple(abandoned))


def state_after_closing(
    state: RememberedState, known: ClassifiedIntents, now: datetime
) -> RememberedState:
    """Work out the state once these intents have their outcome, without writing it (R5)."""
    registrations, removed = dict(state.registrations), dict(state.removed)
    pending_removals = dict(state.pending_removals)
    for intent in (each.intent for each in known.landed):
        registrations.pop(intent.previous_name or intent.name, None)
        registrations.pop(intent.name, None)
        forgets = intent.kind in (IntentKind.DELETE, IntentKind.RELEASE)
        if intent.kind is IntentKind.DELETE:
            removed[intent.name] = RemovedRegistration(
                name=intent.name, arn=intent.arn, revision=intent.revision, removed_at=now
            )
        elif intent.kind in (IntentKind.CREATE, IntentKind.ADOPT):
            removed.pop(intent.name, None)
            pending_removals.pop(intent.name, None)
        if not forgets and intent.database is not None:
            registrations[intent.name] = Registration(
                name=intent.name,
                arn=intent.arn,
                database=intent.database,
                registered_at=now,
                updated_at=now,
            )
    removals = list(state.removals)
    for intent in (each.intent for each in known.abandoned):
        if intent.kind in (IntentKind.DELETE, IntentKind.RENAME) and intent.at in removals:
            removals.remove(intent.at)  # it was looked for, and had not happened
    closed = {each.intent_id for each in (*known.landed, *known.abandoned)}
    return replace(
        state,
        registrations=registrations,
        removed=removed,
        pending_removals=pending_removals,
        removals=tuple(removals),
        open_intents=tuple(each for each in state.open_intents if each.intent_id not in closed),
    )
