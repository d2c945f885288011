"""Write what state remembers as one HTML file, with pictures of how it went over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TextIO

from discovery.reports.account_names import account_text, scope_text
from discovery.reports.html.charts import Verdicts, login_bars, login_shares
from discovery.reports.html.overview import Number, Picture
from discovery.reports.html.page import template
from discovery.reports.html.timeline import timelines
from discovery.reports.status import (
    Status,
    registered_accounts,
    service_sentence,
    status_sentence,
)
from discovery.reports.summary import counted
from state.records import SweepRecord


def write_status_page(status: Status, sweeps: Sequence[SweepRecord], stream: TextIO) -> None:
    """Write the page; `sweeps` are those that counted what there was, oldest first."""
    verdicts = Verdicts(
        cache.iam.verdict if cache.iam else None for cache in status.state.caches.values()
    )
    pieces = template("status.html").generate(
        status=status,
        sentence_of_status=status_sentence(status),
        sentence_of_service=service_sentence(status),
        place_of=partial(scope_text, names=status.account_names),
        numbers=_numbers(status),
        shares=login_shares(verdicts),
        pictures=_pictures(status),
        timelines=timelines(sweeps),
    )
    for piece in pieces:
        stream.write(piece)


def _numbers(status: Status) -> tuple[Number, ...]:
    state = status.state
    accounts = registered_accounts(status)
    unread, waiting = len(status.unread), len(status.waiting)
    others = len(status.of_another_agent)
    last = state.last_sweep
    return (
        Number("Registrations", len(state.registrations), f"in {counted(accounts, 'account')}"),
        Number("Caches", len(state.caches), "remembered"),
        Number("Unread scopes", unread, f"of {len(status.scopes)}", "bad" if unread else ""),
        Number(
            "Waiting to be removed", waiting, f"and {others} of another agent" if others else ""
        ),
        Number("Sweeps", state.finished_sweeps, f"exit {last.exit_code} of the last")
        if last
        else Number("Sweeps", state.finished_sweeps, "none yet"),
    )


def _pictures(status: Status) -> tuple[Picture, ...]:
    """Draw the last verdicts by account and by region."""
    accounts: dict[str, Verdicts] = defaultdict(Verdicts)
    regions: dict[str, Verdicts] = defaultdict(Verdicts)
    for cache in status.state.caches.values():
        verdict = cache.iam.verdict if cache.iam else None
        accounts[cache.scope.account_id][verdict] += 1
        regions[cache.scope.region or ""][verdict] += 1
    names = {one: account_text(one, status.account_names) for one in accounts}
    pictures = (
        Picture(
            "Ready for IAM login, by account",
            login_bars(accounts, labels=names, key="", things="accounts"),
        ),
        Picture(
            "Ready for IAM login, by region",
            login_bars(regions, labels={}, key="", things="regions"),
        ),
    )
    return tuple(picture for picture in pictures if len(picture.bars) > 1)
