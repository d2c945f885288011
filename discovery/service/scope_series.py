"""The two metrics that each scope has of its own, as long as there are few scopes."""

from __future__ import annotations

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Scanned, Skipped
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
            present = _PresentScopes(report)
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


class _PresentScopes:
    """Scopes that a whole sweep leaves in place.

    Absence counts only where the list of regions, or of accounts, was read (R1).
    """

    def __init__(self, report: Report) -> None:
        self._listed = {each.scope.key for each in report.scopes if not _is_region_disabled(each)}
        self._accounts = {each.scope.account_id for each in report.scopes}
        self._unread = {
            each.scope.account_id for each in report.scopes if each.scope.region is None
        }
        self._is_partial = report.error is not None or report.interrupted

    def __contains__(self, key: tuple[str, str]) -> bool:
        account_id = AccountId(key[0])
        unlisted = account_id not in self._accounts and bool(self._unread)
        return key in self._listed or unlisted or account_id in self._unread or self._is_partial


def _is_region_disabled(scanned: Scanned) -> bool:
    return isinstance(scanned, Skipped) and scanned.reason is ScopeReason.REGION_NOT_ENABLED
