"""A scan that is older than what was acted upon already is not used."""

from __future__ import annotations

from datetime import timedelta

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Complete, Scanned, Scope, Skipped
from discovery.plan.scan_memory import remembered_scopes
from discovery.service.scan_sequencer import ScanSequencer
from state.records import RememberedScope, RememberedState
from tests.unit.plan.make import EAST, WEST
from tests.unit.plan.past import NOW

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
    ledger, empty = ScanSequencer(), RememberedState()
    ticket = ledger.draw()
    found = ledger.current(ticket, read(WEST, EAST), then=empty, now=empty)
    assert found == read(WEST, EAST)


def test_a_sweep_does_not_undo_the_rescan_that_overtook_it() -> None:
    ledger, before = ScanSequencer(), RememberedState()
    sweep, rescan = ledger.draw(), ledger.draw()
    ledger.acted(rescan, read(WEST), before, NOW)
    after = remembering(WEST)
    found = ledger.current(sweep, read(WEST, EAST), then=before, now=after)
    assert left_out(found) == {WEST}


def test_a_rescan_is_current_after_the_sweep_that_began_before_it() -> None:
    ledger, before = ScanSequencer(), RememberedState()
    sweep, rescan = ledger.draw(), ledger.draw()
    ledger.acted(sweep, read(WEST, EAST), before, NOW)
    after = remembering(WEST, EAST)
    assert not left_out(ledger.current(rescan, read(WEST), then=before, now=after))


def test_what_another_process_recorded_meanwhile_is_later() -> None:
    ledger = ScanSequencer()
    ticket = ledger.draw()
    then, now = remembering(WEST, EAST), remembering(WEST, at=SOON)
    both = RememberedState(scopes={**then.scopes, **now.scopes})
    assert left_out(ledger.current(ticket, read(WEST, EAST), then=then, now=both)) == {WEST}


def test_what_another_process_recorded_before_the_scan_is_earlier() -> None:
    ledger = ScanSequencer()
    ticket = ledger.draw()
    now = remembering(WEST, at=SOON)
    assert not left_out(ledger.current(ticket, read(WEST), then=now, now=now))


def test_what_was_left_out_counts_as_not_acted_upon() -> None:
    ledger, empty = ScanSequencer(), RememberedState()
    early, late = ledger.draw(), ledger.draw()
    skipped = Skipped(scope=WEST, started_at=NOW, reason=ScopeReason.NOT_IN_RUN)
    ledger.acted(late, (skipped,), empty, NOW)
    assert not left_out(ledger.current(early, read(WEST), then=empty, now=empty))


def test_a_clock_that_was_set_back_does_not_matter() -> None:
    ledger, empty = ScanSequencer(), RememberedState()
    first = ledger.draw()
    ledger.acted(first, read(WEST), empty, SOON)
    second = ledger.draw()
    then = RememberedState(
        scopes={each.scope: each for each in remembered_scopes(read(WEST), empty, SOON)}
    )
    earlier = tuple(
        Complete(scope=WEST, started_at=NOW - timedelta(days=1), caches=()) for _ in "x"
    )
    assert not left_out(ledger.current(second, earlier, then=then, now=then))
