"""Read your writes: correct reads that lag behind what this process wrote or saw.

Teleport answers reads from a cache, and several Auth Services have one each; update and delete look
there, too, before they act. An answer that lags must not look like a resource that vanished, came
back, or was never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from discovery.model.values import Database, ResourceName

WINDOW_S: Final = 30.0
"""Longest that a read may lag behind a write of ours."""
LAG_S: Final = 2.0
"""How long after it was seen a resource that is said not to be there is asked for again.

Reads usually lag a second at most, as measured on a real cluster; doubled.
"""


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


class RecentWrites:
    """What was read or written of each name within the window."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._traces: dict[ResourceName, _Trace] = {}
        self._listed: frozenset[ResourceName] = frozenset()
        self._listed_at = 0.0

    def note_seen(self, database: Database) -> None:
        """Note that this revision was there."""
        trace = self._trace(database.name)
        trace.last_seen = database.revision
        if trace.is_there is False:  # somebody made it anew after we removed it
            trace.is_there = None

    def note_list(self, names: Iterable[ResourceName]) -> None:
        """Note that a list has shown these names, and no others."""
        self._listed, self._listed_at = frozenset(names), self._monotonic()

    def note_written(self, database: Database) -> None:
        """Note a create, or an update of the revision that the resource carries."""
        trace = self._trace(database.name)
        trace.dead |= {database.revision, trace.last_seen} - {""}
        trace.is_there, trace.written = True, database

    def note_taken(self, name: ResourceName) -> None:
        """Note that a create found the name taken."""
        trace = self._trace(name)
        trace.is_there = True

    def note_removed(self, name: ResourceName) -> None:
        """Note that the resource was deleted, or had been."""
        trace = self._trace(name)
        trace.dead |= {trace.last_seen} - {""}
        trace.is_there, trace.written = False, None

    def is_stale(self, name: ResourceName, found: Database | None) -> bool:
        """Tell whether a read cannot be of the time after our last write."""
        if found is None:
            return self.is_doubtful(name)
        trace = self._known(name)
        return trace is not None and found.revision in trace.dead

    def is_doubtful(self, name: ResourceName) -> bool:
        """Tell whether an answer "there is none" may be of the time before it was made.

        So it is where we wrote it within the window, or saw it within the last two seconds.
        """
        trace = self._known(name)
        if trace is not None and trace.is_there is not None:
            return trace.is_there
        now = self._monotonic()
        was_listed = name in self._listed and now - self._listed_at <= LAG_S
        return was_listed or (trace is not None and now - trace.at <= LAG_S)

    def was_accepted(self, name: ResourceName) -> bool:
        """Tell whether the last thing known of it is a create or update of ours that succeeded."""
        trace = self._known(name)
        return trace is not None and trace.is_there is True and trace.written is not None

    def is_gone(self, found: Database) -> bool:
        """Tell whether the revision that a read shows was deleted by us."""
        trace = self._known(found.name)
        return trace is not None and trace.is_there is False and found.revision in trace.dead

    def apply_to_list(self, listed: Iterable[Database]) -> tuple[Database, ...]:
        """Correct a list to what it will be once it has caught up, by name."""
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
