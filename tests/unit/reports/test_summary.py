"""The line a person can read aloud."""

from dataclasses import replace
from datetime import timedelta

import pytest

from discovery.model.codes import Action, Reason
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from tests.support.report_samples import (
    EARLIER,
    OTHER,
    REFUSED,
    WEST,
    carried_out,
    database,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)

ONE = report(item(Action.CREATE, Reason.NEW))
NOT_READY = database("orders", WEST, **{"cachemuster/iam-auth": "not-ready"})
TURNED = item(
    Action.UPDATE,
    Reason.LABELS_CHANGED,
    iam=judged(finding()),
    live=database("orders", WEST, **{"cachemuster/iam-auth": "ready"}),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            full_report(),
            "2 caches in 1 account; 1 would be created, 2 would be updated, 1 would be removed, "
            "2 need someone, 1 waiting to be removed; 1 scope unread since 09:14",
            id="dry-run",
        ),
        pytest.param(
            carried_out(full_report()),
            "2 caches in 1 account; 1 created, 2 updated, 1 removed, 2 need someone, "
            "1 waiting to be removed; 1 scope unread since 09:14",
            id="sweep",
        ),
        pytest.param(
            carried_out(full_report(), failed="orders"),
            "2 caches in 1 account; 2 updated, 1 removed, 1 failed, 2 need someone, "
            "1 waiting to be removed; 1 scope unread since 09:14",
            id="a-call-failed",
        ),
        pytest.param(
            report(item(Action.KEEP, Reason.UNCHANGED)),
            "2 caches in 1 account; nothing to change",
            id="quiet",
        ),
        pytest.param(
            report(scopes=(), error="no list"),
            "0 caches in 0 accounts; nothing to change; not finished",
            id="not-finished",
        ),
        pytest.param(
            replace(ONE, dry_run=False, interrupted=True),
            "2 caches in 1 account; 1 not done; interrupted",
            id="interrupted",
        ),
        pytest.param(
            report(item(Action.HELD, Reason.GUARD_PERCENT), guard=REFUSED),
            "2 caches in 1 account; 1 needs someone",
            id="guarded",
        ),
        pytest.param(
            report(scopes=scopes()[1:2], failing_since={OTHER: EARLIER - timedelta(days=2)}),
            "0 caches in 0 accounts; nothing to change; 1 scope unread since 2026-11-21 09:14",
            id="unread-for-days",
        ),
        pytest.param(
            report(
                scopes=(*scopes()[1:2], replace(scopes()[1], scope=replace(OTHER, region=None)))
            ),
            "0 caches in 0 accounts; nothing to change; 2 scopes unread",
            id="unread-since-nobody-knows",
        ),
        pytest.param(
            report(TURNED, replace(TURNED, cache="b"), replace(TURNED, live=NOT_READY, cache="c")),
            "2 caches in 1 account; 3 would be updated; 2 no longer ready for IAM login",
            id="turned-not-ready",
        ),
    ],
)
def test_the_sentence(found: Report, expected: str) -> None:
    assert sentence(found) == expected
