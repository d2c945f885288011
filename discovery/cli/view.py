"""The options that say how much of a report is listed, and under what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import click

from discovery.reports.view import Detail, Format, GroupBy, View

_Function = TypeVar("_Function", bound=Callable[..., Any])

_IN_ANY_CASE: Final = frozenset({Format.JSON, Format.CSV})
"""Formats that have every item, whatever is asked."""


def with_view(function: _Function) -> _Function:
    """Add `--summary`, `--full` and `--group-by`, for `view_of`."""
    for option in (_GROUP_BY, _FULL, _SUMMARY):
        function = option(function)
    return function


_SUMMARY: Final = click.option(
    "--summary", is_flag=True, help="One screen: totals, and what needs somebody."
)
_FULL: Final = click.option(
    "--full", is_flag=True, help="Everything: every cache, scope, finding and command."
)
_GROUP_BY: Final = click.option(
    "--group-by",
    type=click.Choice([each.value for each in GroupBy]),
    help="List items under their account, region or owner.",
)


def view_of(
    title: Literal["audit", "sweep"],
    *,
    summary: bool,
    full: bool,
    group_by: str | None,
    output_format: str,
    verbose: bool,
) -> View:
    """Make the view that the options ask for. Raises: click.UsageError when they disagree."""
    if summary and full:
        raise click.UsageError("--summary is one screen and --full is everything; give one of them")
    if summary and verbose:
        raise click.UsageError("-v lists everything and --summary one screen; give one of them")
    if summary and output_format in _IN_ANY_CASE:
        raise click.UsageError(f"--format {output_format} has every item, so --summary has no use")
    if group_by is not None and output_format == Format.JSON:
        raise click.UsageError(
            "--format json has no groups, so --group-by has no use; all other formats have them"
        )
    detail = Detail.SUMMARY if summary else Detail.FULL if full or verbose else Detail.NORMAL
    return View(
        title=title,
        findings=title == "audit",
        detail=detail,
        group_by=GroupBy(group_by) if group_by else None,
    )
