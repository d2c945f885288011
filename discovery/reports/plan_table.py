"""The plan as a table: what needs attention first; what stays as it is is only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from discovery.codes import Action, Reason
from discovery.enrollment.item import Item
from discovery.model import Change
from discovery.reports.attention import Attention, Group, grouped, quiet_line, title_of
from discovery.reports.changes import differences, value_text
from discovery.reports.report import Report
from discovery.reports.sentence import clock_time, counted
from discovery.reports.style import NAME_LIMIT, SIGNS, STYLES, cell, columns, heading

_LISTED: Final = 10
"""Waiting items listed for each reason; more are counted unless all are asked for."""
_CHANGES: Final = 4
_VALUE_LIMIT: Final = 40
_ROWS_AT_ONCE: Final = 200
"""Columns have fixed widths, so a long plan is printed in slices instead of held in memory."""


def print_plan(report: Report, console: Console, *, verbose: bool) -> None:
    """Every item stands in the console, most pressing first, or is counted there."""
    for group in grouped(report):
        if group.attention is Attention.QUIET and not verbose:
            console.print(Text(quiet_line(group.items), style="dim"))
        else:
            _print_group(group, report, console, verbose=verbose)
        console.print()


def _print_group(group: Group, report: Report, console: Console, *, verbose: bool) -> None:
    title, remark = title_of(group.attention, dry_run=report.dry_run)
    console.print(heading(f"{title} ({len(group.items)})", remark))
    few = group.attention is Attention.WAITING and not verbose
    listed = tuple(_first_of_each_reason(group.items)) if few else group.items
    for start in range(0, len(listed), _ROWS_AT_ONCE):
        table = columns(10, None)
        for item in listed[start : start + _ROWS_AT_ONCE]:
            table.add_row(_what(item), _about(item, report))
        console.print(table)
    for line in _left_out(group.items, listed):
        console.print(line)


def _what(item: Item) -> Text:
    return Text(f"{SIGNS[item.action]} {item.action.value}", style=STYLES[item.action])


def _about(item: Item, report: Report) -> Text:
    """The cache, or the resource where there is none, its scope and reason; then what it means."""
    name = cell(item.cache or item.name or item.arn or "?", "bold", limit=NAME_LIMIT)
    first = Text(" · ").join((name, cell(str(item.scope), "dim"), cell(item.reason.value)))
    lines = [first]
    if item.message:
        lines.append(cell(item.message))
    if item.previous_name:
        lines.append(cell(f"was {item.previous_name}", "dim", limit=NAME_LIMIT))
    if item.action in (Action.CREATE, Action.UPDATE) and item.name:
        lines.append(cell(f"as {item.name}", "dim", limit=NAME_LIMIT))
    if item.missed and item.reason is not Reason.WAITING:  # whose message says it
        since = clock_time(item.missed.since, report.finished_at)
        lines.append(cell(f"for {counted(item.missed.scans, 'scan')}, since {since}", "dim"))
    changes = differences(item)
    lines += [_change_line(change) for change in changes[:_CHANGES]]
    if len(changes) > _CHANGES:
        lines.append(cell(f"and {counted(len(changes) - _CHANGES, 'more change')}", "dim"))
    lines += [cell(f"note {note.code.value}: {note.message}", "dim") for note in item.notes]
    if item.error:
        lines.append(cell(f"{item.error.code}: {item.error.message}", "red"))
    return Text("\n").join(lines)


def _change_line(change: Change) -> Text:
    return Text.assemble(cell(f"{change.field}: "), _short(change.old), " → ", _short(change.new))


def _short(value: Any) -> Text:
    style = "dim" if value is None else ""
    return cell(value_text(value), style, limit=_VALUE_LIMIT)


def _first_of_each_reason(items: Iterable[Item]) -> Iterator[Item]:
    seen: Counter[Reason] = Counter()
    for item in items:
        seen[item.reason] += 1
        if seen[item.reason] <= _LISTED:
            yield item


def _left_out(items: tuple[Item, ...], listed: tuple[Item, ...]) -> Iterator[Text]:
    """A line for each reason whose items are not all listed."""
    rest = Counter(item.reason for item in items) - Counter(item.reason for item in listed)
    for reason, count in sorted(rest.items()):
        yield cell(f"and {count} more with {reason.value}; -v lists them", "dim")
