"""Write the report as a comment on a pull request: at most 65,536 characters of Markdown.

The one line that says it all comes first, then what needs a person, then the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

from discovery.model.codes import Action
from discovery.model.values import Change, Scanned
from discovery.plan.item import Item
from discovery.reports.attention import (
    PRESSING,
    Attention,
    Group,
    grouped,
    pressing_items,
    title_of,
    unchanged_line,
)
from discovery.reports.coverage import (
    coverage,
    extent_read,
    has_remark,
    reason_of,
    unlisted_reasons,
)
from discovery.reports.exit import is_expected
from discovery.reports.findings import (
    NAMED,
    SharedFinding,
    judgements,
    kinds,
    shared_findings,
    verdicts,
)
from discovery.reports.item_text import differences, short_name, value_text
from discovery.reports.markdown.limit import COMMENT_LIMIT, Section, fit_to_comment
from discovery.reports.markdown.text import code, fenced, words
from discovery.reports.report import Report
from discovery.reports.safe_text import MESSAGE_LIMIT
from discovery.reports.shell import repair_lines
from discovery.reports.signs import SEVERITY_SIGNS, SIGNS
from discovery.reports.summary import (
    about_run,
    clock_time,
    counted,
    guard_verdict,
    sentence,
    simulated_aws,
    stop_reasons,
)
from discovery.reports.view import View

_CHANGES: Final = 4
_VALUE_LIMIT: Final = 40
_COMMAND_WIDTH: Final = 100
_MANY: Final = 10
"""Items that need attention, from which on their reasons are counted first."""
_PLAN_HEAD: Final = (
    "| Action | Cache | Account and region | Reason | What it means |\n|---|---|---|---|---|\n"
)


def write_markdown(report: Report, stream: TextIO, view: View) -> None:
    """Write the whole report, or as much of it as a comment holds."""
    head, end = _head(report, view), _end(report)
    room = COMMENT_LIMIT - len((head + end).encode(errors="surrogatepass"))
    groups = grouped(report)
    sections = (
        *_attention(groups, report),
        *_plan(groups, report, view),
        _scopes(report),
        *_findings(report),
    )
    stream.write(head)
    for text in fit_to_comment(sections, room):
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
    return "\n\n".join(lines) + "\n\n"


def _attention(groups: Iterable[Group], report: Report) -> Iterator[Section]:
    items = pressing_items(groups)
    if items:
        yield Section(
            title=f"Needs attention ({len(items)})",
            opening=f"{_by_reason(items)}\n\n" if len(items) > _MANY else "",
            entries=(_pressing(item, report) for item in items),
            total=len(items),
            noun="items",
            share=3,
        )


def _by_reason(items: Iterable[Item]) -> str:
    """Of so many the first may be all that fits; how many there are of each kind always does."""
    counts = Counter(item.reason for item in items).most_common()
    words = (f"{code(reason.value)} {count}" for reason, count in counts)
    return f"Items by reason: {', '.join(words)}"


def _pressing(item: Item, report: Report) -> str:
    about = (
        f"**{_action(item)}**",
        code(short_name(item)),
        code(str(item.scope)),
        code(item.reason.value),
    )
    meaning = _meaning(item, report)
    return f"- {' · '.join(about)}{f': {meaning}' if meaning else ''}\n"


def _plan(groups: Iterable[Group], report: Report, view: View) -> Iterator[Section]:
    listed: list[Item] = []
    quiet = ""
    counts = []
    for group in groups:
        if group.attention in PRESSING:
            continue
        if group.attention is Attention.QUIET:
            quiet = f"{code(unchanged_line(group.items), limit=MESSAGE_LIMIT)}\n\n"
        else:
            title, _ = title_of(group.attention, dry_run=report.dry_run)
            counts.append(f"{len(group.items)} {title.lower()}")
        if group.attention is not Attention.QUIET or view.full:
            listed += group.items
    if listed or quiet:
        yield Section(
            title=f"Plan: {', '.join(counts) or 'nothing to change'}",
            opening=quiet + (_PLAN_HEAD if listed else ""),
            entries=(_row(item, report) for item in listed),
            total=len(listed),
            noun="items of the plan",
            share=3,
        )


def _row(item: Item, report: Report) -> str:
    scope, reason = code(str(item.scope)), code(item.reason.value)
    cells = (_action(item), code(short_name(item)), scope, reason, _meaning(item, report))
    return f"| {' | '.join(cells)} |\n"


def _action(item: Item) -> str:
    """The sign stands in code: alone it is a list, a task or a rule."""
    return f"{code(SIGNS[item.action])} {item.action.value}"


def _meaning(item: Item, report: Report) -> str:
    """What happens and why, on one line."""
    parts = [words(item.message)] if item.message else []
    if item.previous_name:
        parts.append(f"was {code(item.previous_name)}")
    if item.action in (Action.CREATE, Action.UPDATE) and item.name:
        parts.append(f"as {code(item.name)}")
    if item.missed:
        since = clock_time(item.missed.since, report.finished_at)
        parts.append(f"for {counted(item.missed.scans, 'scan')}, since {since}")
    changes = differences(item)
    parts += [_change(change) for change in changes[:_CHANGES]]
    if len(changes) > _CHANGES:
        parts.append(f"and {counted(len(changes) - _CHANGES, 'more change')}")
    parts += [f"note {code(note.code.value)}: {words(note.message)}" for note in item.notes]
    if item.error:
        parts.append(f"**{code(item.error.code)}**: {words(item.error.message)}")
    return " · ".join(parts)


def _change(change: Change) -> str:
    old, new = (code(value_text(side), limit=_VALUE_LIMIT) for side in (change.old, change.new))
    return f"{code(change.field)} {old} → {new}"


def _scopes(report: Report) -> Section:
    """Scopes that were not, or not wholly, read; those never asked are counted."""
    partly = tuple(scanned for scanned in report.scopes if has_remark(scanned))
    listed = (*report.unread_scopes, *partly)
    skipped = sorted(unlisted_reasons(report, listed).items())
    counts = ", ".join(f"{count} {code(reason)}" for reason, count in skipped)
    return Section(
        title=f"Scopes: {coverage(report)}",
        opening=f"Not asked: {counts}\n\n" if counts else "",
        entries=(_scope(scanned, report) for scanned in listed),
        total=len(listed),
        noun="scopes that were not wholly read",
    )


def _scope(scanned: Scanned, report: Report) -> str:
    ended = reason_of(scanned)
    about = [f"**{extent_read(scanned)}**", code(str(scanned.scope))]
    if ended:
        about.append(code(ended))
    since = report.failing_since.get(scanned.scope)
    if since is not None:
        about.append(f"failing since {clock_time(since, report.finished_at)}")
    if is_expected(scanned.scope, report):
        about.append("expected")
    return f"- {' · '.join(about)}{f': {words(scanned.message)}' if scanned.message else ''}\n"


def _findings(report: Report) -> Iterator[Section]:
    judged = judgements(report)
    if judged:
        findings = shared_findings(report)
        found = kinds(report)
        counts = ", ".join(f"{code(kind.value)} {count}" for (_, kind), count in found.items())
        yield Section(
            title=f"IAM login: {verdicts(judged)}",
            opening=f"Caches by finding: {counts}\n\n" if len(found) > 1 else "",
            entries=(_finding(shared) for shared in findings),
            total=len(findings),
            noun="findings",
            share=3,
        )


def _finding(shared: SharedFinding) -> str:
    finding = shared.finding
    severity = f"**{code(SEVERITY_SIGNS[finding.severity])} {finding.severity.value}**"
    entry = f"{severity} · {code(finding.code.value)} · {_affected(shared)}"
    entry += f": {words(finding.message)}\n\n"
    lines = [*repair_lines(finding, _COMMAND_WIDTH)]
    return f"{entry}{fenced(lines)}\n\n" if lines else entry


def _affected(shared: SharedFinding) -> str:
    """`orders`, `payments` and 3 more caches in `111122223333/eu-west-1`, as code."""
    named = ", ".join(code(cache) for cache in shared.caches[:NAMED])
    rest = len(shared.caches) - NAMED
    more = f" and {counted(rest, 'more cache')}" if rest > 0 else ""
    return f"{named}{more} in {code(str(shared.scope))}"


def _end(report: Report) -> str:
    guard = f"**Guard**: {words(guard_verdict(report.guard))}. {words(report.guard.message)}"
    checksum = f"Checksum of this plan: {code(report.checksum)}"
    return f"### Guard and checksum\n\n{guard}\n\n{checksum}\n"
