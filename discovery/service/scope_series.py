"""The two metrics that each scope has of its own, as long as there are few scopes."""

from __future__ import annotations

from discovery.model.values import Complete
from discovery.reports.present_scopes import PresentScopes
from discovery.reports.report import Report
from discovery.service.instruments import SnapshotGauge


class ScopeSeries:
    """When each scope was last read to the end, and how many caches it then had.

    Above `limit` scopes none has a series: a part of them would look like the whole.
    """

    def __init__(self, last_complete: SnapshotGauge, caches: SnapshotGauge, *, limit: int) -> None:
        self._last_complete = last_complete
        self._caches = caches
        self._limit = limit
        self._latest: dict[tuple[str, str], tuple[float, int]] = {}

    def update(self, report: Report, *, whole: bool) -> None:
        """Take in the scopes of a report; after a `whole` sweep, drop those that are gone."""
        if whole:
            present = PresentScopes(report)
            self._latest = {key: value for key, value in self._latest.items() if key in present}
        for scanned in report.scopes:
            if isinstance(scanned, Complete):
                self._latest[scanned.scope.key] = (
                    scanned.started_at.timestamp() + scanned.duration_s,
                    len(scanned.caches),
                )
        shown = self._latest if len(self._latest) <= self._limit else {}
        self._last_complete.set_all({key: time for key, (time, _) in shown.items()})
        self._caches.set_all({key: count for key, (_, count) in shown.items()})
