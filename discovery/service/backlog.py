"""Scopes that wait for a re-scan, with the queue messages that named them.

The first event of a scope starts its wait and later ones do not restart it, so a flood of events
delays nobody and costs one scan per wait.
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
"""How many ids of handled events are kept: twice what a bad minute brings."""


@dataclass(slots=True)
class Entry:
    """One waiting scope: since when, changed caches, messages and event ids."""

    since: datetime
    arns: set[Arn] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    """By message id: one that is delivered again replaces its earlier delivery."""
    events: set[str] = field(default_factory=set)
    is_due: bool = False

    def merge(self, other: Entry) -> None:
        """Add everything that another entry of the same scope holds."""
        self.since = min(self.since, other.since)
        self.arns |= other.arns
        self.messages = {**other.messages, **self.messages}
        self.events |= other.events


class Backlog:
    """Track scopes that wait for a re-scan and those being scanned."""

    def __init__(self) -> None:
        self._waiting: dict[Scope, Entry] = {}
        self._in_progress: dict[Scope, Entry] = {}
        self._done: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Number of scopes that wait."""
        return len(self._waiting)

    def is_repeated(self, change: Change) -> bool:
        """Check whether an event with this id was already handled."""
        return change.event_id in self._done

    def add_event(self, change: Change, message: Message, at: datetime) -> bool:
        """Make the scope of an event wait; True when it did not wait before."""
        is_new = self.add(change.scope, change.arns, at)
        entry = self._waiting[change.scope]
        entry.messages[message.message_id or message.receipt] = message
        if change.event_id:
            entry.events.add(change.event_id)
        return is_new

    def add(self, scope: Scope, arns: Iterable[Arn], at: datetime) -> bool:
        """Make a scope wait from `at` on, unless it already does; True when it did not before."""
        is_new = scope not in self._waiting
        self._waiting.setdefault(scope, Entry(since=at)).arns.update(arns)
        return is_new

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that wait."""
        return tuple(self._waiting)

    @property
    def since(self) -> datetime | None:
        """Since when the longest-waiting scope has waited; None when none waits."""
        return min((entry.since for entry in self._waiting.values()), default=None)

    def drop(self, scope: Scope) -> Entry:
        """Remove a waiting scope that is not to be scanned after all; returns its entry."""
        return self._waiting.pop(scope)

    def mark_due(self, scope: Scope) -> None:
        """Mark a scope as having waited long enough."""
        if scope in self._waiting:
            self._waiting[scope].is_due = True

    def take(self) -> dict[Scope, Entry]:
        """Move all due scopes that are not being scanned to those in progress, and return them."""
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
        """Forget a scope that was scanned and acted upon; remember its events as handled."""
        entry = self._in_progress.pop(scope)
        for event_id in entry.events:
            self._done[event_id] = None
            self._done.move_to_end(event_id)
        while len(self._done) > REMEMBERED_EVENTS:
            self._done.popitem(last=False)
        return entry

    def mark_failed(self, scope: Scope) -> Entry:
        """Forget a scope that could not be read: the queue delivers its messages again."""
        return self._in_progress.pop(scope)

    def put_back(self, scope: Scope) -> None:
        """Make a scope wait again with all that it had, because its run did not happen."""
        entry = self._in_progress.pop(scope)
        entry.is_due = False
        self._waiting.setdefault(scope, Entry(since=entry.since)).merge(entry)
