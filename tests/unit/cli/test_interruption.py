"""Signals reach the running loop, however many there are."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from discovery.cli.interruption import handle_signal


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    numbers = (signal.SIGHUP, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def test_a_storm_of_one_signal_loses_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    reload, stop = asyncio.Event(), asyncio.Event()
    with handle_signal(signal.SIGHUP, reload.set), handle_signal(signal.SIGTERM, stop.set):
        for _ in range(2000):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await stop.wait()
    assert reload.is_set()
    assert capfd.readouterr().err == "", "nothing but log lines stands on stderr"


def test_after_its_loop_was_closed_a_hangup_ends_nothing() -> None:
    async def serve() -> None:
        with handle_signal(signal.SIGHUP, lambda: None):
            await asyncio.sleep(0)

    asyncio.run(serve())
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
