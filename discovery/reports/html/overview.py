"""The top of the page: what went wrong as a whole, what needs somebody, four numbers, pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from discovery.model.codes import Action, IamVerdict
from discovery.model.values import Complete
from discovery.plan.item import Item
from discovery.reports.account_names import account_label
from discovery.reports.exit import is_expected
from discovery.reports.findings import judgements
from discovery.reports.html.charts import Bar, Verdicts, login_bars
from discovery.reports.report import Report
from discovery.reports.signs import SIGNS
from discovery.reports.summary import counted, stop_reasons


@dataclass(frozen=True, slots=True)
class Number:
    """One of the large numbers; `kind` is `good`, `bad` or empty."""

    term: str
    value: int | str
    remark: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars that show who can log in, by account, region or owner."""

    title: str
    bars: tuple[Bar, ...]

    @property
    def alternative(self) -> str:
        """What the picture shows, in words."""
        return f"{self.title}. {'; '.join(bar.alternative for bar in self.bars)}"


def banners(report: Report) -> Iterator[tuple[str, str]]:
    """Title and message of what went wrong as a whole."""
    if report.guard.refused:
        yield "The guard refused", report.guard.message
    if report.plan_changed:
        words = "Something changed since it was reviewed. Nothing was written."
        yield "Not the plan that was named", words
    for why in stop_reasons(report):
        yield "Not finished", why


def numbers(report: Report) -> tuple[Number, ...]:
    """Count caches, logins that work, changes, and scopes that were read."""
    read = [scanned for scanned in report.scopes if isinstance(scanned, Complete)]
    accounts = len({scanned.scope.account_id for scanned in read})
    judged, summary = judgements(report), report.summary
    writes = " ".join(f"{SIGNS[each]}{summary[each.value]}" for each in Action if each.writes)
    changed = "created, updated, removed"
    ready, unread = judged[IamVerdict.READY], len(report.unread_scopes)
    expected = sum(is_expected(scanned.scope, report) for scanned in report.unread_scopes)
    as_expected = f", {expected} of them as expected" if expected else ""
    return (
        Number(
            "Caches", sum(len(each.caches) for each in read), f"in {counted(accounts, 'account')}"
        ),
        Number(
            "IAM login ready",
            ready,
            f"of {judged.total()} judged",
            "good" if ready and ready == judged.total() else "",
        ),
        Number("Changes", writes, f"would be {changed}" if report.dry_run else changed),
        Number(
            "Scopes read",
            len(read),
            f"of {len(report.scopes)}, {unread} unread{as_expected}",
        ),
    )


def login_pictures(report: Report) -> tuple[Picture, ...]:
    """Draw readiness by account, by region and, where owners are known, by owner.

    One that would have a single bar is left out: the picture of all caches says the same.
    """
    accounts: set[str] = {item.scope.account_id for item in report.items}
    labels = {account: account_label(report, account) for account in accounts}
    pictures = [
        _picture(report, "account", "accounts", lambda item: item.scope.account_id, labels),
        _picture(report, "region", "regions", lambda item: item.scope.region or ""),
    ]
    if any(item.owner for item in report.items):
        pictures.append(_picture(report, "owner", "owners", lambda item: item.owner or ""))
    return tuple(picture for picture in pictures if len(picture.bars) > 1)


def _picture(
    report: Report,
    key: str,
    things: str,
    of: Callable[[Item], str],
    labels: Mapping[str, str] | None = None,
) -> Picture:
    found: dict[str, Verdicts] = defaultdict(Verdicts)
    for item in report.items:
        found[of(item)][item.iam.verdict if item.iam else None] += 1
    named = {**(labels or {}), "": f"no {key} known"}
    return Picture(
        f"Ready for IAM login, by {key}",
        login_bars(found, labels=named, key=key, things=things),
    )
