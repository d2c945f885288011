"""Intents without an outcome: what the list says became of them (design R6). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from discovery.enrollment.ownership import CacheArn, owner_of
from discovery.model import Database, ResourceName
from state.records import IntentKind, OpenIntent


@dataclass(frozen=True, slots=True)
class Settled:
    """Open intents by what became of them; those in neither stay open and are finished."""

    landed: tuple[OpenIntent, ...]
    abandoned: tuple[OpenIntent, ...]


def settle(intents: Iterable[OpenIntent], listed: Iterable[Database], group: str) -> Settled:
    """Which writes of a process that ended had landed. The plan makes the others again."""
    ours = {
        (database.name, owner.arn): database
        for database in listed
        if isinstance(owner := owner_of(database, group), CacheArn)
    }
    landed: list[OpenIntent] = []
    abandoned: list[OpenIntent] = []
    for each in intents:
        intent = each.intent
        new_stands = (intent.name, intent.arn) in ours
        old_stands = (intent.previous_name or ResourceName(""), intent.arn) in ours
        if intent.kind is IntentKind.RENAME and new_stands and old_stands:
            continue
        done = {
            IntentKind.CREATE: new_stands,
            IntentKind.DELETE: not new_stands,
            IntentKind.RENAME: new_stands,
            IntentKind.UPDATE: False,
            IntentKind.REPLACE: False,
        }
        (landed if done[intent.kind] else abandoned).append(each)
    return Settled(tuple(landed), tuple(abandoned))
