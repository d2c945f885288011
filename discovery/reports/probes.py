"""What logins to caches came to, and the JSON document of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TextIO

from discovery.model.agent import Agent
from discovery.model.codes import ProbeOutcome, ProbeStep
from discovery.model.ownership import CacheArn
from discovery.model.values import Endpoint, ResourceName
from discovery.reports.document import timestamp, write_json
from discovery.reports.exit import Exit
from discovery.reports.summary import counted

SCHEMA_VERSION: Final = 1

WORST_FIRST: Final = (
    ProbeOutcome.REFUSED,
    ProbeOutcome.UNREACHABLE,
    ProbeOutcome.UNPROVED,
    ProbeOutcome.PROVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedLogin:
    """One login that was tried."""

    cache: CacheArn
    name: ResourceName | None
    endpoint: Endpoint | None
    user: str | None
    """None: it ended before a user was named."""
    signer: str
    """Whose credentials signed the token."""
    as_teleport: bool
    """True when Teleport would sign with the same."""
    outcome: ProbeOutcome
    step: ProbeStep
    at: datetime
    took: timedelta
    cause: str
    remedy: str

    @property
    def message(self) -> str:
        """Cause and remedy in one sentence."""
        return f"{self.cause}; {self.remedy}" if self.remedy else self.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """All logins of one run, by cache and user."""

    agent: Agent
    started_at: datetime
    finished_at: datetime
    timeout: timedelta
    logins: tuple[ProbedLogin, ...]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """AWS endpoint overrides in force, by service."""
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts, as far as they are known."""
    not_probed: tuple[str, ...] = ()
    """What should have been probed and was not, and why; a sentence each."""
    error: str | None = None
    """Why nothing was probed."""
    is_interrupted: bool = False

    @property
    def summary(self) -> dict[str, int]:
        """How many logins had each outcome."""
        counts = Counter(each.outcome for each in self.logins)
        return {outcome.value: counts[outcome] for outcome in ProbeOutcome}


def worst_of(logins: Iterable[ProbedLogin]) -> ProbedLogin:
    """Choose the login that says most of a cache. Raises: ValueError for none."""
    return min(logins, key=lambda each: WORST_FIRST.index(each.outcome))


def probe_exit_code(report: ProbeReport, *, terminated: bool = False) -> Exit:
    """Return 0 when all are proved, 5 when any was refused, 3 for any other outcome."""
    if report.is_interrupted:
        return Exit.TERMINATED if terminated else Exit.INTERRUPTED
    if report.error is not None:
        return Exit.FAILED
    outcomes = {each.outcome for each in report.logins}
    if ProbeOutcome.REFUSED in outcomes:
        return Exit.FINDINGS
    if report.not_probed or outcomes - {ProbeOutcome.PROVED}:
        return Exit.INCOMPLETE
    return Exit.DONE


def probe_sentence(report: ProbeReport) -> str:
    """Sum up: `14 logins to 12 caches from host agent-1: 12 proved, 2 refused`."""
    caches = len({each.cache.arn for each in report.logins})
    counts = [f"{count} {outcome}" for outcome, count in report.summary.items() if count]
    what = f"{counted(len(report.logins), 'login')} to {counted(caches, 'cache')}"
    found = f": {', '.join(counts)}" if counts else ""
    ended = "; interrupted" if report.is_interrupted else ""
    return f"{what} from host {report.agent.host}{found}{ended}"


def write_probe_document(report: ProbeReport, stream: TextIO) -> None:
    """Write one JSON document to `stream`; its schema is `probe.schema.json`."""
    write_json(probe_document(report), stream)


def probe_document(report: ProbeReport) -> dict[str, Any]:
    """Return the document as one value."""
    return {
        "schema_version": SCHEMA_VERSION,
        "agent": {"host": report.agent.host, "version": report.agent.version},
        "started_at": timestamp(report.started_at),
        "finished_at": timestamp(report.finished_at),
        "timeout_s": report.timeout.total_seconds(),
        "endpoints": dict(sorted(report.endpoints.items())),
        "summary": report.summary,
        "not_probed": list(report.not_probed),
        "probes": [_entry(each, report) for each in report.logins],
    }


def _entry(login: ProbedLogin, report: ProbeReport) -> dict[str, Any]:
    return {
        "arn": login.cache.arn,
        "account_id": login.cache.account_id,
        "account_name": report.account_names.get(login.cache.account_id),
        "region": login.cache.region,
        "cache": login.cache.name,
        "name": login.name,
        "endpoint": login.endpoint and login.endpoint.uri,
        "user": login.user,
        "signer": login.signer,
        "as_teleport": login.as_teleport,
        "outcome": login.outcome.value,
        "step": login.step.value,
        "at": timestamp(login.at),
        "duration_s": round(login.took.total_seconds(), 3),
        "cause": login.cause,
        "remedy": login.remedy,
    }
