"""Print the report for a person at a terminal: 80 columns, readable without colour."""

from __future__ import annotations

from typing import Final, TextIO

from rich.console import Console

from discovery.reports.report import Report
from discovery.reports.summary import (
    about_run,
    guard_verdict,
    sentence,
    simulated_aws,
    stop_reasons,
)
from discovery.reports.terminal.findings_table import print_findings, print_findings_count
from discovery.reports.terminal.plan_table import print_plan
from discovery.reports.terminal.scope_table import print_scopes
from discovery.reports.terminal.style import cell, console_for, heading
from discovery.reports.view import View

_PLAN_CHANGED: Final = (
    "! This is not the plan that --checksum names: something changed since it was reviewed. "
    "Nothing was written. Review it and sweep with the checksum below."
)


def write_table(report: Report, stream: TextIO, view: View) -> None:
    """Write the whole report: plan, scopes, IAM findings, guard, one sentence."""
    console = console_for(stream)
    _print_head(report, console, view)
    print_plan(report, console, verbose=view.full)
    print_scopes(report, console, verbose=view.full)
    if view.findings:
        print_findings(report, console, verbose=view.full)
    else:
        print_findings_count(report, console)
    _print_guard(report, console)
    _print_end(report, console)
    console.print(cell(sentence(report), "bold"), soft_wrap=True)


def _print_head(report: Report, console: Console, view: View) -> None:
    console.print(heading(f"cachemuster {view.title}", about_run(report)))
    if report.endpoints:
        addresses, services = simulated_aws(report)
        console.print(cell(f"Not the real AWS: {addresses} answers for {services}", "yellow"))
    console.print()


def _print_guard(report: Report, console: Console) -> None:
    guard = report.guard
    if guard.refused or guard.removals:
        sign, style = ("!", "bold red") if guard.refused else ("=", "dim")
        console.print(heading("Guard", guard_verdict(guard)))
        console.print(cell(f"{sign} {guard.message}", style))
        console.print()


def _print_end(report: Report, console: Console) -> None:
    if report.plan_changed:
        console.print(cell(_PLAN_CHANGED, "bold red"))
    if report.plan_changed or (report.dry_run and any(one.action.writes for one in report.items)):
        console.print(heading("Checksum of this plan"))
        console.print(cell(report.checksum, "dim"))
        console.print()
    for why in stop_reasons(report):
        console.print(cell(f"! {why}", "bold red"))
        console.print()
    if report.paused_until is not None and not report.interrupted:
        console.print(cell(f"? {report.stop_message}", "yellow"))
        console.print()
