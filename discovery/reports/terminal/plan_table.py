"""Print the plan, what needs attention first; what stays as it is is only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from discovery.model.codes import Action, Reason
from discovery.model.values import Change
from discovery.plan.item import Item
from discovery.reports.attention import Attention, Group, grouped, title_of, unchanged_line
from discovery.reports.item_text import differences, short_name, value_text
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT
from discovery.reports.signs import SIGNS
from discovery.reports.summary import clock_time, counted
from discovery.reports.terminal.style import STYLES, cell, heading
from discovery.reports.terminal.wrapped_list import Entry, Run, print_entries, run

_LISTED: Final = 10
"""Waiting items listed for each reason; more are counted unless all are asked for."""
_CHANGES: Final = 4
_VALUE_LIMIT: Final = 40
_BETWEEN: Final = (" · ", "")
_INDENT: Final = 12


def print_plan(report: Report, console: Console, *, verbose: bool) -> None:
    """Print every item, most pressing first, or count it."""
    for group in grouped(report):
        if group.attention is Attention.QUIET and not verbose:
            console.print(Text(unchanged_line(group.items), style="dim"))
        else:
            _print_group(group, report, console, verbose=verbose)
        console.print()


def _print_group(group: Group, report: Report, console: Console, *, verbose: bool) -> None:
    title, remark = title_of(group.attention, dry_run=report.dry_run)
    console.print(heading(f"{title} ({len(group.items)})", remark))
    few = group.attention is Attention.WAITING and not verbose
    listed = tuple(_first_of_each_reason(group.items)) if few else group.items
    print_entries((_entry(item, report) for item in listed), console, indent=_INDENT)
    for line in _left_out(group.items, listed):
        console.print(line)


def _entry(item: Item, report: Report) -> Entry:
    sign = (f"{SIGNS[item.action]} {item.action.value}", STYLES[item.action])
    return Entry((sign,), tuple(_about(item, report)))


def _about(item: Item, report: Report) -> Iterator[tuple[Run, ...]]:
    """The cache, or the resource where there is none, its scope and reason; then what it means."""
    name = run(short_name(item), "bold", limit=NAME_LIMIT)
    yield name, _BETWEEN, run(str(item.scope), "dim"), _BETWEEN, run(item.reason.value)
    if item.message:
        yield (run(item.message),)
    if item.previous_name:
        yield (run(f"was {item.previous_name}", "dim", limit=NAME_LIMIT),)
    if item.action in (Action.CREATE, Action.UPDATE) and item.name:
        yield (run(f"as {item.name}", "dim", limit=NAME_LIMIT),)
    if item.missed and item.reason is not Reason.WAITING:  # whose message says it
        since = clock_time(item.missed.since, report.finished_at)
        yield (run(f"for {counted(item.missed.scans, 'scan')}, since {since}", "dim"),)
    changes = differences(item)
    yield from map(change_line, changes[:_CHANGES])
    if len(changes) > _CHANGES:
        yield (run(f"and {counted(len(changes) - _CHANGES, 'more change')}", "dim"),)
    for note in item.notes:
        yield (run(f"note {note.code.value}: {note.message}", "dim"),)
    if item.error:
        yield (run(f"{item.error.code}: {item.error.message}", "red"),)


def change_line(change: Change) -> tuple[Run, ...]:
    """Word one difference: the field, its old and its new value."""
    return (run(f"{change.field}: "), _short(change.old), (" → ", ""), _short(change.new))


def _short(value: Any) -> Run:
    return run(value_text(value), "dim" if value is None else "", limit=_VALUE_LIMIT)


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
