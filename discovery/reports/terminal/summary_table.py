"""Print a report of any size on one screen: totals, and what needs somebody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from discovery.model.codes import Action
from discovery.reports.attention import URGENT, Attention, grouped, title_of
from discovery.reports.coverage import coverage
from discovery.reports.findings import judgements, verdicts
from discovery.reports.item_groups import divide_items
from discovery.reports.listing import clip, fitting
from discovery.reports.needs import Need, needs
from discovery.reports.report import Report
from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, escape_unprintable, shortened
from discovery.reports.summary import guard_verdict, sentence, stop_reasons
from discovery.reports.terminal.groups_table import group_remark
from discovery.reports.terminal.needs_table import NEED_STYLES, TITLE
from discovery.reports.terminal.style import cell
from discovery.reports.view import GroupBy, View

LINES: Final = 24
"""Lines of the smallest usual screen."""
_TERM: Final = 11


def print_summary(report: Report, head: Sequence[Text], console: Console, view: View) -> None:
    """Print a report on at most `LINES` lines of the console's width.

    Kinds and groups that find no room are counted.
    """
    width, found = console.width, needs(report)
    last = cell(sentence(report), "bold")
    lines = LINES - 3 - _height((*head, last), width)
    rest = tuple(_totals(report))
    if _height(rest, width) + len(found) + 1 > lines:
        rest = tuple(_clip(line, width) for line in rest)
    room = lines - _height(rest, width)
    pressing = tuple(_needs_lines(found, room, width))
    groups: tuple[Text, ...] = ()
    if view.group_by is not None:
        groups = tuple(_group_lines(report, view.group_by, room - len(pressing) - 1, width))
    for part in (head, pressing, groups, rest):
        for line in part:
            console.print(line, soft_wrap=True)
        if part:
            console.print()
    console.print(last, soft_wrap=True)


def _height(lines: Iterable[Text], width: int) -> int:
    """How many lines of a screen they take."""
    return sum(max(1, -(-cell_len(line.plain) // width)) for line in lines)


def _clip(line: Text, width: int) -> Text:
    return Text.assemble((line.plain[:_TERM], "bold"), clip(line.plain[_TERM:], width - _TERM))


def _needs_lines(found: Sequence[Need], room: int, width: int) -> Iterator[Text]:
    """A title and a line for each kind; the last line counts those that find no room."""
    if not found:
        return
    yield Text(TITLE, style="bold")
    shown = found if len(found) < room else found[: max(room - 2, 0)]
    longest = max((len(need.words) for need in shown), default=0)
    for need in shown:
        before = f"{need.sign} {need.count:>6} {need.words:{longest}}  "
        reasons = [f"{code} {count}" for code, count in need.reasons]
        style = NEED_STYLES[need.sign]
        fits = escape_unprintable(fitting(reasons, width - len(before)))
        yield Text.assemble((before, style), fits)
    if left_out := found[len(shown) :]:
        words = [f"{need.count} {need.words}" for need in left_out]
        yield Text(fitting(words, width), style="dim")


def _group_lines(report: Report, by: GroupBy, room: int, width: int) -> Iterator[Text]:
    """The groups in which most needs somebody, as many as find room."""
    groups = divide_items(report, by)
    if room < 3 or not groups:
        return
    yield Text(f"By {by.value} ({len(groups)})", style="bold")
    shown = groups if len(groups) < room else groups[: room - 2]
    for group in shown:
        title = shortened(group.title, NAME_LIMIT)
        counts = group_remark(group, report).split(", ")
        yield Text.assemble((title, ""), "  ", (fitting(counts, width - len(title) - 2), "dim"))
    if left_out := len(groups) - len(shown):
        yield Text(f"and {left_out} more (--full lists them)", style="dim")


def _totals(report: Report) -> Iterator[Text]:
    """A line each for the plan, the scopes, the logins, the guard, and how the run ended."""
    yield _total("Plan", _plan(report))
    yield _total("Scopes", coverage(report))
    if judgements(report):
        yield _total("IAM login", verdicts(report))
    guard = report.guard
    if guard.refused or guard.removals:
        yield _total("Guard", f"{guard_verdict(guard)}: {guard.message}")
    if report.plan_changed or (report.dry_run and any(one.action.writes for one in report.items)):
        yield _total("Checksum", report.checksum)
    if report.plan_changed:
        yield _total("Plan", "! this is not the plan that --checksum names")
    if why := " ".join(stop_reasons(report)):
        yield _total("Ended", f"! {why}")
    elif report.paused_until is not None:
        yield _total("Paused", report.stop_message)


def _total(term: str, words: str) -> Text:
    return Text.assemble((f"{term:{_TERM}}", "bold"), shortened(words, MESSAGE_LIMIT))


def _plan(report: Report) -> str:
    counts = []
    for group in grouped(report):
        if group.attention not in {*URGENT, Attention.QUIET}:
            title, _ = title_of(group.attention, dry_run=report.dry_run)
            counts.append(f"{len(group.items)} {title.lower()}")
    for action, word in ((Action.KEEP, "kept"), (Action.SKIPPED, "skipped")):
        if count := report.summary[action.value]:
            counts.append(f"{count} {word}")
    return ", ".join(counts) or "nothing to change"
