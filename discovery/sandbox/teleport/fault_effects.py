"""What faults do to a call: before the server acts, after it has acted, to the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from grpclib.const import Status

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.service import RpcError

GARBAGE = b"\xff<html>not a message</html>"


class Dropped(Exception):
    """The connection is to be reset at once."""


class GoAway(Exception):
    """The connection is to be ended with GOAWAY."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How faults change the pages of a listing."""

    limit: int | None
    repeat_token: bool


async def apply_faults(
    active: Iterable[Fault], cluster: Cluster, subject: str, *, after: bool
) -> None:
    """Apply the faults that come before (or with `after` after) the server acts.

    Raises RpcError, Dropped or GoAway.
    """
    for fault in active:
        if fault.after == after:
            await _apply_fault(fault, cluster, subject)


async def _apply_fault(fault: Fault, cluster: Cluster, subject: str) -> None:
    match fault.effect:
        case Effect.UNAVAILABLE:
            raise RpcError(Status.UNAVAILABLE, fault.message)
        case Effect.EXHAUSTED:
            raise RpcError(Status.RESOURCE_EXHAUSTED, fault.message)
        case Effect.ERROR:
            raise RpcError(Status[fault.status], fault.message)
        case Effect.SLOW:
            await asyncio.sleep(fault.delay_s)
        case Effect.DROP:
            raise Dropped
        case Effect.GOAWAY:
            raise GoAway
        case Effect.CONCURRENT_CHANGE:
            assert fault.deed is not None  # noqa: S101 - a fault is checked when it is made
            fault.deed.do(cluster, subject)
        case _:
            pass


def paging(active: Iterable[Fault]) -> Paging:
    """Return how these faults change the pages."""
    sizes = [fault.page_size for fault in active if fault.effect is Effect.SHORT_PAGES]
    repeats = any(fault.effect is Effect.REPEATED_TOKEN for fault in active)
    return Paging(min(sizes, default=None), repeats)


def apply_to_answer(answer: bytes, active: Iterable[Fault]) -> bytes:
    """Return the answer's message, changed by these faults."""
    for fault in active:
        if fault.effect is Effect.GARBAGE:
            answer = GARBAGE
        if fault.effect is Effect.EMPTY:
            answer = b""
    return answer


def is_cut_off(active: Iterable[Fault]) -> bool:
    """Return whether only half of the answer is sent."""
    return any(fault.effect is Effect.CUT_OFF for fault in active)
