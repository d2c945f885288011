"""Lay out items in Markdown: several that say the same in one collapsed block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from discovery.model.codes import Action, Reason, Severity
from discovery.model.values import Change
from discovery.plan.item import Item
from discovery.reports.account_names import scope_text
from discovery.reports.attention import Group
from discovery.reports.item_groups import ItemGroup, group_counts
from discovery.reports.item_text import (
    counted_items,
    differences,
    login_text,
    short_name,
    value_text,
)
from discovery.reports.listing import first
from discovery.reports.markdown.limit import Block
from discovery.reports.markdown.text import code, collapse, html_code, words
from discovery.reports.message_groups import ItemMessageGroup, group_items
from discovery.reports.report import Report
from discovery.reports.signs import SIGNS
from discovery.reports.summary import clock_time, counted

_ITEMS: Final = 50
"""Items that are listed in a block unless all are asked for."""
_CHANGES: Final = 4
_VALUE_LIMIT: Final = 40


def item_blocks(group: Group, report: Report, *, full: bool) -> Iterator[Block]:
    """Lay out items by what they say, the largest block first."""
    for alike in group_items(group.items):
        yield _block(alike, report, full=full)


def reason_lines(items: Iterable[Item]) -> Iterator[Block]:
    """Say what the reasons of items mean, without the items."""
    for alike in group_items(items):
        action, reason = alike.kind
        about = f"**{_action(action)}** · {code(reason.value)} · {len(alike.members)}"
        meaning = f": {words(alike.message)}" if alike.message else ""
        yield Block(head=f"- {about}{meaning}\n", total=len(alike.members))


def group_block(group: ItemGroup, report: Report, *, full: bool) -> Block:
    """Lay out the items of one account, region or owner, with its counts."""
    counts = group_counts(group, dry_run=report.dry_run)
    remark = ", ".join(f"{count} {word}" for count, word in counts)
    head, tail = collapse(f"{html_code(group.title)} · {remark}")
    pressing = {id(item) for item in group.pressing}
    ordered = (*group.pressing, *(item for item in group.items if id(item) not in pressing))
    listed = first(ordered, None if full else _ITEMS)
    lines = [f"- {_one_line(item, report)}\n" for item in listed]
    return Block(head=head, lines=lines, tail=tail, total=max(len(ordered), 1))


def _block(group: ItemMessageGroup, report: Report, *, full: bool) -> Block:
    """What all say once, then each with what it has for itself."""
    action, reason = group.kind
    members = group.members
    one = html_code(short_name(members[0]))
    named = one if len(members) == 1 else counted_items(members)
    sign, why = html_code(SIGNS[action]), html_code(reason.value)
    head, tail = collapse(f"{sign} {action.value} · {named} · {why}")
    changes = _shared_changes(members)
    is_said = bool(group.message) and (group.is_exact or not full)
    opening = [words(group.message)] if is_said else []
    opening += _changes(changes, full=full)
    if opening:
        head += " · ".join(opening) + "\n\n"
    listed = first(members, None if full else _ITEMS)
    lines = [
        _member(item, report, says=not is_said, changes=not changes, full=full) for item in listed
    ]
    return Block(head=head, lines=lines, tail=tail, total=len(members))


def _member(item: Item, report: Report, *, says: bool, changes: bool, full: bool) -> str:
    parts = list(_details(item, report, changes=changes, full=full))
    if says and item.message:
        parts.insert(0, words(item.message))
    about = f": {' · '.join(parts)}" if parts else ""
    return f"- {_place(item, report)}{about}\n"


def _details(item: Item, report: Report, *, changes: bool, full: bool) -> Iterator[str]:
    """What one item has for itself."""
    if login := login_text(item):
        yield code(login)
    if item.previous_name:
        yield f"was {code(item.previous_name)}"
    if item.action in (Action.CREATE, Action.UPDATE) and item.name:
        yield f"as {code(item.name)}"
    if item.missed and item.reason is not Reason.WAITING:  # whose message says it
        since = clock_time(item.missed.since, report.finished_at)
        yield f"for {counted(item.missed.scans, 'scan')}, since {since}"
    if changes:
        yield from _changes(differences(item), full=full)
    yield from (f"note {code(note.code.value)}: {words(note.message)}" for note in item.notes)
    if item.error:
        yield f"**{code(item.error.code)}**: {words(item.error.message)}"


def _one_line(item: Item, report: Report) -> str:
    """The action, the cache, and codes, whose meaning is listed elsewhere; a login."""
    found = item.iam.findings if item.iam else ()
    codes = {one.code.value for one in found if one.severity is not Severity.INFO}
    about = [code(each) for each in (item.reason.value, *sorted(codes))]
    if login := login_text(item):
        about.append(code(login))
    return " · ".join((f"**{_action(item.action)}**", _place(item, report), *about))


def _place(item: Item, report: Report) -> str:
    owner = f" · owner {code(item.owner)}" if item.owner else ""
    place = code(scope_text(item.scope, report.account_names))
    return f"{code(short_name(item))} · {place}{owner}"


def _action(action: Action) -> str:
    """The sign stands in code: alone it is a list, a task or a rule."""
    return f"{code(SIGNS[action])} {action.value}"


def _shared_changes(items: Sequence[Item]) -> tuple[Change, ...]:
    changes = differences(items[0])
    same = len(items) > 1 and all(differences(item) == changes for item in items[1:])
    return changes if same else ()


def _changes(changes: tuple[Change, ...], *, full: bool) -> Iterator[str]:
    shown = first(changes, None if full else _CHANGES)
    for change in shown:
        old, new = (code(value_text(side), limit=_VALUE_LIMIT) for side in (change.old, change.new))
        yield f"{code(change.field)} {old} → {new}"
    if len(changes) > len(shown):
        yield f"and {counted(len(changes) - len(shown), 'more change')}"
