"""Print the report for a person at a terminal; it is readable without colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from discovery.reports.attention import URGENT, grouped
from discovery.reports.needs import needs
from discovery.reports.report import Report
from discovery.reports.summary import (
    about_run,
    guard_verdict,
    sentence,
    simulated_aws,
    stop_reasons,
)
from discovery.reports.terminal.findings_table import print_findings, print_findings_count
from discovery.reports.terminal.groups_table import print_item_groups
from discovery.reports.terminal.needs_table import print_needs
from discovery.reports.terminal.plan_table import print_plan, print_reasons
from discovery.reports.terminal.scope_table import print_scopes
from discovery.reports.terminal.style import cell, console_for, heading
from discovery.reports.terminal.summary_table import print_summary
from discovery.reports.view import Detail, GroupBy, View

_PLAN_CHANGED: Final = (
    "! This is not the plan that --checksum names: something changed since it was reviewed. "
    "Nothing was written. Review it and sweep with the checksum below."
)


def write_table(report: Report, stream: TextIO, view: View) -> None:
    """Write the report: what needs somebody, the rest, the guard, one sentence."""
    console = console_for(stream)
    head = tuple(_head(report, view))
    if view.detail is Detail.SUMMARY:
        print_summary(report, head, console, view)
        return
    for line in head:
        console.print(line)
    console.print()
    print_needs(needs(report), console)
    if view.group_by is None:
        _print_by_attention(report, console, view)
    else:
        _print_by_group(report, console, view, view.group_by)
    _print_guard(report, console)
    _print_end(report, console)
    console.print(cell(sentence(report), "bold"), soft_wrap=True)


def _head(report: Report, view: View) -> Iterator[Text]:
    yield heading(f"cachemuster {view.title}", about_run(report))
    if report.endpoints:
        addresses, services = simulated_aws(report)
        yield cell(f"Not the real AWS: {addresses} answers for {services}", "yellow")


def _print_by_attention(report: Report, console: Console, view: View) -> None:
    """Print unread scopes, urgent items and findings before what changes by itself."""
    groups = grouped(report)
    is_unread = bool(report.unread_scopes)
    if is_unread:
        print_scopes(report, console, full=view.full)
    urgent = (group for group in groups if group.attention in URGENT)
    print_plan(urgent, report, console, full=view.full)
    _print_findings(report, console, view)
    calm = (group for group in groups if group.attention not in URGENT)
    print_plan(calm, report, console, full=view.full)
    if not is_unread:
        print_scopes(report, console, full=view.full)


def _print_by_group(report: Report, console: Console, view: View, by: GroupBy) -> None:
    """Print scopes, then items by account, region or owner, then what their reasons mean."""
    print_scopes(report, console, full=view.full)
    print_item_groups(report, console, by, full=view.full)
    if not view.full:
        print_reasons(grouped(report), report, console)
    _print_findings(report, console, view)


def _print_findings(report: Report, console: Console, view: View) -> None:
    if view.findings:
        heads_only = view.group_by is not None and not view.full
        print_findings(report, console, full=view.full, heads_only=heads_only)
    else:
        print_findings_count(report, console)


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
