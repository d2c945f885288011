"""Send a test to every webhook of `service.notify`, and say which took it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime

from discovery.config.model import Config
from discovery.config.notify import NotifySink
from discovery.notify.messages import Message, make_test_message
from discovery.notify.sender import NotSent, Sender
from discovery.reports.checks import Area, Check, CheckStatus


async def check_sinks(
    config: Config, now: datetime, environ: Mapping[str, str]
) -> tuple[Check, ...]:
    """Send one test to each sink, to all at once. What a sink is told of (`on`) does not matter."""
    sinks = config.service.notify
    if not sinks:
        text = "nobody is told of anything: the list is empty"
        return (_check("service.notify", CheckStatus.WARN, text),)
    message = make_test_message(config.group, secrets.token_hex(8), now)
    checks = (_check_sink(n, sink, message, environ) for n, sink in enumerate(sinks, start=1))
    return tuple(await asyncio.gather(*checks))


async def _check_sink(
    number: int, sink: NotifySink, message: Message, environ: Mapping[str, str]
) -> Check:
    subject = f"{number} ({sink.webhook})"
    try:
        await Sender(sink, environ, attempts=1).send(message)  # somebody waits
    except NotSent as error:
        return _check(subject, CheckStatus.FAIL, f"the test was not taken: {error}")
    told = ", ".join(sink.on)
    return _check(subject, CheckStatus.OK, f"took the test as {sink.format}; it is told: {told}")


def _check(subject: str, outcome: CheckStatus, message: str) -> Check:
    return Check(area=Area.NOTIFICATION, subject=subject, outcome=outcome, message=message)
