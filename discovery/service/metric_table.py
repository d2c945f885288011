"""The table of all metrics: what `/metrics` serves, and what the documentation shows.

Names carry base units. Labels are bounded: codes of this program, and for the two series of a scope
its account and region; never an ARN, a cache or a resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: name, type, labels, and a description for people."""

    name: str
    type: Type
    labels: tuple[str, ...]
    meaning: str


def _counter(name: str, meaning: str, *labels: str) -> Row:
    return Row(f"cachemuster_{name}", Type.COUNTER, labels, meaning)


def _gauge(name: str, meaning: str, *labels: str) -> Row:
    return Row(f"cachemuster_{name}", Type.GAUGE, labels, meaning)


BUILD_INFO: Final = _gauge("build_info", "always 1; the version in its label", "version")

SWEEPS: Final = _counter(
    "sweeps_total",
    "sweeps and re-scans that ended, by how: `done`, `incomplete` (some scope or item failed), "
    "`refused` (by a guard), `failed`, `interrupted`, `broke` (no report at all)",
    "kind",
    "outcome",
)
DURATION: Final = Row(
    "cachemuster_sweep_duration_seconds",
    Type.HISTOGRAM,
    ("kind",),
    "how long the sweeps and re-scans took that came to a report",
)
LAST_ATTEMPT: Final = _gauge(
    "sweep_last_attempt_timestamp_seconds",
    "when the last one ended, however it ended; absent before the first",
    "kind",
)
LAST_SUCCESS: Final = _gauge(
    "sweep_last_success_timestamp_seconds",
    "when the last one ended that came to its end: it scanned, planned and wrote what it may, "
    "though a scope or an item may have failed; absent before the first",
    "kind",
)
CONSECUTIVE_FAILURES: Final = _gauge(
    "sweep_consecutive_failures",
    "how many in a row did not come to their end; one that was interrupted counts as neither",
    "kind",
)
NEXT_DUE: Final = _gauge(
    "sweep_next_due_timestamp_seconds", "when the next sweep is due; absent while one is under way"
)
PAUSED_UNTIL: Final = _gauge(
    "paused_until_timestamp_seconds",
    "until when `cachemuster pause` keeps sweeps from writing; absent when it does not",
)

ITEMS: Final = _gauge(
    "items",
    "caches and registrations by what the last finished sweep did with them",
    "action",
    "reason",
)
CHANGES: Final = _counter(
    "changes_total", "writes to the control plane that were carried out", "action", "reason"
)
CHANGE_FAILURES: Final = _counter(
    "change_failures_total",
    "planned writes that failed, by the code of the error",
    "action",
    "code",
)
CACHES: Final = _gauge("caches", "caches in all scopes that the last finished sweep read")
FINDINGS: Final = _gauge(
    "findings", "findings on IAM users in the last finished sweep", "code", "severity"
)
VERDICTS: Final = _gauge(
    "iam_verdicts",
    "caches by whether somebody can log in with IAM, in the last finished sweep",
    "verdict",
)

SCOPES: Final = _gauge(
    "scopes",
    "scopes by how the last finished sweep read them; `reason` is empty for complete ones",
    "status",
    "reason",
)
SCANS: Final = _counter(
    "scope_scans_total", "scans of scopes, in sweeps and re-scans", "status", "reason"
)
FAILING_SINCE: Final = _gauge(
    "scope_failing_since_timestamp_seconds",
    "since when the scope that has failed longest has been failing, those of "
    "`aws.expected_failures` aside; absent when none fails",
)
AWS_CALLS: Final = _counter(
    "aws_calls_total", "requests to AWS that scans made, retries included", "kind"
)
SCOPE_LAST_COMPLETE: Final = _gauge(
    "scope_last_complete_timestamp_seconds",
    "when this process last read the scope to its end; absent before the first time, and for every "
    "scope when there are more than `service.scope_metrics_limit`",
    "account",
    "region",
)
SCOPE_CACHES: Final = _gauge(
    "scope_caches",
    "caches in the scope when it was last read to its end; absent as the one above",
    "account",
    "region",
)

