"""The cluster's databases, and the cache through which they are read.

Writes change the backend at once. Reads, and the existence checks inside update and delete, go to
the cache, which follows in steps: a real Auth Service shows a write after 5 to 1,000 ms, all that
came since the last step together.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from discovery.sandbox.teleport.messages import Message, to_document

Clock = Callable[[], datetime]

MEASURED_STEP = timedelta(seconds=1)
"""How often the cache of a real Auth Service follows its backend."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Missing(Exception):
    """The backend has no resource of that name."""


class Taken(Exception):
    """The backend has a resource of that name."""


class Stale(Exception):
    """The resource has another revision than the one that was written against."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One `db` as the backend holds it. The message is never changed."""

    name: str
    labels: Mapping[str, str]
    message: Message

    @property
    def document(self) -> dict[str, Any]:
        """The resource as JSON: kind, version, metadata, spec."""
        return to_document(self.message)


class _View:
    """Resources by name, in order of name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Stored] = {}
        self._names: list[str] = []

    def get(self, name: str) -> Stored | None:
        return self._by_name.get(name)

    def set(self, name: str, stored: Stored | None) -> None:
        if stored is None:
            if self._by_name.pop(name, None) is not None:
                self._names.remove(name)
            return
        if name not in self._by_name:
            insort(self._names, name)
        self._by_name[name] = stored

    @property
    def all(self) -> Sequence[Stored]:
        return [self._by_name[name] for name in self._names]


class Store:
    """The backend, and a cache that follows it."""

    def __init__(self, clock: Clock) -> None:
        self.step = timedelta(0)
        """How often the cache follows, counted from the epoch; 0: with every write."""
        self.lag = timedelta(0)
        """How much later still reads begin to see a write."""
        self.enforces_revisions = False
        """Whether a revision that is sent must be the present one. Teleport 18.0 does not
        (teleport/README: Reads and writes); a later one may."""
        self._clock = clock
        self._backend = _View()
        self._cache = _View()
        self._pending: deque[tuple[datetime, str, Stored | None]] = deque()

    def create(self, message: Message) -> None:
        """Create a resource. Raises Taken."""
        if self._backend.get(message.metadata.name) is not None:
            raise Taken
        self._write(message)

    def update(self, message: Message) -> None:
        """Replace a resource. Raises Missing or Stale."""
        present = self._backend.get(message.metadata.name)
        if present is None:
            raise Missing
        sent = message.metadata.revision
        if self.enforces_revisions and sent and sent != present.message.metadata.revision:
            raise Stale
        self._write(message)

    def put(self, message: Message) -> None:
        """Store a resource, whatever there was."""
        self._write(message)

    def delete(self, name: str) -> None:
        """Delete a resource. Raises Missing."""
        if self._backend.get(name) is None:
            raise Missing
        self._record(name, None)

    @property
    def present(self) -> Sequence[Stored]:
        """What the backend holds, by name."""
        return self._backend.all

    def get(self, name: str) -> Stored | None:
        """Return the resource in the backend, or None."""
        return self._backend.get(name)

    @property
    def visible(self) -> Sequence[Stored]:
        """What reads see, by name."""
        self._apply_due()
        return self._cache.all

    def seen(self, name: str) -> Stored | None:
        """Return the resource that reads see, or None."""
        self._apply_due()
        return self._cache.get(name)

    def catch_up(self) -> None:
        """Let reads see every write that was made."""
        while self._pending:
            _, name, stored = self._pending.popleft()
            self._cache.set(name, stored)

    def _write(self, message: Message) -> None:
        written = type(message)()
        written.CopyFrom(message)
        written.metadata.revision = str(uuid4())
        name = written.metadata.name
        self._record(name, Stored(name, dict(written.metadata.labels), written))

    def _record(self, name: str, stored: Stored | None) -> None:
        self._backend.set(name, stored)
        self._pending.append((self._next_step() + self.lag, name, stored))

    def _next_step(self) -> datetime:
        now = self._clock()
        return now + (_EPOCH - now) % self.step if self.step else now

    def _apply_due(self) -> None:
        now = self._clock()
        while self._pending and self._pending[0][0] <= now:
            _, name, stored = self._pending.popleft()
            self._cache.set(name, stored)
