"""Print the plan, what needs somebody first; what stays as it is is only counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from discovery.reports.attention import Attention, Group, title_of, unchanged_line
from discovery.reports.listing import first, more
from discovery.reports.message_groups import group_items
from discovery.reports.report import Report
from discovery.reports.terminal.item_entries import INDENT, group_entries
from discovery.reports.terminal.style import cell, heading
from discovery.reports.terminal.wrapped_list import print_entries

_GROUPS: Final = 8
"""Groups that are listed of each kind of attention."""
_ITEMS: Final = 5
"""Items that are listed of each group."""
_ITEMS_TO_CHECK: Final = 20
"""The same of what somebody should look at one by one: removals, and what went wrong."""
_TO_CHECK: Final = frozenset({Attention.FAILED, Attention.GUARDED, Attention.REMOVED})


def print_plan(groups: Iterable[Group], report: Report, console: Console, *, full: bool) -> None:
    """Print items by how much they need a person; those that need nobody are counted."""
    for group in groups:
        if group.attention is Attention.QUIET and not full:
            console.print(Text(unchanged_line(group.items), style="dim"))
        else:
            _print_group(group, report, console, full=full)
        console.print()


def print_reasons(groups: Iterable[Group], report: Report, console: Console) -> None:
    """Print what the reasons of items mean; items that need nobody are counted."""
    listed = tuple(groups)
    items = [
        item for group in listed if group.attention is not Attention.QUIET for item in group.items
    ]
    alike = group_items(items)
    if alike:
        console.print(heading("Reasons", "what is said of the items above"))
        shown = first(alike, 2 * _GROUPS)
        entries = (
            entry for each in shown for entry in group_entries(each, report, most=0, full=False)
        )
        print_entries(entries, console, indent=INDENT)
        if rest := more(len(items), sum(len(each.members) for each in shown)):
            console.print(cell(rest, "dim"))
        console.print()
    for group in listed:
        if group.attention is Attention.QUIET:
            console.print(Text(unchanged_line(group.items), style="dim"))
            console.print()


def _print_group(group: Group, report: Report, console: Console, *, full: bool) -> None:
    title, remark = title_of(group.attention, dry_run=report.dry_run)
    console.print(heading(f"{title} ({len(group.items)})", remark))
    alike = group_items(group.items)
    shown = first(alike, None if full else _GROUPS)
    most = _ITEMS_TO_CHECK if group.attention in _TO_CHECK else _ITEMS
    entries = (
        entry
        for each in shown
        for entry in group_entries(each, report, most=None if full else most, full=full)
    )
    print_entries(entries, console, indent=INDENT)
    if rest := more(len(group.items), sum(len(each.members) for each in shown)):
        console.print(cell(rest, "dim"))
