"""`--summary`, `--full`, `--group-by` and `-v`: what they make of a report, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from discovery.cli.view import view_of
from discovery.reports.exit import Exit
from discovery.reports.view import Detail, GroupBy
from tests.support.command_line import cli as make_rig

ASKED: dict[str, Any] = {
    "summary": False,
    "full": False,
    "group_by": None,
    "output_format": "table",
    "verbose": False,
}


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({}, Detail.NORMAL),
        ({"summary": True}, Detail.SUMMARY),
        ({"full": True}, Detail.FULL),
        ({"verbose": True}, Detail.FULL),
        ({"full": True, "verbose": True}, Detail.FULL),
        ({"full": True, "output_format": "json"}, Detail.FULL),
        ({"summary": True, "output_format": "markdown"}, Detail.SUMMARY),
    ],
)
def test_how_much_is_listed(asked: dict[str, Any], detail: Detail) -> None:
    assert view_of("audit", **{**ASKED, **asked}).detail is detail


@pytest.mark.parametrize("by", list(GroupBy))
@pytest.mark.parametrize("output_format", ["table", "markdown", "csv"])
def test_what_items_stand_under(by: GroupBy, output_format: str) -> None:
    asked = {**ASKED, "group_by": by.value, "output_format": output_format}
    assert view_of("sweep", **asked).group_by is by


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"summary": True, "full": True}, "give one of them"),
        ({"summary": True, "verbose": True}, "give one of them"),
        ({"summary": True, "output_format": "json"}, "has every item"),
        ({"summary": True, "output_format": "csv"}, "has every item"),
        ({"group_by": "owner", "output_format": "json"}, "has no groups"),
    ],
)
def test_options_that_disagree_are_refused(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(click.UsageError, match=why):
        view_of("audit", **{**ASKED, **asked})


def test_findings_are_told_by_an_audit_alone() -> None:
    assert view_of("audit", **ASKED).findings
    assert not view_of("sweep", **ASKED).findings


@pytest.mark.slow
def test_both_commands_take_the_options(tmp_path: Path) -> None:
    with make_rig(tmp_path) as cli:
        for command in (("audit",), ("sweep", "--dry-run")):
            assert cli.run(*command, "--summary", "--full").code == Exit.USAGE
            assert cli.run(*command, "-v", "--summary").code == Exit.USAGE
            summary = cli.run(*command, "--summary", "--group-by", "account").out
            assert "By account (1)" in summary
            assert "Needs attention" not in summary.partition("By account")[2]
            assert len(summary.splitlines()) <= 24
        run = cli.run("sweep", "--dry-run", "--format", "csv")
        assert run.code == Exit.USAGE
        assert "'csv' is not one of 'table', 'json'" in run.err
        rows = cli.run("audit", "--format", "csv").out.splitlines()
        assert rows[0].startswith("account_id,account_name,region,cache,name,")
        assert len(rows) == 4
