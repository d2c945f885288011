"""What this process wrote a moment ago, held against reads that have not caught up with it.

Teleport answers reads from a cache, and several Auth Services have one each (reference §6). A
read that lags must not look like a resource that vanished, came back, or was never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from discovery.model import Database, ResourceName

WINDOW_S: Final = 30.0
"""How long a read may lag behind a write."""


@dataclass(slots=True)
class _Trace:
    """What is known of one name."""

    at: float
    is_there: bool | None = None
    """None: no write of ours ended yet."""
    written: Database | None = None
    """What we wrote; None when somebody else's is there."""
    last_seen: str = ""
    dead: set[str] = field(default_factory=set)
    """Revisions that our writes ended. Every write makes a new one."""


class Recent:
    """The names that were read or written within the window."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._traces: dict[ResourceName, _Trace] = {}

    def saw(self, database: Database) -> None:
        """This revision was there."""
        self._trace(database.name).last_seen = database.revision

    def wrote(self, database: Database) -> None:
        """It was created, or updated from the revision that it carries."""
        trace = self._trace(database.name)
        trace.dead |= {database.revision, trace.last_seen} - {""}
        trace.is_there, trace.written = True, database

    def is_taken(self, name: ResourceName) -> None:
        """A create said that the name is taken."""
        trace = self._trace(name)
        trace.is_there = True

    def removed(self, name: ResourceName) -> None:
        """It was deleted, or had been."""
        trace = self._trace(name)
        trace.dead |= {trace.last_seen} - {""}
        trace.is_there, trace.written = False, None

    def is_stale(self, name: ResourceName, found: Database | None) -> bool:
        """True when a read cannot be of the time after our last write."""
        trace = self._known(name)
        if trace is None:
            return False
        if found is None:
            return trace.is_there is True
        return found.revision in trace.dead

    def is_gone(self, found: Database) -> bool:
        """True when the revision that a read shows was deleted by us."""
        trace = self._known(found.name)
        return trace is not None and trace.is_there is False and found.revision in trace.dead

    def overlaid(self, listed: Iterable[Database]) -> tuple[Database, ...]:
        """The list as it will be once it has caught up, by name."""
        found = {each.name: each for each in listed}
        for name in list(self._traces):
            trace = self._known(name)
            if trace is None or not self.is_stale(name, found.get(name)):
                continue
            if trace.written is not None:
                found[name] = trace.written
            elif trace.is_there is False:
                found.pop(name, None)
        return tuple(found[name] for name in sorted(found))

    def _trace(self, name: ResourceName) -> _Trace:
        now = self._monotonic()
        trace = self._known(name) or _Trace(now)
        trace.at = now
        self._traces[name] = trace
        return trace

    def _known(self, name: ResourceName) -> _Trace | None:
        trace = self._traces.get(name)
        if trace is not None and self._monotonic() - trace.at > WINDOW_S:
            del self._traces[name]
            return None
        return trace
