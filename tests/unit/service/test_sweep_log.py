"""The event that tells a whole sweep, and those of scopes that begin and cease to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from discovery.model.codes import Action, NoteCode, Reason, ScopeReason
from discovery.model.values import Complete, Failed, Note, Scanned, Scope
from discovery.service.sweep_log import SweepLog
from tests.support.report_samples import (
    NOW,
    OTHER,
    REFUSED,
    carried_out,
    full_report,
    item,
    report,
)

Event = dict[str, Any]


@pytest.fixture
def logged() -> Iterator[list[Event]]:
    with capture_logs() as events:
        yield events  # type: ignore[misc]


def read(scope: Scope = OTHER) -> Complete:
    return Complete(scope=scope, started_at=NOW, caches=())


def unread(reason: ScopeReason = ScopeReason.DENIED) -> Failed:
    return Failed(scope=OTHER, started_at=NOW, reason=reason, message="denied: nothing changed")


def test_one_event_tells_the_whole(logged: list[Event]) -> None:
    found = carried_out(full_report(guard=REFUSED), failed="payments")
    SweepLog().log_run(found, kind="sweep")
    (event,) = [each for each in logged if each["event"] == "sweep.finished"]
    assert event == {
        "event": "sweep.finished",
        "log_level": "warning",
        "sweep_id": found.sweep_id,
        "kind": "sweep",
        "plan_checksum": found.checksum,
        "duration_s": 3.2,
        "exit_code": 4,
        "outcome": "refused",
        "complete": False,
        "create": 1,
        "update": 2,
        "delete": 1,
        "keep": 2,
        "blocked": 1,
        "conflict": 1,
        "held": 2,
        "skipped": 2,
        "failed": 1,
        "scopes": {"complete": 1, "failed": 1, "skipped": 1},
        "guard_refused": True,
        "guard_code": "GUARD_PERCENT",
        "paused_until": None,
        "error": None,
        "sentence": event["sentence"],
    }
    assert event["sentence"].startswith("2 caches in 1 account; ")
    json.dumps(event)


@pytest.mark.parametrize(
    ("found", "level", "outcome"),
    [
        pytest.param(report(), "info", "done", id="done"),
        pytest.param(report(interrupted=True), "info", "interrupted", id="interrupted"),
        pytest.param(full_report(), "warning", "incomplete", id="incomplete"),
        pytest.param(report(guard=REFUSED), "warning", "refused", id="refused"),
        pytest.param(report(error="no answer"), "error", "failed", id="failed"),
    ],
)
def test_the_level_says_whether_to_look(
    logged: list[Event], found: Any, level: str, outcome: str
) -> None:
    SweepLog().log_run(replace(found, dry_run=False), kind="rescan")
    event = logged[-1]
    assert (event["event"], event["log_level"], event["outcome"]) == (
        "sweep.finished",
        level,
        outcome,
    )


def test_a_pause_is_told_with_its_end(logged: list[Event]) -> None:
    until = NOW + timedelta(hours=1)
    found = report(item(Action.CREATE, Reason.NEW), dry_run=False, paused_until=until)
    SweepLog().log_run(found, kind="sweep")
    assert logged[-1]["paused_until"] == until.isoformat()


def scope_events(logged: list[Event]) -> list[tuple[str, str | None]]:
    return [
        (event["event"], event.get("reason"))
        for event in logged
        if event["event"].startswith("scope.")
    ]


@pytest.mark.parametrize(
    ("sweeps", "told"),
    [
        pytest.param([read()], [], id="well"),
        pytest.param([unread()], [("scope.failed", "DENIED")], id="begins"),
        pytest.param([unread()] * 9, [("scope.failed", "DENIED")], id="goes-on"),
        pytest.param(
            [unread(), unread(ScopeReason.THROTTLED), unread(ScopeReason.THROTTLED)],
            [("scope.failed", "DENIED"), ("scope.failed", "THROTTLED")],
            id="for-another-reason",
        ),
        pytest.param(
            [unread(), read(), read(), unread()],
            [("scope.failed", "DENIED"), ("scope.recovered", None), ("scope.failed", "DENIED")],
            id="comes-and-goes",
        ),
        pytest.param(
            [
                unread(),
                replace(unread(), notes=(Note(NoteCode.BACKING_OFF, str(OTHER), "later"),)),
                unread(),
            ],
            [("scope.failed", "DENIED")],
            id="left-alone-meanwhile",
        ),
    ],
)
def test_a_scope_is_told_of_when_it_changes(
    logged: list[Event], sweeps: list[Scanned], told: list[tuple[str, str | None]]
) -> None:
    log = SweepLog()
    for scanned in sweeps:
        log.log_run(report(scopes=(scanned,), dry_run=False), kind="sweep")
    assert scope_events(logged) == told


def noted(*codes: NoteCode) -> Complete:
    notes = tuple(Note(code, "tag:GetResources", "allow it") for code in codes)
    return replace(read(), notes=notes, message="allow it" if notes else "")


def test_tags_asked_one_by_one_are_told_when_that_begins_and_ends(logged: list[Event]) -> None:
    log = SweepLog()
    slow, worse = NoteCode.TAGS_ONE_BY_ONE, NoteCode.USERS_UNKNOWN
    for scanned in (noted(slow), noted(slow), noted(slow, worse), noted(), noted()):
        log.log_run(report(scopes=(scanned,), dry_run=False), kind="sweep")
    told = [each for each in logged if each["event"].startswith("scope.")]
    assert [(each["event"], each.get("notes")) for each in told] == [
        ("scope.noted", ["TAGS_ONE_BY_ONE"]),
        ("scope.noted", ["TAGS_ONE_BY_ONE", "USERS_UNKNOWN"]),
        ("scope.notes_ended", None),
    ]
    assert told[0]["log_level"] == "warning"
    assert told[0]["message"] == "allow it"


def test_an_event_of_a_scope_names_it(logged: list[Event]) -> None:
    found = report(scopes=(unread(),), dry_run=False)
    SweepLog().log_run(found, kind="sweep")
    assert logged[0] == {
        "event": "scope.failed",
        "log_level": "warning",
        "sweep_id": found.sweep_id,
        "account_id": OTHER.account_id,
        "region": OTHER.region,
        "reason": "DENIED",
        "message": "denied: nothing changed",
    }


def test_a_failure_that_is_expected_is_no_warning(logged: list[Event]) -> None:
    found = report(scopes=(unread(),), dry_run=False, expected_failures=frozenset({OTHER}))
    SweepLog().log_run(found, kind="sweep")
    assert [event["log_level"] for event in logged] == ["info", "info"]
