"""Write a finished report: to its destination, to the log, and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from discovery.cli.output import Destination
from discovery.cli.streams import stderr_line
from discovery.reports.exit import Exit, ExitRules, exit_code
from discovery.reports.formats import RENDERERS
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.reports.view import Format, View
from discovery.service.sweep_log import finished_fields

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput:
    """Destination, format and exit rules of a report."""

    destination: Destination
    output_format: Format
    view: View
    exit_rules: ExitRules = field(default_factory=ExitRules)

    def emit_report(self, report: Report, *, terminated: bool) -> Exit:
        """Write and log the report; returns its exit code. Raises: OutputLost."""
        code = exit_code(report, self.exit_rules, terminated=terminated)
        _log(report, code)
        self.destination.write(
            lambda stream: RENDERERS[self.output_format](report, stream, self.view)
        )
        if self.output_format is not Format.TABLE or self.destination.path is not None:
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
    event, kind = ("audit.finished", "audit") if report.dry_run else ("sweep.finished", "sweep")
    log.info(event, kind=kind, **finished_fields(report, code))
