"""Make every intent known before the first write, where the journal alone may not outlive us.

A journal on this machine's disk is there for the next process. One that is kept elsewhere is there
as it was last put: so all intents of a sweep are put at once, and each is closed afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from discovery.model.values import Clock
from state.errors import StateError
from state.journal import IntentClosure
from state.records import Intent, IntentOutcome

_BATCH: Final = 1000
"""SQLite takes 32,766 values in one statement."""


class Journal(Protocol):
    """Store of intents and their outcomes, such as `state.store.Store`."""

    def write(self, entries: Sequence[Intent | IntentClosure]) -> Sequence[int]:
        """Write all entries durably, or none. Returns their intent ids. Raises: StateError."""
        ...


class RemoteJournal(Journal, Protocol):
    """A journal that is kept elsewhere too."""

    async def upload(self) -> None:
        """Put it there as it is now. Raises: StateError."""
        ...

    def check(self) -> None:
        """Check that this process is still the one that may write. Raises: StateError."""
        ...


@dataclass(slots=True)
class AnnouncedIntents:
    """The intents of one sweep, by the place of their item; each is taken once."""

    journal: RemoteJournal
    clock: Clock
    _left: dict[int, int] = field(default_factory=dict)

    async def begin(self, intents: Mapping[int, Intent]) -> None:
        """Write the intents and make them known. Raises: StateError."""
        numbers = await asyncio.to_thread(self.journal.write, tuple(intents.values()))
        self._left = dict(zip(intents, numbers, strict=True))
        await self.journal.upload()

    def take(self, place: int) -> int | None:
        """Take the intent of the item whose write is due now; None when it has none.

        Raises: StateError, when this process may not write any more.
        """
        self.journal.check()
        return self._left.pop(place, None)

    async def abandon_rest(self) -> None:
        """Close the intents that were not taken: nobody has to look what became of them."""
        left, self._left = tuple(self._left.values()), {}
        with contextlib.suppress(StateError):  # then the next sweep looks all the same
            for start in range(0, len(left), _BATCH):
                closings = [
                    IntentClosure(number, IntentOutcome.ABANDONED, None, self.clock())
                    for number in left[start : start + _BATCH]
                ]
                await asyncio.to_thread(self.journal.write, closings)
