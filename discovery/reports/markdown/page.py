"""Write the report as a comment on a pull request: at most 65,536 characters of Markdown.

The one line that says it all comes first, then what needs somebody, then the rest, collapsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from discovery.reports.attention import (
    URGENT,
    Attention,
    Group,
    grouped,
    title_of,
    unchanged_line,
)
from discovery.reports.coverage import coverage
from discovery.reports.findings import judgements, verdicts
from discovery.reports.item_groups import divide_items
from discovery.reports.markdown.findings import findings_section
from discovery.reports.markdown.items import group_block, item_blocks, reason_lines
from discovery.reports.markdown.limit import COMMENT_LIMIT, Section, fit_to_comment
from discovery.reports.markdown.scopes import scopes_section
from discovery.reports.markdown.text import code, words
from discovery.reports.needs import needs
from discovery.reports.report import Report
from discovery.reports.safe_text import MESSAGE_LIMIT
from discovery.reports.summary import (
    about_run,
    guard_verdict,
    sentence,
    simulated_aws,
    stop_reasons,
)
from discovery.reports.view import Detail, GroupBy, View

_NEEDS_HEAD = "| Needs attention | | Reasons |\n|---|---:|---|\n"


def write_markdown(report: Report, stream: TextIO, view: View) -> None:
    """Write the whole report, or as much of it as a comment holds."""
    head, end = _head(report, view), _end(report)
    room = COMMENT_LIMIT - len((head + end).encode(errors="surrogatepass"))
    stream.write(head)
    for text in fit_to_comment(tuple(_sections(report, view)), room):
        stream.write(text)
    stream.write(end)


def _head(report: Report, view: View) -> str:
    about = f"cachemuster {view.title} · {about_run(report)}"
    lines = [f"**{sentence(report)}**", about]
    if report.endpoints:
        addresses, services = simulated_aws(report)
        lines.append(f"Not the real AWS: {code(addresses)} answers for {services}")
    if report.plan_changed:
        lines.append("**Not the plan that was named**: something changed since it was reviewed.")
    lines += [f"**Not finished**: {words(why)}" for why in stop_reasons(report)]
    return "\n\n".join((*lines, *_needs(report))) + "\n\n"


def _needs(report: Report) -> Iterator[str]:
    """A table of what needs somebody: the counts of the report's first screen."""
    found = needs(report)
    if found:
        rows = (
            f"| {code(need.sign)} {need.words} | {need.count} | {_reasons(need.reasons)} |\n"
            for need in found
        )
        yield (_NEEDS_HEAD + "".join(rows)).rstrip("\n")


def _reasons(reasons: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{code(reason)} {count}" for reason, count in reasons)


def _sections(report: Report, view: View) -> Iterator[Section]:
    groups = grouped(report)
    if view.detail is Detail.SUMMARY:
        yield _totals(groups, report)
        return
    if view.group_by is not None:
        yield scopes_section(report, full=view.full)
        yield _item_groups(report, view, view.group_by)
        yield from _meanings(groups)
        yield from findings_section(report, full=view.full)
        return
    is_unread = bool(report.unread_scopes)
    if is_unread:
        yield scopes_section(report, full=view.full)
    yield from _plan((group for group in groups if group.attention in URGENT), report, view)
    yield from findings_section(report, full=view.full)
    yield from _plan((group for group in groups if group.attention not in URGENT), report, view)
    if not is_unread:
        yield scopes_section(report, full=view.full)


def _plan(groups: Iterable[Group], report: Report, view: View) -> Iterator[Section]:
    for group in groups:
        title, remark = title_of(group.attention, dry_run=report.dry_run)
        quiet = group.attention is Attention.QUIET
        listed = view.full or not quiet
        opening = code(unchanged_line(group.items), limit=MESSAGE_LIMIT) if quiet else remark
        yield Section(
            title=f"{title} ({len(group.items)})",
            opening=f"{opening}\n\n" if opening else "",
            blocks=item_blocks(group, report, full=view.full) if listed else (),
            total=len(group.items) if listed else 0,
            noun="items",
            share=1 if quiet else 3,
        )


def _item_groups(report: Report, view: View, by: GroupBy) -> Section:
    groups = divide_items(report, by)
    return Section(
        title=f"By {by.value} ({len(groups)})",
        blocks=(group_block(group, report, full=view.full) for group in groups),
        total=sum(max(len(group.items), 1) for group in groups),
        noun="items",
        share=3,
    )


def _meanings(groups: Iterable[Group]) -> Iterator[Section]:
    """What the reasons of items mean that are listed by account, region or owner."""
    items = [
        item for group in groups if group.attention is not Attention.QUIET for item in group.items
    ]
    if items:
        yield Section(title="Reasons", blocks=reason_lines(items), total=len(items), noun="items")


def _totals(groups: Iterable[Group], report: Report) -> Section:
    lines = [
        f"- {title_of(group.attention, dry_run=report.dry_run)[0]}: {len(group.items)}"
        for group in groups
        if group.attention is not Attention.QUIET
    ]
    lines += [
        f"- {code(unchanged_line(group.items), limit=MESSAGE_LIMIT)}"
        for group in groups
        if group.attention is Attention.QUIET
    ]
    lines.append(f"- Scopes: {coverage(report)}")
    if judgements(report):
        lines.append(f"- IAM login: {verdicts(report)}")
    return Section(title="Totals", opening="\n".join(lines) + "\n\n")


def _end(report: Report) -> str:
    guard = f"**Guard**: {words(guard_verdict(report.guard))}. {words(report.guard.message)}"
    checksum = f"Checksum of this plan: {code(report.checksum)}"
    return f"### Guard and checksum\n\n{guard}\n\n{checksum}\n"
