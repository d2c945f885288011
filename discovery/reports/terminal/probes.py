"""Print the logins that `probe` tried, for a person: what is alike is explained once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TextIO

from rich.console import Console

from discovery.model.codes import ProbeOutcome
from discovery.reports.account_names import scope_text
from discovery.reports.probes import WORST_FIRST, ProbedLogin, ProbeReport, probe_sentence
from discovery.reports.summary import counted
from discovery.reports.terminal.style import (
    OUTCOME_STYLES,
    cell,
    columns,
    console_for,
    heading,
)
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

FOLDED: Final = 20
"""More proved logins than this are counted unless everything is asked for."""

_Kind = tuple[int, str, str, str]


def write_probe_table(report: ProbeReport, stream: TextIO, *, verbose: bool) -> None:
    """Write every login to `stream`, grouped by what came of it and why."""
    console = console_for(stream)
    console.print(heading("cachemuster probe", f"from host {report.agent.host}"))
    if report.endpoints:
        addresses = ", ".join(sorted(set(report.endpoints.values())))
        console.print(cell(f"simulated: {addresses} answers instead of AWS", "yellow"))
    console.print()
    for kind, logins in groupby(sorted(report.logins, key=_kind), key=_kind):
        _print_group(kind, tuple(logins), report, console, verbose=verbose)
    for text in report.not_probed:
        console.print(cell(text, "yellow"))
    if report.not_probed:
        console.print()
    console.print(cell(probe_sentence(report), "bold"), soft_wrap=True)


def _kind(login: ProbedLogin) -> _Kind:
    step = "" if login.outcome is ProbeOutcome.PROVED else login.step.value
    return WORST_FIRST.index(login.outcome), step, login.cause, login.remedy


def _print_group(
    kind: _Kind,
    logins: Sequence[ProbedLogin],
    report: ProbeReport,
    console: Console,
    *,
    verbose: bool,
) -> None:
    outcome = WORST_FIRST[kind[0]]
    at = f" at {kind[1]}" if kind[1] else ""
    title = cell(f"{outcome.value}{at}", OUTCOME_STYLES[outcome])
    console.print(title.append_text(cell(f"  {counted(len(logins), 'login')}", "dim")))
    if outcome is ProbeOutcome.PROVED and len(logins) > FOLDED and not verbose:
        console.print(cell("  -v lists them", "dim"))
    else:
        _print_logins(logins, report, console)
    for name, text in _explanation(kind):
        table = columns(8, None)
        table.add_row(cell(f"  {name}", "dim"), cell(text, limit=2000))
        console.print(table)
    console.print()


def _explanation(kind: _Kind) -> Iterator[tuple[str, str]]:
    if WORST_FIRST[kind[0]] is not ProbeOutcome.PROVED:
        yield "why", kind[2]
        if kind[3]:
            yield "to do", kind[3]


def _print_logins(logins: Iterable[ProbedLogin], report: ProbeReport, console: Console) -> None:
    entries = (Entry((), [(run(_login_text(each, report)),)]) for each in logins)
    print_entries(entries, console, indent=2)


def _login_text(login: ProbedLogin, report: ProbeReport) -> str:
    """One login on a line: `orders · 111122223333/eu-central-1 · as app`."""
    user = [f"as {login.user}"] if login.user is not None else []
    scope = scope_text(login.cache.scope, report.account_names)
    return " · ".join((login.cache.name, scope, *user))
