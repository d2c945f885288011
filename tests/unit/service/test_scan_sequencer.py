"""A scan that is older than what was acted upon already is not used."""

from __future__ import annotations

from datetime import timedelta

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Complete, Scanned, Scope, Skipped
from discovery.plan.scan_memory import remembered_scopes
from discovery.service.scan_sequencer import ScanSequencer
from state.records import RememberedScope, RememberedState
from tests.support.plan_inputs import EAST, WEST
from tests.support.plan_state import NOW

SOON = NOW + timedelta(seconds=30)


def read(*scopes: Scope) -> tuple[Scanned, ...]:
    return tuple(Complete(scope=scope, started_at=NOW, caches=()) for scope in scopes)


def remembering(*scopes: Scope, at: object = NOW) -> RememberedState:
    return RememberedState(
        scopes={
            scope: RememberedScope(
                scope=scope,
                last_attempt_at=at,  # type: ignore[arg-type]
                last_complete_at=at,  # type: ignore[arg-type]
                failing_since=None,
                status=ScopeStatus.COMPLETE,
                reason=None,
                message="",
                caches=0,
            )
            for scope in scopes
        }
    )


def left_out(results: tuple[Scanned, ...]) -> set[Scope]:
    return {
        each.scope
        for each in results
        if isinstance(each, Skipped) and each.reason is ScopeReason.NOT_IN_RUN
    }


def test_alone_a_scan_is_current() -> None:
    sequencer, empty = ScanSequencer(), RememberedState()
    scan_number = sequencer.begin_scan()
    found = sequencer.drop_outdated(
        scan_number, read(WEST, EAST), state_before=empty, state_now=empty
    )
    assert found == read(WEST, EAST)


def test_a_sweep_does_not_undo_the_rescan_that_overtook_it() -> None:
    sequencer, before = ScanSequencer(), RememberedState()
    sweep, rescan = sequencer.begin_scan(), sequencer.begin_scan()
    sequencer.record_applied(rescan, read(WEST), before, NOW)
    after = remembering(WEST)
    found = sequencer.drop_outdated(sweep, read(WEST, EAST), state_before=before, state_now=after)
    assert left_out(found) == {WEST}


def test_a_rescan_is_current_after_the_sweep_that_began_before_it() -> None:
    sequencer, before = ScanSequencer(), RememberedState()
    sweep, rescan = sequencer.begin_scan(), sequencer.begin_scan()
    sequencer.record_applied(sweep, read(WEST, EAST), before, NOW)
    after = remembering(WEST, EAST)
    assert not left_out(
        sequencer.drop_outdated(rescan, read(WEST), state_before=before, state_now=after)
    )


def test_what_another_process_recorded_meanwhile_is_later() -> None:
    sequencer = ScanSequencer()
    scan_number = sequencer.begin_scan()
    state_before, now = remembering(WEST, EAST), remembering(WEST, at=SOON)
    both = RememberedState(scopes={**state_before.scopes, **now.scopes})
    assert left_out(
        sequencer.drop_outdated(
            scan_number, read(WEST, EAST), state_before=state_before, state_now=both
        )
    ) == {WEST}


def test_what_another_process_recorded_before_the_scan_is_earlier() -> None:
    sequencer = ScanSequencer()
    scan_number = sequencer.begin_scan()
    now = remembering(WEST, at=SOON)
    assert not left_out(
        sequencer.drop_outdated(scan_number, read(WEST), state_before=now, state_now=now)
    )


def test_what_was_left_out_counts_as_not_acted_upon() -> None:
    sequencer, empty = ScanSequencer(), RememberedState()
    early, late = sequencer.begin_scan(), sequencer.begin_scan()
    skipped = Skipped(scope=WEST, started_at=NOW, reason=ScopeReason.NOT_IN_RUN)
    sequencer.record_applied(late, (skipped,), empty, NOW)
    assert not left_out(
        sequencer.drop_outdated(early, read(WEST), state_before=empty, state_now=empty)
    )


def test_a_clock_that_was_set_back_does_not_matter() -> None:
    sequencer, empty = ScanSequencer(), RememberedState()
    first = sequencer.begin_scan()
    sequencer.record_applied(first, read(WEST), empty, SOON)
    second = sequencer.begin_scan()
    state_before = RememberedState(
        scopes={each.scope: each for each in remembered_scopes(read(WEST), empty, SOON)}
    )
    earlier = tuple(
        Complete(scope=WEST, started_at=NOW - timedelta(days=1), caches=()) for _ in "x"
    )
    assert not left_out(
        sequencer.drop_outdated(second, earlier, state_before=state_before, state_now=state_before)
    )
