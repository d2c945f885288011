"""Lay out items as entries of a list: one by itself, or several under what all of them say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from discovery.model.codes import Action, Reason, Severity
from discovery.model.values import Change
from discovery.plan.item import Item
from discovery.reports.account_names import scope_text
from discovery.reports.item_text import (
    counted_items,
    differences,
    login_text,
    short_name,
    value_text,
)
from discovery.reports.listing import first, more
from discovery.reports.message_groups import ItemMessageGroup, message_of
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT
from discovery.reports.signs import SIGNS
from discovery.reports.summary import clock_time, counted
from discovery.reports.terminal.style import OUTCOME_STYLES, STYLES
from discovery.reports.terminal.wrapped_list import Entry, Run, run
from discovery.reports.view import GroupBy

INDENT: Final = 12
"""Columns left of the items: room for the sign and the action."""
_FURTHER: Final = 2
_CHANGES: Final = 4
_VALUE_LIMIT: Final = 40
_BETWEEN: Final = (" · ", "")

Line = tuple[Run, ...]


def item_entry(item: Item, report: Report, *, full: bool) -> Entry:
    """Lay out one item: its name, place and reason; then what it means."""
    about = (*_name_and_place(item, report), _BETWEEN, run(item.reason.value), *_login(item))
    message = ((run(item.message),),) if item.message else ()
    details = _details(item, report, differences(item), full=full)
    return Entry(_margin(item.action), (about, *message, *details, *_error(item)))


def group_entries(
    group: ItemMessageGroup, report: Report, *, most: int | None, full: bool
) -> Iterator[Entry]:
    """Lay out items that say the same: that once, then the first `most` of them.

    `most`: None for all; 0 for none, which are then listed elsewhere.
    """
    if len(group.members) == 1:
        yield item_entry(group.members[0], report, full=full)
        return
    changes = _shared_changes(group)
    yield Entry(_margin(group.kind[0]), tuple(_head(group, changes, full=full)))
    shown = group.members[:0] if most == 0 else first(group.members, most)
    for item in shown:
        yield Entry((), (_member_line(item, report, full=full),))
        own = tuple(_member_details(item, group, report, is_changed=not changes, full=full))
        if own:
            yield Entry((), own, indent=_FURTHER)
    if shown and (rest := more(len(group.members), len(shown))):
        yield Entry((), ((run(rest, "dim"),),))


def line_entry(item: Item, report: Report, by: GroupBy) -> Entry:
    """Lay out one item on one line: its name, place, reason, and the codes of its findings.

    `by`: what it is listed under.
    """
    codes = (
        sorted({one.code.value for one in item.iam.findings if one.severity is not Severity.INFO})
        if item.iam
        else ()
    )
    reason = () if item.action is Action.KEEP else (_BETWEEN, run(item.reason.value))
    found = (part for code in codes for part in (_BETWEEN, run(code)))
    about = _name_and_place(item, report, names_owner=by is not GroupBy.OWNER)
    return Entry(_margin(item.action), ((*about, *reason, *_login(item), *found),))


def change_line(change: Change) -> Line:
    """Word one difference: the field, its old and its new value."""
    return (run(f"{change.field}: "), _short(change.old), (" → ", ""), _short(change.new))


def _margin(action: Action) -> Line:
    return (run(f"{SIGNS[action]} {action.value}", STYLES[action]),)


def _name_and_place(item: Item, report: Report, *, names_owner: bool = True) -> Line:
    name = run(short_name(item), "bold", limit=NAME_LIMIT)
    place = run(scope_text(item.scope, report.account_names), "dim")
    owner = (_BETWEEN, run(f"owner {item.owner}", "dim")) if item.owner and names_owner else ()
    return (name, _BETWEEN, place, *owner)


def _login(item: Item) -> Line:
    """What came of a login, where one was tried."""
    if item.iam is None or item.iam.probe is None:
        return ()
    style = OUTCOME_STYLES[item.iam.probe.outcome]
    return _BETWEEN, run(login_text(item), style, limit=NAME_LIMIT)


def _shared_changes(group: ItemMessageGroup) -> tuple[Change, ...]:
    """The differences of the first item where all the others have the same; else none."""
    changes = differences(group.members[0])
    return changes if all(differences(item) == changes for item in group.members[1:]) else ()


def _head(group: ItemMessageGroup, changes: tuple[Change, ...], *, full: bool) -> Iterator[Line]:
    yield run(counted_items(group.members), "bold"), _BETWEEN, run(group.kind[1].value)
    if group.message and (group.is_exact or not full):  # else each says its own
        yield (run(group.message),)
    yield from _change_lines(changes, full=full)


def _member_line(item: Item, report: Report, *, full: bool) -> Line:
    """One of several: its name and place; the codes of its notes where they are not spelt out."""
    notes = () if full else sorted({note.code.value for note in item.notes})
    codes = (part for code in notes for part in (_BETWEEN, run(f"note {code}", "dim")))
    return (*_name_and_place(item, report), *_login(item), *codes)


def _member_details(
    item: Item, group: ItemMessageGroup, report: Report, *, is_changed: bool, full: bool
) -> Iterator[Line]:
    """What one of several has for itself."""
    if full and not group.is_exact:
        yield (run(message_of(item)),)
    changes = differences(item) if is_changed else ()
    if full:
        yield from _details(item, report, changes, full=True)
        return
    if item.previous_name:
        yield (run(f"was {item.previous_name}", "dim", limit=NAME_LIMIT),)
    yield from _change_lines(changes, full=False)


def _details(
    item: Item, report: Report, changes: tuple[Change, ...], *, full: bool
) -> Iterator[Line]:
    """Names, misses, differences and notes of an item."""
    if item.previous_name:
        yield (run(f"was {item.previous_name}", "dim", limit=NAME_LIMIT),)
    if item.action in (Action.CREATE, Action.UPDATE) and item.name:
        yield (run(f"as {item.name}", "dim", limit=NAME_LIMIT),)
    if item.missed and item.reason is not Reason.WAITING:  # whose message says it
        since = clock_time(item.missed.since, report.finished_at)
        yield (run(f"for {counted(item.missed.scans, 'scan')}, since {since}", "dim"),)
    yield from _change_lines(changes, full=full)
    for note in item.notes:
        yield (run(f"note {note.code.value}: {note.message}", "dim"),)


def _change_lines(changes: tuple[Change, ...], *, full: bool) -> Iterator[Line]:
    shown = first(changes, None if full else _CHANGES)
    yield from map(change_line, shown)
    if rest := more(len(changes), len(shown)):
        yield (run(rest, "dim"),)


def _error(item: Item) -> Iterator[Line]:
    if item.error:
        yield (run(f"{item.error.code}: {item.error.message}", "red"),)


def _short(value: Any) -> Run:
    return run(value_text(value), "dim" if value is None else "", limit=_VALUE_LIMIT)
