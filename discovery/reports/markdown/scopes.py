"""Lay out in Markdown which scopes were not, or not wholly, read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from discovery.model.values import Scanned
from discovery.reports.account_names import scope_text
from discovery.reports.coverage import (
    coverage,
    extent_read,
    has_remark,
    reason_of,
    unlisted_reasons,
)
from discovery.reports.exit import is_expected
from discovery.reports.listing import first
from discovery.reports.markdown.limit import Block, Section
from discovery.reports.markdown.text import code, collapse, html_code, words
from discovery.reports.message_groups import ScopeMessageGroup, group_scopes
from discovery.reports.report import Report
from discovery.reports.summary import clock_time, counted

_SCOPES: Final = 50


def scopes_section(report: Report, *, full: bool) -> Section:
    """Lay out scopes by why they were not, or not wholly, read; those never asked are counted."""
    unread = report.unread_scopes
    listed = (*unread, *(scanned for scanned in report.scopes if has_remark(scanned)))
    skipped = sorted(unlisted_reasons(report, listed).items())
    counts = ", ".join(f"{count} {code(reason)}" for reason, count in skipped)
    return Section(
        title=f"Scopes: {coverage(report)}",
        opening=f"Not asked: {counts}\n\n" if counts else "",
        blocks=_blocks(listed, report, full=full),
        total=len(listed),
        noun="scopes that were not wholly read",
    )


def _blocks(listed: tuple[Scanned, ...], report: Report, *, full: bool) -> Iterator[Block]:
    for group in group_scopes(listed):
        if len(group.members) == 1:
            yield Block(head=f"{_scope(group.members[0], report, says=True)}")
        else:
            yield _block(group, report, full=full)


def _block(group: ScopeMessageGroup, report: Report, *, full: bool) -> Block:
    scanned = group.members[0]
    reason = f" · {html_code(reason_of(scanned))}" if reason_of(scanned) else ""
    scopes = counted(len(group.members), "scope")
    head, tail = collapse(f"{extent_read(scanned)} · {scopes}{reason}")
    is_said = bool(group.message) and (group.is_exact or not full)
    if is_said:
        head += f"{words(group.message)}\n\n"
    shown = first(group.members, None if full else _SCOPES)
    lines = [_scope(each, report, says=not is_said) for each in shown]
    return Block(head=head, lines=lines, tail=tail, total=len(group.members))


def _scope(scanned: Scanned, report: Report, *, says: bool) -> str:
    about = [f"**{extent_read(scanned)}**", code(scope_text(scanned.scope, report.account_names))]
    if ended := reason_of(scanned):
        about.append(code(ended))
    since = report.failing_since.get(scanned.scope)
    if since is not None:
        about.append(f"failing since {clock_time(since, report.finished_at)}")
    if is_expected(scanned.scope, report):
        about.append("expected")
    message = f": {words(scanned.message)}" if says and scanned.message else ""
    return f"- {' · '.join(about)}{message}\n"
