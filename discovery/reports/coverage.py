"""Word how much of the scopes of a run was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from discovery.model.codes import NoteCode
from discovery.model.values import Complete, Scanned
from discovery.reports.report import Report


def coverage(report: Report) -> str:
    """Count the scopes by how they ended: `12 read, 2 unread, 3 not asked`."""
    read = sum(1 for scanned in report.scopes if isinstance(scanned, Complete))
    unread = len(report.unread_scopes)
    parts = [f"{read} read"]
    if unread:
        parts.append(f"{unread} unread")
    if not_asked := len(report.scopes) - read - unread:
        parts.append(f"{not_asked} not asked")
    return ", ".join(parts)


def lacks_a_fact(scanned: Scanned) -> bool:
    """Tell whether tags, subnets or users of the listed caches could not be read."""
    codes = {note.code for note in scanned.notes}
    return has_remark(scanned) and codes != {NoteCode.TAGS_ONE_BY_ONE}


def has_remark(scanned: Scanned) -> bool:
    """Tell whether a scope was read and its message says something about how."""
    return isinstance(scanned, Complete) and bool(scanned.message)


def extent_read(scanned: Scanned) -> str:
    """Word how much of a scope was read: `read`, `partly read` or `unread`."""
    if isinstance(scanned, Complete):
        return "partly read" if lacks_a_fact(scanned) else "read"
    return "unread"


def unlisted_reasons(report: Report, listed: Iterable[Scanned]) -> Counter[str]:
    """Count by reason the scopes that were not read and are not `listed`."""
    reasons = Counter(map(reason_of, report.scopes)) - Counter(map(reason_of, listed))
    del reasons[""]
    return reasons


def reason_of(scanned: Scanned) -> str:
    """Return the code of why a scope was not read; empty for one that was."""
    return "" if isinstance(scanned, Complete) else scanned.reason.value
