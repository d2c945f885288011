"""Faults in force, of either simulation: which calls they apply to, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.aws.faults import CallSite, Effect, Fault
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.faults import CallSite as TeleportCallSite
from discovery.sandbox.teleport.faults import Effect as TeleportEffect
from discovery.sandbox.teleport.faults import Fault as TeleportFault

CALL = CallSite("111122223333", "eu-central-1", "elasticache", "DescribeUsers")
LATER_PAGE = CallSite("111122223333", "eu-central-1", "elasticache", "DescribeUsers", True)


@given(times=st.none() | st.integers(1, 4), skip=st.integers(0, 4), calls=st.integers(0, 10))
def test_a_fault_acts_after_skip_for_so_many_calls(
    times: int | None, skip: int, calls: int
) -> None:
    board: FaultBoard[Fault] = FaultBoard()
    board.add(Fault(effect=Effect.DENIED, times=times, skip=skip))
    acted = [bool(board.consume(CALL)) for _ in range(calls)]
    end = calls if times is None else skip + times
    assert acted == [skip <= number < end for number in range(calls)]
    assert bool(list(board)) == (times is None or calls < end)


def test_a_call_that_does_not_match_is_not_counted() -> None:
    board: FaultBoard[Fault] = FaultBoard()
    board.add(Fault(effect=Effect.DENIED, region="us-east-1", times=1))
    assert board.consume(CALL) == ()
    assert len(list(board)) == 1


def test_the_page_before_one_that_fails_is_not_counted() -> None:
    board: FaultBoard[Fault] = FaultBoard()
    board.add(Fault(effect=Effect.LATER_PAGE_FAILS, times=1))
    assert len(board.consume(CALL)) == 1
    assert len(board.consume(LATER_PAGE)) == 1
    assert board.consume(LATER_PAGE) == ()


def test_an_empty_first_page_is_for_first_pages() -> None:
    board: FaultBoard[Fault] = FaultBoard()
    board.add(Fault(effect=Effect.EMPTY_FIRST_PAGE))
    assert board.consume(LATER_PAGE) == ()
    assert len(board.consume(CALL)) == 1


def test_any_method_of_teleport_is_a_method_of_auth() -> None:
    board: FaultBoard[TeleportFault] = FaultBoard()
    board.add(TeleportFault(effect=TeleportEffect.UNAVAILABLE))
    assert board.consume(TeleportCallSite("find")) == ()
    assert len(board.consume(TeleportCallSite("ListDatabases"))) == 1


def test_a_fault_that_was_removed_acts_no_more() -> None:
    board: FaultBoard[Fault] = FaultBoard()
    number = board.add(Fault(effect=Effect.DENIED))
    assert board.remove(number)
    assert not board.remove(number)
    assert board.consume(CALL) == ()


@pytest.mark.parametrize(
    ("times", "skip", "page_size", "problem"),
    [
        (0, 0, 1, "times is at least 1"),
        (None, -1, 1, "skip at least 0"),
        (None, 0, 0, "page_size is at least 1"),
    ],
)
def test_settings_that_cannot_be(
    times: int | None, skip: int, page_size: int, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Fault(effect=Effect.DENIED, times=times, skip=skip, page_size=page_size)
    with pytest.raises(ValueError, match=problem):
        TeleportFault(
            effect=TeleportEffect.UNAVAILABLE, times=times, skip=skip, page_size=page_size
        )
