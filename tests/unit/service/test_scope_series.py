"""The two series of each scope: how long they stay, and when there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Region, Scanned, Scope, Skipped
from discovery.service.metrics import Metrics
from discovery.sweep.context import SweepKind
from tests.support.exposition import of
from tests.support.report_samples import NOW, cache, report

NAMES = ("scope_last_complete_timestamp_seconds", "scope_caches")


def scope(account: int, region: str | None = "eu-west-1") -> Scope:
    return Scope(AccountId(f"{account:012}"), Region(region) if region else None)


def read(account: int, region: str = "eu-west-1", *, caches: int = 0) -> Complete:
    found = tuple(cache(f"c{number}") for number in range(caches))
    return Complete(scope=scope(account, region), started_at=NOW, duration_s=2, caches=found)


def unread(account: int, region: str | None = "eu-west-1") -> Failed:
    return Failed(scope=scope(account, region), started_at=NOW, reason=ScopeReason.DENIED)


def left(account: int, reason: ScopeReason, region: str | None = "eu-west-1") -> Skipped:
    return Skipped(scope=scope(account, region), started_at=NOW, reason=reason)


def after(
    *sweeps: tuple[Scanned, ...], limit: int = 500, kind: SweepKind = SweepKind.SWEEP
) -> set[str]:
    """The accounts that have series once the sweeps are over."""
    metrics = Metrics(scope_metrics_limit=limit, version="1", clock=lambda: NOW)
    for scanned in sweeps[:-1]:
        metrics.record_run(report(scopes=scanned), kind=SweepKind.SWEEP)
    metrics.record_run(report(scopes=sweeps[-1]), kind=kind)
    last_complete, caches = (of(metrics, name) for name in NAMES)
    assert last_complete.keys() == caches.keys()
    return {series.split('"')[1].lstrip("0") for series in caches}


def test_a_scope_says_when_it_was_read_and_what_it_held() -> None:
    metrics = Metrics(scope_metrics_limit=1, version="1", clock=lambda: NOW)
    metrics.record_run(report(scopes=(read(1, caches=3),)), kind=SweepKind.SWEEP)
    labels = '{account="000000000001",region="eu-west-1"}'
    assert of(metrics, NAMES[0]) == {labels: NOW.timestamp() + 2}
    assert of(metrics, NAMES[1]) == {labels: 3}


def test_a_scope_that_fails_keeps_what_it_had() -> None:
    metrics = Metrics(scope_metrics_limit=1, version="1", clock=lambda: NOW)
    metrics.record_run(report(scopes=(read(1, caches=3),)), kind=SweepKind.SWEEP)
    before = [of(metrics, name) for name in NAMES]
    later = replace(unread(1), started_at=NOW + timedelta(hours=1))
    metrics.record_run(report(scopes=(later,)), kind=SweepKind.SWEEP)
    assert [of(metrics, name) for name in NAMES] == before


BOTH = (read(1), read(2))


@pytest.mark.parametrize(
    ("sweeps", "kept"),
    [
        pytest.param((BOTH, (read(1),)), {"1"}, id="no-longer-configured"),
        pytest.param(
            (BOTH, (read(1), left(2, ScopeReason.REGION_NOT_ENABLED))), {"1"}, id="region-off"
        ),
        pytest.param((BOTH, (read(1), unread(2, None))), {"1", "2"}, id="account-shut"),
        pytest.param(
            (BOTH, (read(1), left(2, ScopeReason.NOT_IN_RUN, None))), {"1", "2"}, id="left-alone"
        ),
        pytest.param(
            (BOTH, (read(1), left(2, ScopeReason.NOT_IN_RUN))), {"1", "2"}, id="not-reached"
        ),
        pytest.param((BOTH, (read(1), unread(1, None))), {"1", "2"}, id="accounts-not-listed"),
        pytest.param(((unread(1), read(2)),), {"2"}, id="never-read"),
        pytest.param((BOTH, (), BOTH), {"1", "2"}, id="back-again"),
    ],
)
def test_a_scope_leaves_when_it_is_known_to_be_no_more(
    sweeps: tuple[tuple[Scanned, ...], ...], kept: set[str]
) -> None:
    assert after(*sweeps) == kept


def test_a_rescan_takes_nothing_away() -> None:
    assert after(BOTH, (read(1),), kind=SweepKind.RESCAN) == {"1", "2"}


def test_a_sweep_that_was_cut_short_takes_nothing_away() -> None:
    metrics = Metrics(scope_metrics_limit=9, version="1", clock=lambda: NOW)
    metrics.record_run(report(scopes=BOTH), kind=SweepKind.SWEEP)
    metrics.record_run(report(scopes=(), error="no answer"), kind=SweepKind.SWEEP)
    metrics.record_run(report(scopes=(read(1),), interrupted=True), kind=SweepKind.SWEEP)
    assert len(of(metrics, NAMES[1])) == 2


@pytest.mark.parametrize(
    ("limit", "kept"), [(0, set[str]()), (1, set[str]()), (2, {"1", "2"}), (3, {"1", "2"})]
)
def test_above_the_limit_no_scope_has_a_series(limit: int, kept: set[str]) -> None:
    assert after(BOTH, limit=limit) == kept


def test_series_come_back_when_the_scopes_are_few_enough_again() -> None:
    assert after(BOTH, (read(1),), limit=1) == {"1"}
