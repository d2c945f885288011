"""The items as CSV: what every column holds, and that a spreadsheet runs nothing of it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from discovery.model.codes import (
    Action,
    FindingCode,
    NoteCode,
    ProbeOutcome,
    ProbeStep,
    Reason,
    Severity,
)
from discovery.model.values import ItemError, Note, Probe, ResourceName
from discovery.plan.item import MissCount
from discovery.reports.item_csv import COLUMNS
from discovery.reports.report import Report
from discovery.reports.spreadsheet import escape_formula
from discovery.reports.view import Format, GroupBy, View
from tests.support.rendered import rendered
from tests.support.report_samples import EARLIER, finding, full_report, item, judged, report


def rows(found: Report, group_by: GroupBy | None = None) -> list[dict[str, str]]:
    view = View(title="audit", findings=True, group_by=group_by)
    return list(csv.DictReader(io.StringIO(rendered(Format.CSV, found, view), newline="")))


def test_every_item_is_one_row_in_the_order_of_the_report() -> None:
    found = full_report()
    assert [row["name"] for row in rows(found)] == [one.name or "" for one in found.items]
    assert [row["action"] for row in rows(found)] == [one.action.value for one in found.items]


def test_every_column_is_filled_from_its_item() -> None:
    one = item(
        Action.UPDATE,
        Reason.RENAMED,
        "orders",
        owner="checkout",
        previous_name=ResourceName("by-hand"),
        applied=False,
        error=ItemError("UNAVAILABLE", "no answer", retryable=True),
        iam=judged(
            finding(),
            finding(FindingCode.USER_DISABLED, Severity.WARNING),
            finding(FindingCode.DEFAULT_USER_OPEN, Severity.WARNING),
            finding(FindingCode.USER_NOT_IAM, Severity.INFO),
        ),
        missed=MissCount(2, EARLIER),
        notes=(Note(NoteCode.TAG_KEY_DROPPED, "a b", "it has a space"),),
    )
    (row,) = rows(report(one, dry_run=False, account_names={one.scope.account_id: "shop"}))
    assert row == {
        "account_id": "111122223333",
        "account_name": "shop",
        "region": "eu-west-1",
        "cache": "orders",
        "name": "orders-elasticache-serverless-eu-west-1-111122223333",
        "previous_name": "by-hand",
        "owner": "checkout",
        "matcher": "production",
        "action": "update",
        "reason": "RENAMED",
        "needs": "failed not-ready",
        "applied": "false",
        "error": "UNAVAILABLE: no answer",
        "verdict": "not-ready",
        "users": "",
        "blockers": "NO_IAM_USER",
        "warnings": "DEFAULT_USER_OPEN USER_DISABLED",
        "infos": "USER_NOT_IAM",
        "missed_scans": "2",
        "missed_since": "2026-11-23T09:14:07.250Z",
        "notes": "TAG_KEY_DROPPED",
        "arn": "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders",
        "message": "why orders is update",
        "login": "",
    }


FIRST_COLUMNS = [
    *("account_id", "account_name", "region", "cache", "name", "previous_name", "owner"),
    *("matcher", "action", "reason", "needs", "applied", "error", "verdict", "users"),
    *("blockers", "warnings", "infos", "missed_scans", "missed_since", "notes", "arn", "message"),
]


def test_the_first_columns_are_never_renamed_or_moved() -> None:
    assert list(COLUMNS)[: len(FIRST_COLUMNS)] == FIRST_COLUMNS


def test_rows_follow_their_groups() -> None:
    found = report(
        item(Action.KEEP, Reason.UNCHANGED, "a"),
        item(Action.KEEP, Reason.UNCHANGED, "b", owner="web"),
        item(Action.BLOCKED, Reason.REJECTED, "c", owner="shop"),
        item(Action.KEEP, Reason.UNCHANGED, "d", owner="web"),
    )
    assert [row["cache"] for row in rows(found, GroupBy.OWNER)] == ["c", "b", "d", "a"]


def test_lines_end_as_rfc_4180_says() -> None:
    text = rendered(Format.CSV, full_report())
    assert text.count("\r\n") == text.count("\n") == len(full_report().items) + 1


@pytest.mark.parametrize("run", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_what_a_spreadsheet_would_run_is_disarmed(run: str) -> None:
    (row,) = rows(report(item(Action.KEEP, Reason.UNCHANGED, "x", owner=run, message=f"{run},\n")))
    assert row["owner"].startswith("'")
    assert row["message"].startswith("'")
    assert "\n" not in row["message"]


def test_what_is_no_formula_stays_as_it_is() -> None:
    assert escape_formula("a=b") == "a=b"
    assert escape_formula("") == ""


@pytest.mark.parametrize("output_format", [Format.CSV, Format.HTML])
def test_what_came_of_a_login_stands_beside_the_verdict(output_format: Format) -> None:
    probe = Probe(ProbeOutcome.REFUSED, "app", ProbeStep.AUTH, EARLIER, "why")
    one = item(Action.KEEP, Reason.UNCHANGED, "orders", iam=replace(judged(), probe=probe))
    text = rendered(output_format, report(one), View(title="audit", findings=True))
    assert "refused at auth as app" in text
