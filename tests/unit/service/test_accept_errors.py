"""Connections that cannot be accepted are said once a minute, with the limit that was met."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from discovery.config.fields import HostPort
from discovery.model.descriptors import descriptor_limit
from discovery.service.health import HealthState, serve_health
from discovery.service.heartbeat import Heartbeat
from discovery.service.metrics import Metrics
from discovery.service.read_only_server import AcceptErrors

FAILED = {
    "message": "socket.accept() out of system resource",
    "exception": OSError(errno.EMFILE, "Too many open files"),
}


class Loop:
    """What the handler is given, and what it passes on."""

    def __init__(self) -> None:
        self.passed: list[dict[str, Any]] = []

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.passed.append(context)


def test_out_of_descriptors_is_said_once_a_minute_however_often_it_is_tried() -> None:
    now_s, loop = [0.0], Loop()
    handler = AcceptErrors(lambda: now_s[0])
    with capture_logs() as events:
        for tenth in range(10 * 61 + 1):
            now_s[0] = tenth / 10
            handler(loop, FAILED)  # type: ignore[arg-type]
    assert [each["event"] for each in events] == ["page.not_accepted"] * 2
    assert [each["attempts"] for each in events] == [1, 600]
    assert f"may have {descriptor_limit()} at once" in events[0]["why"]
    assert loop.passed == []


def test_everything_else_is_told_as_ever() -> None:
    loop: Any = Loop()
    other = {"message": "Task exception was never retrieved"}
    with capture_logs() as events:
        AcceptErrors()(loop, other)
    assert (loop.passed, events) == ([other], [])


async def test_it_is_the_handler_of_the_loop_only_while_pages_are_served() -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    health = HealthState(heartbeat=Heartbeat(), max_age=timedelta(hours=1))
    metrics = Metrics(scope_metrics_limit=1, version="1")
    async with serve_health(HostPort("127.0.0.1", 0), health, metrics):
        assert isinstance(loop.get_exception_handler(), AcceptErrors)
    assert loop.get_exception_handler() is before
