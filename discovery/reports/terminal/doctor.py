"""What `doctor` found, a line for each thing it tried: a value, a table, a document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TextIO

from discovery.reports.summary import counted
from discovery.reports.terminal.style import cell, console_for, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

SCHEMA_VERSION: Final = 1
_INDENT: Final = 6
_STATEMENT_LIMIT: Final = 4000
FOLDED: Final = 10
"""More good lines of one sort than this are counted unless everything is asked for."""


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """Worth knowing, or could not be found out; sweeps go on."""
    FAIL = "fail"


class Area(StrEnum):
    """What a check is about, in the order in which they are told."""

    CONFIGURATION = "configuration"
    CREDENTIALS = "credentials"
    CLOCK = "clock"
    ORGANIZATION = "organization"
    ROLE = "role"
    REGIONS = "regions"
    PERMISSION = "permission"
    QUEUE = "queue"
    CONTROL_PLANE = "control plane"
    STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried."""

    area: Area
    subject: str
    """What was tried on: an account, a scope, a file, a cluster."""
    outcome: CheckStatus
    message: str
    """What came of it; of a fail, what to do next."""
    action: str | None = None
    """The permission that was tried."""
    statement: Mapping[str, Any] | None = None
    """Of a missing permission: what to add to a policy or a role."""


_STYLES: Final = {CheckStatus.OK: "dim", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "bold red"}


def write_checkup(checks: Sequence[Check], stream: TextIO, *, verbose: bool) -> None:
    """Every check stands in `stream`, for a person."""
    console = console_for(stream)
    console.print(heading("cachemuster doctor"))
    console.print()
    for area in Area:
        told = [each for each in checks if each.area is area]
        if not told:
            continue
        console.print(heading(area.value.capitalize()))
        entries = (_told(*line) for line in _lines(told, verbose=verbose))
        print_entries(entries, console, indent=_INDENT)
        console.print()
    console.print(cell(checkup_sentence(checks), "bold"), soft_wrap=True)


def _told(outcome: CheckStatus, text: str, statement: Mapping[str, Any] | None) -> Entry:
    lines = [(run(text),)]
    if statement is not None:
        lines.append((run(f"add: {json.dumps(statement)}", limit=_STATEMENT_LIMIT),))
    return Entry(((outcome.value, _STYLES[outcome]),), lines)


def checkup_sentence(checks: Iterable[Check]) -> str:
    """`38 ok, 1 warning, 2 fail`"""
    count = Counter(each.outcome for each in checks)
    parts = [f"{count[CheckStatus.OK]} ok"]
    if count[CheckStatus.WARN]:
        parts.append(counted(count[CheckStatus.WARN], "warning"))
    if count[CheckStatus.FAIL]:
        parts.append(f"{count[CheckStatus.FAIL]} fail")
    return ", ".join(parts)


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


def write_checkup_document(checks: Sequence[Check], stream: TextIO) -> None:
    """One JSON document stands in `stream`."""
    count = Counter(each.outcome for each in checks)
    document = {
        "schema_version": SCHEMA_VERSION,
        "summary": {outcome.value: count[outcome] for outcome in CheckStatus},
        "checks": [_entry(each) for each in checks],
    }
    stream.write(json.dumps(document, indent=2) + "\n")


def _entry(check: Check) -> dict[str, Any]:
    return {
        "area": check.area.value,
        "subject": check.subject,
        "outcome": check.outcome.value,
        "message": check.message,
        "action": check.action,
        "statement": check.statement,
    }
