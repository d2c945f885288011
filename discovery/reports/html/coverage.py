"""The grid of accounts × regions: what was read, and why the rest was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import AccountId, Complete, Region, Scanned, Scope
from discovery.reports.coverage import coverage, has_remark, lacks_a_fact, reason_of
from discovery.reports.exit import is_expected
from discovery.reports.html.markup import Html, closed, element, joined, opened
from discovery.reports.html.words import badge, code, message, place_of, section_title
from discovery.reports.report import Report
from discovery.reports.summary import clock_time

_ROWS: Final = 1_000
"""Accounts in the grid; of more, those that lack something are shown first."""
_REASONS: Final = 500
"""Scopes whose reason is told in full below the grid."""

SHORT: Final[Mapping[ScopeReason, str]] = {
    ScopeReason.CREDENTIALS: "no credentials",
    ScopeReason.ASSUME_ROLE_DENIED: "no role",
    ScopeReason.DENIED: "denied",
    ScopeReason.THROTTLED: "throttled",
    ScopeReason.EXPIRED: "expired",
    ScopeReason.CLOCK_SKEW: "clock skew",
    ScopeReason.WRONG_ACCOUNT: "wrong account",
    ScopeReason.REGIONS_UNREADABLE: "regions unread",
    ScopeReason.MALFORMED: "malformed",
    ScopeReason.TRUNCATED: "cut short",
    ScopeReason.REPEATED_TOKEN: "same page again",
    ScopeReason.TIMEOUT: "timed out",
    ScopeReason.UNREACHABLE: "unreachable",
    ScopeReason.SERVER_ERROR: "server error",
    ScopeReason.REGION_NOT_ENABLED: "off",
    ScopeReason.NOT_IN_RUN: "not in run",
}
"""Each reason as it fits into a cell."""

_LEGEND: Final = (
    ("12", "complete", "caches in a scope that was read to its end"),
    ("? 12", "partly", "read, but tags, subnets or users are missing"),
    ("! throttled", "failed", "not read, and why; nothing there is removed"),
    ("off", "skipped", "not asked, on purpose"),
)


def coverage_section(report: Report) -> Iterator[Html]:
    """The grid, what its signs mean, and the reasons in full."""
    yield opened("section", id="coverage", aria_labelledby="coverage-title")
    yield element("h2", "Coverage ", element("small", coverage(report)), id="coverage-title")
    if report.scopes:
        yield from _grid(report)
        yield _legend()
        yield from _reasons(report)
    else:
        yield element("p", "No account and region was asked.", class_="quiet")
    yield closed("section")


def _grid(report: Report) -> Iterator[Html]:
    found = {scanned.scope: scanned for scanned in report.scopes}
    regions = sorted({scope.region for scope in found if scope.region})
    accounts = _accounts(report)
    yield opened(
        "div", class_="scroll", role="region", tabindex=0, aria_labelledby="coverage-title"
    )
    yield opened("table", class_="grid")
    yield element("caption", "Caches read in each account and region", class_="unseen")
    yield opened("thead")
    columns: list[str] = [*regions] or ["every region"]
    heads = (element("th", element("span", region), scope="col") for region in columns)
    yield element("tr", element("th", "Account", scope="col"), *heads)
    yield joined((closed("thead"), opened("tbody")))
    for account in accounts[:_ROWS]:
        yield _account_row(account, regions, found)
    yield closed("tbody", "table", "div")
    if len(accounts) > _ROWS:
        left_out = len(accounts) - _ROWS
        yield element(
            "p",
            f"{left_out} of {len(accounts)} accounts are not in the grid; the JSON "
            "document has them all.",
            class_="quiet",
        )


def _accounts(report: Report) -> list[AccountId]:
    """All accounts in order; when there are too many, those that lack something come first."""
    accounts = sorted({scanned.scope.account_id for scanned in report.scopes})
    if len(accounts) <= _ROWS:
        return accounts
    lacking = {one.scope.account_id for one in report.scopes if _wants_words(one)}
    return sorted(accounts, key=lambda account: (account not in lacking, account))


def _account_row(account: AccountId, regions: list[Region], found: Mapping[Scope, Scanned]) -> Html:
    """One account; one that failed before its regions were known has its reason across them."""
    head = element("th", account, scope="row")
    whole = found.get(Scope(account, None))
    read = [found.get(Scope(account, region)) for region in regions]
    if whole is not None and not any(read):
        return element("tr", head, _cell(whole, span=max(len(regions), 1)))
    return element("tr", head, *(_cell(scanned or whole) for scanned in read))


def _cell(scanned: Scanned | None, *, span: int = 1) -> Html:
    colspan = span if span > 1 else None
    if scanned is None:
        return element("td", colspan=colspan)
    if isinstance(scanned, Complete):
        count = len(scanned.caches)
        if lacks_a_fact(scanned):
            return element("td", f"? {count}", class_="partly", colspan=colspan)
        return element("td", count, class_="complete" if count else "none", colspan=colspan)
    failed = scanned.status is ScopeStatus.FAILED
    words = SHORT[scanned.reason]
    kind = "failed" if failed else "skipped"
    return element("td", f"! {words}" if failed else words, class_=kind, colspan=colspan)


def _legend() -> Html:
    entries = (
        element("li", element("span", sign, class_=f"cell {kind}"), f" {words}")
        for sign, kind, words in _LEGEND
    )
    return element("ul", *entries, class_="legend")


def _wants_words(scanned: Scanned) -> bool:
    return scanned.status is ScopeStatus.FAILED or has_remark(scanned)


def _reasons(report: Report) -> Iterator[Html]:
    wanting = [scanned for scanned in report.scopes if _wants_words(scanned)]
    if wanting:
        yield section_title("What is missing, and why", level="h3")
        yield opened("div", class_="scroll", role="region", tabindex=0, aria_label="Unread scopes")
        yield opened("table", class_="reasons")
        heads = ("Account and region", "Reason", "Since", "What happened")
        yield element("thead", element("tr", *(element("th", one, scope="col") for one in heads)))
        yield opened("tbody")
        for scanned in wanting[:_REASONS]:
            yield _reason_row(scanned, report)
        yield closed("tbody", "table", "div")
    quiet = Counter(map(reason_of, report.scopes)) - Counter(map(reason_of, wanting[:_REASONS]))
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(quiet.items()) if reason)
    if told:
        yield element("p", f"Not listed here: {told}.", class_="quiet")


def _read(scanned: Scanned) -> str:
    return "partly read" if lacks_a_fact(scanned) else "read"


def _reason_row(scanned: Scanned, report: Report) -> Html:
    since = report.failing_since.get(scanned.scope)
    reason = reason_of(scanned)
    failed = badge("!", reason, "failed") if reason else badge("?", _read(scanned), "partly")
    expected = " expected" if is_expected(scanned.scope, report) else None
    return element(
        "tr",
        element("th", code(place_of(scanned.scope)), scope="row"),
        element("td", failed, expected),
        element("td", clock_time(since, report.finished_at) if since else "now"),
        element("td", message(scanned.message)),
    )
