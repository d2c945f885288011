"""Print items under their account, region or owner (`--group-by`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console

from discovery.model.values import Scanned
from discovery.plan.item import Item
from discovery.reports.account_names import scope_text
from discovery.reports.attention import Attention, attention_of
from discovery.reports.coverage import reason_of
from discovery.reports.item_groups import ItemGroup, divide_items, group_counts
from discovery.reports.listing import first, more
from discovery.reports.message_groups import group_items
from discovery.reports.needs import needs_somebody
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT, shortened
from discovery.reports.terminal.item_entries import INDENT, group_entries, line_entry
from discovery.reports.terminal.style import cell, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run
from discovery.reports.view import GroupBy

_GROUPS: Final = 20
_ITEMS: Final = 5


def print_item_groups(report: Report, console: Console, by: GroupBy, *, full: bool) -> None:
    """Print every group with its counts, and its items, those that need somebody first.

    Items that need nobody and stay as they are are only counted, unless everything is asked for.
    """
    groups = divide_items(report, by)
    shown = first(groups, None if full else _GROUPS)
    console.print(heading(f"By {by.value} ({len(groups)})"))
    console.print()
    for group in shown:
        print_entries(_head(group, report), console, indent=0)
        entries = _all_entries(group, report) if full else _first_entries(group, report, by)
        print_entries(entries, console, indent=INDENT)
        console.print()
    if rest := more(len(groups), len(shown)):
        console.print(cell(rest, "dim"))
        console.print()


def group_remark(group: ItemGroup, report: Report) -> str:
    """Count what a group holds: `2 conflicts, 3 would be updated, 12 kept`."""
    return ", ".join(
        f"{count} {words}" for count, words in group_counts(group, dry_run=report.dry_run)
    )


def _head(group: ItemGroup, report: Report) -> Iterator[Entry]:
    title = shortened(group.title, NAME_LIMIT)
    yield Entry((), (((title, "bold"), ("  ", ""), run(group_remark(group, report), "dim")),))


def _first_entries(group: ItemGroup, report: Report, by: GroupBy) -> Iterator[Entry]:
    """The first items that need somebody, change or wait, on a line each."""
    listed = (*group.unread, *_in_order(group, report))
    shown = first(listed, _ITEMS)
    for each in shown:
        yield line_entry(each, report, by) if isinstance(each, Item) else _unread(each, report)
    if rest := more(len(listed), len(shown)):
        yield Entry((), ((run(rest, "dim"),),))


def _all_entries(group: ItemGroup, report: Report) -> Iterator[Entry]:
    yield from (_unread(scanned, report) for scanned in group.unread)
    for alike in group_items(group.items):
        yield from group_entries(alike, report, most=None, full=True)


def _in_order(group: ItemGroup, report: Report) -> Iterator[Item]:
    yield from group.pressing
    for item in group.items:
        is_quiet = attention_of(item, dry_run=report.dry_run) is Attention.QUIET
        if not is_quiet and not needs_somebody(item, dry_run=report.dry_run):
            yield item


def _unread(scanned: Scanned, report: Report) -> Entry:
    name = run(scope_text(scanned.scope, report.account_names), "bold")
    return Entry((run("! unread", "bold red"),), ((name, run(f" · {reason_of(scanned)}")),))
