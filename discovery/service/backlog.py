"""Scopes that somebody has touched, waiting to be scanned, with the messages that said so.

The first event of a scope starts its wait and later ones do not restart it, so a flood of events
delays nobody and costs one scan a wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from discovery.aws.events import Change
from discovery.aws.queue import Message
from discovery.model.values import Arn, Scope

REMEMBERED_EVENTS: Final = 20_000
"""Ids of events that were acted on: twice what a bad minute brings."""


@dataclass(slots=True)
class Entry:
    """One scope that waits."""

    since: datetime
    arns: set[Arn] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    """By message id: one that is delivered again takes the place of its earlier delivery."""
    events: set[str] = field(default_factory=set)
    is_due: bool = False

    def merge(self, other: Entry) -> None:
        """What the other one holds, this one holds too."""
        self.since = min(self.since, other.since)
        self.arns |= other.arns
        self.messages = {**other.messages, **self.messages}
        self.events |= other.events


class Backlog:
    """What waits, and what is being scanned."""

    def __init__(self) -> None:
        self._waiting: dict[Scope, Entry] = {}
        self._in_progress: dict[Scope, Entry] = {}
        self._done: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Scopes that wait."""
        return len(self._waiting)

    def is_repeated(self, change: Change) -> bool:
        """True when an event with this id was acted on already."""
        return change.event_id in self._done

    def add_event(self, change: Change, message: Message, at: datetime) -> bool:
        """The scope waits because of an event; True when it did not before."""
        is_new = self.add(change.scope, change.arns, at)
        entry = self._waiting[change.scope]
        entry.messages[message.message_id or message.receipt] = message
        if change.event_id:
            entry.events.add(change.event_id)
        return is_new

    def add(self, scope: Scope, arns: Iterable[Arn], at: datetime) -> bool:
        """The scope waits, from `at` on unless it did already; True when it did not before."""
        is_new = scope not in self._waiting
        self._waiting.setdefault(scope, Entry(since=at)).arns.update(arns)
        return is_new

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that wait."""
        return tuple(self._waiting)

    @property
    def since(self) -> datetime | None:
        """Since when the first of them waits."""
        return min((entry.since for entry in self._waiting.values()), default=None)

    def drop(self, scope: Scope) -> Entry:
        """The scope does not wait any more, and will not be scanned for it."""
        return self._waiting.pop(scope)

    def mark_due(self, scope: Scope) -> None:
        """The scope has waited long enough."""
        if scope in self._waiting:
            self._waiting[scope].is_due = True

    def take(self) -> dict[Scope, Entry]:
        """Everything that is due and not being scanned already; it is in hand from now on."""
        taken = {
            scope: entry
            for scope, entry in self._waiting.items()
            if entry.is_due and scope not in self._in_progress
        }
        for scope in taken:
            del self._waiting[scope]
        self._in_progress.update(taken)
        return taken

    def mark_done(self, scope: Scope) -> Entry:
        """The scope was scanned to its end and acted upon: its events are done with."""
        entry = self._in_progress.pop(scope)
        for event_id in entry.events:
            self._done[event_id] = None
            self._done.move_to_end(event_id)
        while len(self._done) > REMEMBERED_EVENTS:
            self._done.popitem(last=False)
        return entry

    def mark_failed(self, scope: Scope) -> Entry:
        """The scope could not be read: its messages come again by themselves."""
        return self._in_progress.pop(scope)

    def put_back(self, scope: Scope) -> None:
        """The scope waits again with all that it had: nothing came of the round."""
        entry = self._in_progress.pop(scope)
        entry.is_due = False
        self._waiting.setdefault(scope, Entry(since=entry.since)).merge(entry)
