"""Run a sweep or audit for its report, and write the report, log it and find the exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from discovery.cli.interruption import Interruption, run_with_signals
from discovery.cli.output import Destination
from discovery.cli.progress import OnProgress, progress
from discovery.cli.streams import stderr_line
from discovery.reports.exit import Exit, ExitRules, exit_code
from discovery.reports.view import Format, View

if TYPE_CHECKING:
    from discovery.reports.report import Report

R = TypeVar("R")
"""A report, of whatever kind."""


def run_for_report(
    start: Callable[[Interruption, OnProgress | None], Awaitable[R]],
    interval: timedelta | None = None,
) -> tuple[R, bool]:
    """Run a sweep, an audit or logins while progress is shown and signals are handled.

    `interval`: as for `progress`. Returns the report, and True when SIGTERM ended it.
    """
    with progress(interval) as on_progress:

        async def work(interruption: Interruption) -> tuple[R, bool]:
            return await start(interruption, on_progress), interruption.terminated

        return run_with_signals(work)


def emit_report(
    report: Report,
    destination: Destination,
    output_format: str,
    view: View,
    exit_rules: ExitRules = ExitRules(),
    *,
    terminated: bool,
) -> Exit:
    """Write and log a report; returns its exit code. Raises: OutputLost."""
    from discovery.reports.formats import RENDERERS
    from discovery.reports.summary import sentence

    code = exit_code(report, exit_rules, terminated=terminated)
    _log(report, code)
    render = RENDERERS[Format(output_format)]
    destination.write(lambda stream: render(report, stream, view))
    if output_format != Format.TABLE or destination.path is not None:
        for why in (report.error, report.stop_message, _other_plan(report)):
            if why:
                stderr_line(why)
        stderr_line(sentence(report))
    return code


def _other_plan(report: Report) -> str:
    if not report.plan_changed:
        return ""
    return f"The plan's checksum is {report.checksum}, not the one named. Nothing was written."


def _log(report: Report, code: Exit) -> None:
    import structlog

    from discovery.service.sweep_log import finished_fields

    event, kind = ("audit.finished", "audit") if report.dry_run else ("sweep.finished", "sweep")
    structlog.get_logger().info(event, kind=kind, **finished_fields(report, code))
