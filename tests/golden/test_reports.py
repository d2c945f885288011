"""Reports as they were last agreed on, to the character."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from discovery.reports.formats import RENDERERS
from discovery.reports.report import Report
from discovery.reports.status import Status
from discovery.reports.tctl import write_resources
from discovery.reports.terminal.status_table import write_status_table
from discovery.reports.view import Detail, Format, GroupBy, View
from tests.golden.golden import assert_golden
from tests.support.report_samples import (
    NOW,
    REFUSED,
    WEST,
    carried_out,
    database,
    full_report,
    probed,
)
from tests.unit.reports.test_status import make_state

AUDIT = full_report(endpoints={"sts": "http://127.0.0.1:4566"}, guard=REFUSED)
OWNED = full_report(
    items=tuple(
        replace(one, owner={"o": "checkout", "p": "checkout", "s": "web"}.get(one.cache[0]))
        if one.cache
        else one
        for one in AUDIT.items
    ),
    account_names={WEST.account_id: "shop"},
)
PROBED = full_report(items=probed(AUDIT.items))
SWEEP = carried_out(full_report(), failed="orders")


@pytest.mark.parametrize(
    ("name", "report", "form", "view"),
    [
        ("audit.txt", AUDIT, Format.TABLE, View(title="audit", findings=True)),
        ("sweep.txt", SWEEP, Format.TABLE, View(title="sweep", findings=False)),
        (
            "sweep-v.txt",
            SWEEP,
            Format.TABLE,
            View(title="sweep", findings=False, detail=Detail.FULL),
        ),
        (
            "audit-summary.txt",
            AUDIT,
            Format.TABLE,
            View(title="audit", findings=True, detail=Detail.SUMMARY, group_by=GroupBy.ACCOUNT),
        ),
        (
            "audit-owner.txt",
            OWNED,
            Format.TABLE,
            View(title="audit", findings=True, group_by=GroupBy.OWNER),
        ),
        (
            "audit-owner.md",
            OWNED,
            Format.MARKDOWN,
            View(title="audit", findings=True, group_by=GroupBy.OWNER),
        ),
        ("audit-probe.txt", PROBED, Format.TABLE, View(title="audit", findings=True)),
        (
            "audit-probe-account.txt",
            PROBED,
            Format.TABLE,
            View(title="audit", findings=True, group_by=GroupBy.ACCOUNT),
        ),
        ("audit-probe.md", PROBED, Format.MARKDOWN, View(title="audit", findings=True)),
        ("audit.csv", OWNED, Format.CSV, View(title="audit", findings=True)),
        ("audit.json", AUDIT, Format.JSON, View(title="audit", findings=True)),
        ("audit.md", AUDIT, Format.MARKDOWN, View(title="audit", findings=True)),
    ],
)
def test_a_report(name: str, report: Report, form: Format, view: View) -> None:
    stream = io.StringIO()
    RENDERERS[form](report, stream, view)
    assert_golden(name, stream.getvalue())


def test_a_page() -> None:
    """Without its style sheet and script, and the hashes of both."""
    stream = io.StringIO()
    RENDERERS[Format.HTML](AUDIT, stream, View(title="audit", findings=True))
    page = re.sub(r"(?s)(<(?P<kind>style|script)>).*?</(?P=kind)>", r"\1</\2>", stream.getvalue())
    assert_golden("audit.html", re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-", page))


def test_a_status() -> None:
    stream = io.StringIO()
    status = Status(state=make_state(), path=Path("/var/lib/cachemuster/cachemuster.db"), now=NOW)
    write_status_table(status, stream, verbose=True)
    assert_golden("status.txt", stream.getvalue())


def test_an_export() -> None:
    stream = io.StringIO()
    write_resources([database("orders"), database("baskets")], stream)
    assert_golden("export.yaml", stream.getvalue())