GUARD_REFUSED: Final = _gauge(
    "guard_refused", "1 when the guard refused the removals of the last finished sweep, else 0"
)
GUARD_REFUSALS: Final = _counter(
    "guard_refusals_total", "sweeps and re-scans whose removals the guard refused", "code"
)
REGISTRATIONS: Final = _gauge(
    "registrations",
    "databases that are ours, the larger of listed and remembered: what the guard takes its "
    "percentage of",
)
OF_ANOTHER_AGENT: Final = _gauge(
    "registrations_of_another_agent",
    "registrations of our group that another agent seems to look after, in the last finished "
    "sweep: `INHERITED` ones that nothing here matches, and `RESTORED` ones that exist again "
    "after their removal here",
)
REMOVALS: Final = _gauge(
    "removals", "removals that the last finished sweep planned, and those within the window before"
)
REMOVAL_LIMIT: Final = _gauge("removal_limit", "how many removals the guard allowed then")

EVENTS: Final = _counter(
    "events_total",
    "messages of the queue of change events: `accepted`, and later `acted` upon, `retried` or "
    "`given_up`; or left aside at once: `duplicate`, `foreign` (not a scope of ours), `elsewhere` "
    "(disagrees with itself), `failed_call`, `read_only`, `other`, `malformed`",
    "outcome",
)
WAITING: Final = _gauge("rescan_waiting_scopes", "scopes that wait for a re-scan")
OLDEST_WAITING: Final = _gauge(
    "rescan_oldest_waiting_timestamp_seconds",
    "since when the one that has waited longest has waited; absent when none waits",
)

NOTIFICATIONS: Final = _counter(
    "notifications_total",
    "messages for the webhooks of `service.notify`, by the place in that list, from 1: `sent`, "
    "`failed` (after every attempt), `dropped` (too many waited, or the service stopped)",
    "sink",
    "outcome",
)

IDENTITY_EXPIRY: Final = _gauge(
    "control_plane_identity_expiry_timestamp_seconds",
    "when the certificate for the control plane expires; absent when there is none",
)

PROBED: Final = _gauge(
    "probed_caches",
    "caches by what came of the last login to them; absent without `service.probe`",
    "outcome",
)
PROBED_AT: Final = _gauge(
    "probe_last_timestamp_seconds",
    "when the last round of logins ended; absent before the first",
)

TABLE: Final = (
    BUILD_INFO,
    SWEEPS,
    DURATION,
    LAST_ATTEMPT,
    LAST_SUCCESS,
    CONSECUTIVE_FAILURES,
    NEXT_DUE,
    PAUSED_UNTIL,
    ITEMS,
    CHANGES,
    CHANGE_FAILURES,
    CACHES,
    REGISTRATIONS,
    OF_ANOTHER_AGENT,
    FINDINGS,
    VERDICTS,
    PROBED,
    PROBED_AT,
    SCOPES,
    SCANS,
    FAILING_SINCE,
    SCOPE_LAST_COMPLETE,
    SCOPE_CACHES,
    AWS_CALLS,
    GUARD_REFUSED,
    GUARD_REFUSALS,
    REMOVALS,
    REMOVAL_LIMIT,
    EVENTS,
    WAITING,
    OLDEST_WAITING,
    NOTIFICATIONS,
    IDENTITY_EXPIRY,
)
"""All metrics, in the order of the documentation."""


def markdown() -> str:
    """Render the table as Markdown for the documentation, ending with a newline."""
    return "".join(f"{line}\n" for line in _rows())


def _rows() -> Iterator[str]:
    yield "| metric | type | labels | means |"
    yield "| --- | --- | --- | --- |"
    for row in TABLE:
        labels = " ".join(f"`{label}`" for label in row.labels)
        yield f"| `{row.name}` | {row.type.value} | {labels} | {row.meaning} |"
