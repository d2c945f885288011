"""What the service is doing, kept up to date by its parts, for the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discovery.model.values import Clock
from discovery.reports.service_state import ServiceState
from discovery.service.health import HealthState
from discovery.service.rescans import Rescans


@dataclass(slots=True, kw_only=True)
class LiveState:
    """The service's own state; `snapshot` is what it is now."""

    clock: Clock
    running_since: datetime
    health: HealthState
    next_sweep_at: datetime | None = None
    """None while a sweep is under way."""
    rescans: Rescans | None = None
    """None until the connections are open."""

    def snapshot(self) -> ServiceState:
        """Return the state of this moment."""
        rescans = self.rescans
        return ServiceState(
            now=self.clock(),
            running_since=self.running_since,
            next_sweep_at=self.next_sweep_at,
            last_event_at=rescans.last_event_at if rescans is not None else None,
            has_queue=rescans is not None and rescans.queue is not None,
            waiting_scopes=rescans.waiting_scopes if rescans is not None else 0,
            waiting_since=rescans.waiting_since if rescans is not None else None,
            problems=self._problems(),
        )

    def _problems(self) -> tuple[str, ...]:
        alive, message = self.health.is_alive()
        return (*self.health.problems(), *(() if alive else (message,)))
