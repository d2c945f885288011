"""What sweeps and re-scans leave in the metrics, and what they never do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.aws.events import Ignored
from discovery.model.codes import Action, FindingCode, Reason, ScopeReason, Severity
from discovery.model.values import Failed, Scope
from discovery.service.metric_table import EVENTS
from discovery.service.metrics import Metrics
from discovery.service.rescans import EventOutcome
from discovery.sweep.context import SweepKind
from tests.support.exposition import of, samples
from tests.support.report_samples import (
    EARLIER,
    NOW,
    OTHER,
    REFUSED,
    carried_out,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)

STATE = (
    "items",
    "caches",
    "findings",
    "iam_verdicts",
    "scopes",
    "guard_refused",
    "registrations",
    "registrations_of_another_agent",
    "removals",
    "removal_limit",
    "scope_failing_since_timestamp_seconds",
)
WRITTEN = carried_out(full_report(guard=REFUSED), failed="payments")
BROKEN_OFF = report(error="the control plane could not be listed", dry_run=False)
NOTHING = report(scopes=(), dry_run=False)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(scope_metrics_limit=500, version="1.2.3", clock=lambda: NOW)


def stated(metrics: Metrics) -> dict[str, dict[str, float]]:
    return {name: of(metrics, name) for name in STATE}


def test_before_the_first_sweep_nothing_is_claimed(metrics: Metrics) -> None:
    assert of(metrics, "build_info") == {'{version="1.2.3"}': 1}
    assert all(values == {} for values in stated(metrics).values())
    for name in ("sweep_last_attempt_timestamp_seconds", "sweep_last_success_timestamp_seconds"):
        assert of(metrics, name) == {}
    assert set(of(metrics, "sweeps_total").values()) == {0}
    assert of(metrics, "sweep_consecutive_failures") == {'{kind="rescan"}': 0, '{kind="sweep"}': 0}


def test_a_sweep_states_what_it_found(metrics: Metrics) -> None:
    metrics.record_run(WRITTEN, kind=SweepKind.SWEEP)
    items = of(metrics, "items")
    assert items['{action="keep",reason="UNCHANGED"}'] == 2
    assert items['{action="delete",reason="EXCLUDED"}'] == 0
    assert sum(items.values()) == len(WRITTEN.items)
    assert of(metrics, "scopes") == {
        '{reason="",status="complete"}': 1,
        '{reason="THROTTLED",status="failed"}': 1,
        '{reason="REGION_NOT_ENABLED",status="skipped"}': 1,
    }
    assert of(metrics, "findings") == {
        '{code="DEFAULT_USER_OPEN",severity="warning"}': 2,
        '{code="NO_IAM_USER",severity="blocker"}': 2,
    }
    assert of(metrics, "iam_verdicts") == {
        '{verdict="ready"}': 2,
        '{verdict="not-ready"}': 2,
        '{verdict="unknown"}': 0,
    }
    found = samples(metrics)
    assert found["caches"] == 2
    assert (found["guard_refused"], found["removals"], found["removal_limit"]) == (1, 3, 2)
    assert found["registrations"] == 5
    assert found["scope_failing_since_timestamp_seconds"] == EARLIER.timestamp()


def test_a_sweep_is_counted_with_all_that_it_did(metrics: Metrics) -> None:
    for _ in range(2):
        metrics.record_run(WRITTEN, kind=SweepKind.SWEEP)
    found = samples(metrics)
    assert found['sweeps_total{kind="sweep",outcome="refused"}'] == 2
    assert found['changes_total{action="create",reason="NEW"}'] == 2
    assert found['changes_total{action="delete",reason="ABSENT"}'] == 2
    assert found['changes_total{action="update",reason="LABELS_CHANGED"}'] == 0
    assert found['change_failures_total{action="update",code="UNAVAILABLE"}'] == 2
    assert found['guard_refusals_total{code="GUARD_PERCENT"}'] == 2
    assert found['scope_scans_total{reason="THROTTLED",status="failed"}'] == 2
    assert found['aws_calls_total{kind="sweep"}'] == 20
    assert found['sweep_duration_seconds_count{kind="sweep"}'] == 2
    assert found['sweep_duration_seconds_sum{kind="sweep"}'] == pytest.approx(6.4)


def test_a_dry_run_or_a_paused_sweep_changes_nothing_and_counts_no_change(metrics: Metrics) -> None:
    metrics.record_run(full_report(paused_until=NOW + timedelta(hours=1)), kind=SweepKind.SWEEP)
    assert set(of(metrics, "changes_total").values()) == {0}
    assert of(metrics, "change_failures_total") == {}
    assert of(metrics, "paused_until_timestamp_seconds") == {"": NOW.timestamp() + 3600}
    metrics.record_run(full_report(), kind=SweepKind.SWEEP)
    assert of(metrics, "paused_until_timestamp_seconds") == {}


def test_a_sweep_that_could_not_be_done_leaves_what_the_last_one_stated(metrics: Metrics) -> None:
    metrics.record_run(WRITTEN, kind=SweepKind.SWEEP)
    before = stated(metrics)
    later = NOW + timedelta(minutes=5)
    metrics.record_run(replace(BROKEN_OFF, finished_at=later), kind=SweepKind.SWEEP)
    assert stated(metrics) == before
    found = samples(metrics)
    assert found['sweeps_total{kind="sweep",outcome="failed"}'] == 1
    assert found['sweep_last_attempt_timestamp_seconds{kind="sweep"}'] == later.timestamp()
    assert found['sweep_last_success_timestamp_seconds{kind="sweep"}'] == NOW.timestamp()


def test_failures_in_a_row_are_counted_until_one_comes_to_its_end(metrics: Metrics) -> None:
    metrics.record_run(BROKEN_OFF, kind=SweepKind.SWEEP)
    metrics.record_failure(SweepKind.SWEEP)
    metrics.record_run(report(interrupted=True), kind=SweepKind.SWEEP)  # neither
    failures = 'sweep_consecutive_failures{kind="sweep"}'
    assert samples(metrics)[failures] == 2
    assert samples(metrics)['sweep_consecutive_failures{kind="rescan"}'] == 0
    metrics.record_run(
        report(scopes=scopes()), kind=SweepKind.SWEEP
    )  # a scope failed: it came to its end
    assert samples(metrics)[failures] == 0


def test_a_sweep_without_a_report_is_an_attempt(metrics: Metrics) -> None:
    metrics.record_failure(SweepKind.RESCAN)
    found = samples(metrics)
    assert found['sweeps_total{kind="rescan",outcome="broke"}'] == 1
    assert found['sweep_last_attempt_timestamp_seconds{kind="rescan"}'] == NOW.timestamp()
    assert 'sweep_duration_seconds_count{kind="rescan"}' not in found


def test_a_rescan_counts_and_states_nothing_about_the_whole(metrics: Metrics) -> None:
    metrics.record_run(WRITTEN, kind=SweepKind.SWEEP)
    before = stated(metrics)
    created = carried_out(report(item(Action.CREATE, Reason.NEW)))
    metrics.record_run(created, kind=SweepKind.RESCAN)
    assert stated(metrics) == before
    found = samples(metrics)
    assert found['changes_total{action="create",reason="NEW"}'] == 2
    assert found['sweeps_total{kind="rescan",outcome="done"}'] == 1


def test_what_is_over_has_no_number(metrics: Metrics) -> None:
    metrics.record_run(WRITTEN, kind=SweepKind.SWEEP)
    metrics.record_run(NOTHING, kind=SweepKind.SWEEP)
    assert of(metrics, "findings") == {}
    assert of(metrics, "scopes") == {}
    assert of(metrics, "scope_failing_since_timestamp_seconds") == {}
    assert set(of(metrics, "items").values()) == {0}


def test_registrations_of_another_agent_are_counted(metrics: Metrics) -> None:
    found = (
        item(Action.HELD, Reason.INHERITED, "orders"),
        item(Action.CONFLICT, Reason.RESTORED, "carts"),
        item(Action.HELD, Reason.WAITING, "sessions"),
    )
    metrics.record_run(report(*found, dry_run=False), kind=SweepKind.SWEEP)
    assert samples(metrics)["registrations_of_another_agent"] == 2
    metrics.record_run(NOTHING, kind=SweepKind.SWEEP)
    assert samples(metrics)["registrations_of_another_agent"] == 0


def test_a_failure_that_is_expected_does_not_set_the_clock(metrics: Metrics) -> None:
    whole_account = frozenset({Scope(OTHER.account_id, None)})
    metrics.record_run(full_report(expected_failures=whole_account), kind=SweepKind.SWEEP)
    assert of(metrics, "scope_failing_since_timestamp_seconds") == {}
    assert samples(metrics)['scopes{reason="THROTTLED",status="failed"}'] == 1


MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def test_moments_that_there_are_not_have_no_series(metrics: Metrics) -> None:
    names = {
        "control_plane_identity_expiry_timestamp_seconds": metrics.set_identity_expiry,
        "paused_until_timestamp_seconds": metrics.set_paused_until,
        "sweep_next_due_timestamp_seconds": metrics.set_next_due,
    }
    for name, tell in names.items():
        assert of(metrics, name) == {}
        tell(MOMENT)
        assert of(metrics, name) == {"": MOMENT.timestamp()}
        tell(None)
        assert of(metrics, name) == {}


def test_scopes_that_wait_and_since_when(metrics: Metrics) -> None:
    oldest = "rescan_oldest_waiting_timestamp_seconds"
    assert of(metrics, "rescan_waiting_scopes") == {"": 0}
    metrics.set_waiting(3, since=MOMENT)
    assert of(metrics, "rescan_waiting_scopes") == {"": 3}
    assert of(metrics, oldest) == {"": MOMENT.timestamp()}
    metrics.set_waiting(0, since=MOMENT)
    assert of(metrics, oldest) == {}


def test_events_are_counted_by_outcome(metrics: Metrics) -> None:
    metrics.count_events("accepted")
    metrics.count_events("accepted", 9_999)
    assert of(metrics, "events_total") == {'{outcome="accepted"}': 10_000}


HOSTILE = st.text(min_size=9).filter(lambda text: not text.isspace())


@pytest.mark.slow
@given(name=HOSTILE, message=HOSTILE)
def test_no_name_and_no_text_of_others_is_ever_shown(name: str, message: str) -> None:
    metrics = Metrics(scope_metrics_limit=500, version="1", clock=lambda: NOW)
    before = report(item(Action.BLOCKED, Reason.IAM_NOT_READY, "orders", iam=judged(finding())))
    unread = Failed(scope=OTHER, started_at=NOW, reason=ScopeReason.DENIED, message=message)
    hostile = report(
        replace(
            before.items[0],
            cache=name,
            message=message,
            iam=judged(finding(FindingCode.NO_IAM_USER, Severity.BLOCKER)),
        ),
        scopes=(unread,),
        error=message,
    )
    plain = Metrics(scope_metrics_limit=500, version="1", clock=lambda: NOW)
    for each in (hostile, replace(hostile, error=None)):
        metrics.record_run(each, kind=SweepKind.SWEEP)
        shown = replace(
            each,
            items=before.items,
            scopes=(replace(unread, message=""),),
            error=each.error and "-",
        )
        plain.record_run(shown, kind=SweepKind.SWEEP)
    assert samples(metrics) == samples(plain)


def test_every_outcome_of_an_event_is_told_of_in_the_table() -> None:
    shown = set(re.findall(r"`(\w+)`", EVENTS.meaning))
    assert shown == {outcome.value for outcome in (*EventOutcome, *Ignored)}
