"""When a round of logins starts, and what of it is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from discovery.model.codes import ProbeOutcome, ProbeStep
from discovery.model.values import Arn
from discovery.service.probing import changed_outcomes
from state.records import HistoryEvent, RememberedProbe

AT = datetime(2026, 11, 30, 20, tzinfo=UTC)
ARN = Arn("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders")
PROVED = RememberedProbe(
    arn=ARN,
    outcome=ProbeOutcome.PROVED,
    user="app",
    step=ProbeStep.PING,
    at=AT,
    message="logged in",
)
REFUSED = replace(PROVED, outcome=ProbeOutcome.REFUSED, step=ProbeStep.AUTH, message="WRONGPASS")


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (None, PROVED, []),
        (None, REFUSED, ["REFUSED"]),
        (PROVED, PROVED, []),
        (REFUSED, REFUSED, []),
        (PROVED, REFUSED, ["REFUSED"]),
        (REFUSED, PROVED, ["PROVED"]),
    ],
)
def test_only_another_outcome_is_news(
    before: RememberedProbe | None, after: RememberedProbe, reasons: list[str]
) -> None:
    remembered = {ARN: before} if before is not None else {}
    entries = tuple(changed_outcomes(remembered, {ARN: after}, AT))
    assert [each.reason for each in entries] == reasons
    for entry in entries:
        assert (entry.event, entry.arn, str(entry.scope)) == (
            HistoryEvent.PROBED,
            ARN,
            "111122223333/eu-west-1",
        )
        assert after.message in entry.message
