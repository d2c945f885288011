"""Print the checks of `doctor`, a line each, for a person."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from discovery.reports.checks import Area, Check, CheckStatus, doctor_sentence
from discovery.reports.terminal.style import cell, console_for, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

_INDENT: Final = 6
_STATEMENT_LIMIT: Final = 4000
FOLDED: Final = 10
"""More good lines of one sort than this are counted unless everything is asked for."""


_STYLES: Final = {CheckStatus.OK: "dim", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "bold red"}


def write_doctor_table(checks: Sequence[Check], stream: TextIO, *, verbose: bool) -> None:
    """Write every check to `stream`, for a person."""
    console = console_for(stream)
    console.print(heading("cachemuster doctor"))
    console.print()
    for area in Area:
        found = [each for each in checks if each.area is area]
        if not found:
            continue
        console.print(heading(area.value.capitalize()))
        entries = (_entry(*line) for line in _lines(found, verbose=verbose))
        print_entries(entries, console, indent=_INDENT)
        console.print()
    console.print(cell(doctor_sentence(checks), "bold"), soft_wrap=True)


def _entry(outcome: CheckStatus, text: str, statement: Mapping[str, Any] | None) -> Entry:
    lines = [(run(text),)]
    if statement is not None:
        lines.append((run(f"add: {json.dumps(statement)}", limit=_STATEMENT_LIMIT),))
    return Entry(((outcome.value, _STYLES[outcome]),), lines)


def _lines(
    checks: Sequence[Check], *, verbose: bool
) -> Iterator[tuple[CheckStatus, str, Mapping[str, Any] | None]]:
    good = Counter(each.action for each in checks if each.outcome is CheckStatus.OK)
    folded = {action for action, count in good.items() if count > FOLDED and not verbose}
    for action in sorted(folded, key=str):
        what = f"{action}: " if action else ""
        yield CheckStatus.OK, f"{what}{good[action]} of this sort; -v lists them", None
    for each in checks:
        if each.outcome is CheckStatus.OK and each.action in folded:
            continue
        what = f" {each.action}" if each.action else ""
        yield each.outcome, f"{each.subject}{what}: {each.message}", each.statement
