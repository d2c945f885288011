"""Prometheus metrics of the service.

State (items, scopes, findings, the guard) is that of the last whole sweep that finished: a re-scan
knows a part only, and an interrupted sweep nothing. Counters count both kinds of run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from discovery.model.codes import REASONS_OF, Action, GuardCode, IamVerdict, ProbeOutcome, Reason
from discovery.model.values import Clock, Complete, Scanned
from discovery.plan.item import Item
from discovery.reports.exit import Exit, exit_code, is_expected
from discovery.reports.report import Report
from discovery.service import metric_table as table
from discovery.service.instruments import Instruments
from discovery.service.scope_series import ScopeSeries
from discovery.sweep.context import SweepKind

BROKE: Final = "broke"
"""Outcome of a run that ended without a report."""
_OF_ANOTHER_AGENT: Final = (Reason.INHERITED, Reason.RESTORED)
_EXITS: Final = (Exit.DONE, Exit.INCOMPLETE, Exit.REFUSED, Exit.FAILED, Exit.INTERRUPTED)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Metrics:
    """All metrics of one service, in a registry of their own. Safe to read from any thread."""

    def __init__(self, *, scope_metrics_limit: int, version: str, clock: Clock = _utc_now) -> None:
        self._clock = clock
        self._all = Instruments()
        self._scopes = ScopeSeries(
            self._all.gauge(table.SCOPE_LAST_COMPLETE),
            self._all.gauge(table.SCOPE_CACHES),
            limit=scope_metrics_limit,
        )
        self._all.gauge(table.BUILD_INFO).set(1, version)
        self._all.gauge(table.WAITING).set(0)
        self._start_at_zero()

    def record_run(self, report: Report, *, kind: SweepKind) -> None:
        """Record a sweep or re-scan (`kind`) that ended with a report."""
        exit_status = exit_code(report)
        self._count_run(kind, exit_status.name.lower(), report.finished_at)
        duration = report.finished_at - report.started_at
        self._all.histogram(table.DURATION).labels(kind).observe(duration.total_seconds())
        self._count_report(report, kind)
        self._scopes.update(report, whole=kind == SweepKind.SWEEP)
        self.set_paused_until(report.paused_until)
        if report.interrupted:
            return
        if exit_status is Exit.FAILED:
            self._count_failure(kind)
            return
        self._all.gauge(table.LAST_SUCCESS).set(report.finished_at.timestamp(), kind)
        self._all.gauge(table.CONSECUTIVE_FAILURES).set(0, kind)
        if kind == SweepKind.SWEEP:
            self._set_sweep_state(report)

    def record_failure(self, kind: SweepKind) -> None:
        """Record a sweep or re-scan that ended without a report."""
        self._count_run(kind, BROKE, self._clock())
        self._count_failure(kind)

    def count_events(self, outcome: str, count: int = 1) -> None:
        """Count queue messages by outcome (`EventOutcome`, `Ignored`)."""
        self._all.counter(table.EVENTS).labels(outcome).inc(count)

    def count_notifications(self, sink: int, outcome: str, count: int = 1) -> None:
        """Count messages for the sink of this number by outcome (`notify.sinks.Outcome`)."""
        self._all.counter(table.NOTIFICATIONS).labels(str(sink), outcome).inc(count)

    def set_waiting(self, scopes: int, *, since: datetime | None = None) -> None:
        """Set how many scopes wait for a re-scan, and since when the first of them does."""
        self._all.gauge(table.WAITING).set(scopes)
        oldest = since.timestamp() if since is not None and scopes else None
        self._all.gauge(table.OLDEST_WAITING).set(oldest)

    def set_next_due(self, at: datetime | None) -> None:
        """Set when the next sweep is due; None while one is running."""
        self._set_time(table.NEXT_DUE, at)

    def set_identity_expiry(self, expires_at: datetime | None) -> None:
        """Set when the certificate for the control plane expires; None: there is none."""
        self._set_time(table.IDENTITY_EXPIRY, expires_at)

    def set_paused_until(self, until: datetime | None) -> None:
        """Set until when writes are paused; None: they are not."""
        self._set_time(table.PAUSED_UNTIL, until)

    def set_probes(self, outcomes: Mapping[ProbeOutcome, int], at: datetime | None) -> None:
        """Set how many caches had each outcome in the last round of logins; None: there is none."""
        counts = {(each.value,): outcomes.get(each, 0) for each in ProbeOutcome}
        self._all.gauge(table.PROBED).set_all(counts if at is not None else {})
        self._set_time(table.PROBED_AT, at)

    def render(self) -> tuple[bytes, str]:
        """Render the metrics as Prometheus text, with their content type."""
        return self._all.render()

    # -- counters --------------------------------------------------------------------------------

    def _start_at_zero(self) -> None:
        """Create counters with few label values at zero, so that their first step shows."""
        for kind in SweepKind:
            self._all.gauge(table.CONSECUTIVE_FAILURES).set(0, kind)
            self._all.counter(table.AWS_CALLS).labels(kind)
            for outcome in (*(exit_status.name.lower() for exit_status in _EXITS), BROKE):
                self._all.counter(table.SWEEPS).labels(kind, outcome)
        for code in GuardCode:
            self._all.counter(table.GUARD_REFUSALS).labels(code.value)
        for action, reasons in REASONS_OF.items():
            if action.writes:
                for reason in reasons:
                    self._all.counter(table.CHANGES).labels(action.value, reason.value)

    def _count_run(self, kind: SweepKind, outcome: str, at: datetime) -> None:
        self._all.counter(table.SWEEPS).labels(kind, outcome).inc()
        self._all.gauge(table.LAST_ATTEMPT).set(at.timestamp(), kind)

    def _count_failure(self, kind: SweepKind) -> None:
        failures = self._all.gauge(table.CONSECUTIVE_FAILURES)
        failures.set((failures.get(kind) or 0) + 1, kind)

    def _count_report(self, report: Report, kind: SweepKind) -> None:
        for scope in report.scopes:
            if scope.is_backing_off:
                continue
            self._all.counter(table.SCANS).labels(*_scope_labels(scope)).inc()
        self._all.counter(table.AWS_CALLS).labels(kind).inc(sum(s.calls for s in report.scopes))
        for item in report.items:
            self._count_write(item)
        if report.guard.code is not None:
            self._all.counter(table.GUARD_REFUSALS).labels(report.guard.code.value).inc()

    def _count_write(self, item: Item) -> None:
        if item.applied and item.action.writes:
            self._all.counter(table.CHANGES).labels(item.action.value, item.reason.value).inc()
        elif item.error is not None:
            self._all.counter(table.CHANGE_FAILURES).labels(
                item.action.value, item.error.code
            ).inc()

    # -- state of the last finished sweep --------------------------------------------------------

    def _set_sweep_state(self, report: Report) -> None:
        items = Counter((item.action.value, item.reason.value) for item in report.items)
        known = {(a.value, r.value): 0 for a in Action for r in REASONS_OF[a]}
        self._all.gauge(table.ITEMS).set_all({**known, **items})
        self._all.gauge(table.SCOPES).set_all(Counter(map(_scope_labels, report.scopes)))
        caches = sum(len(scope.caches) for scope in report.scopes if isinstance(scope, Complete))
        self._all.gauge(table.CACHES).set(caches)
        self._set_iam_state(report.items)
        self._set_time(table.FAILING_SINCE, _failing_since(report))
        self._all.gauge(table.GUARD_REFUSED).set(int(report.guard.refused))
        self._all.gauge(table.REGISTRATIONS).set(report.guard.population)
        others = sum(item.reason in _OF_ANOTHER_AGENT for item in report.items)
        self._all.gauge(table.OF_ANOTHER_AGENT).set(others)
        self._all.gauge(table.REMOVALS).set(report.guard.removals)
        self._all.gauge(table.REMOVAL_LIMIT).set(report.guard.limit)

    def _set_iam_state(self, items: Iterable[Item]) -> None:
        verdicts_of = [item.iam for item in items if item.iam is not None]
        verdicts = {(verdict.value,): 0 for verdict in IamVerdict}
        found = Counter((judgement.verdict.value,) for judgement in verdicts_of)
        self._all.gauge(table.VERDICTS).set_all({**verdicts, **found})
        findings = (finding for judgement in verdicts_of for finding in judgement.findings)
        codes = Counter((finding.code.value, finding.severity.value) for finding in findings)
        self._all.gauge(table.FINDINGS).set_all(codes)

    def _set_time(self, row: table.Row, at: datetime | None) -> None:
        self._all.gauge(row).set(at.timestamp() if at is not None else None)


def _scope_labels(scope: Scanned) -> tuple[str, str]:
    return (scope.status.value, "" if isinstance(scope, Complete) else scope.reason.value)


def _failing_since(report: Report) -> datetime | None:
    """Since when the longest-failing scope has failed, expected failures aside."""
    times = (time for scope, time in report.failing_since.items() if not is_expected(scope, report))
    return min(times, default=None)
