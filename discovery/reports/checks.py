"""The checks of `doctor`, one for each thing that it tried, and their JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TextIO

from discovery.reports.document import write_json
from discovery.reports.summary import counted

SCHEMA_VERSION: Final = 1


class CheckStatus(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARN = "warn"
    """Worth knowing, or could not be found out; sweeps go on."""
    FAIL = "fail"


class Area(StrEnum):
    """What a check is about, in the order of the report."""

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
    NOTIFICATION = "notification"


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


def doctor_sentence(checks: Iterable[Check]) -> str:
    """Count the checks by outcome: `38 ok, 1 warning, 2 fail`."""
    count = Counter(each.outcome for each in checks)
    parts = [f"{count[CheckStatus.OK]} ok"]
    if count[CheckStatus.WARN]:
        parts.append(counted(count[CheckStatus.WARN], "warning"))
    if count[CheckStatus.FAIL]:
        parts.append(f"{count[CheckStatus.FAIL]} fail")
    return ", ".join(parts)


def write_doctor_document(checks: Sequence[Check], stream: TextIO) -> None:
    """Write one JSON document to `stream`."""
    count = Counter(each.outcome for each in checks)
    document = {
        "schema_version": SCHEMA_VERSION,
        "summary": {outcome.value: count[outcome] for outcome in CheckStatus},
        "checks": [_entry(each) for each in checks],
    }
    write_json(document, stream)


def _entry(check: Check) -> dict[str, Any]:
    return {
        "area": check.area.value,
        "subject": check.subject,
        "outcome": check.outcome.value,
        "message": check.message,
        "action": check.action,
        "statement": check.statement,
    }
