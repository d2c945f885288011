"""Put what came of logins into the items of a report: `iam.probe` and its findings. Pure.

Verdict, label and plan stay as the descriptions made them: a login sees the network of one host.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from discovery.model.codes import FindingCode, ProbeOutcome
from discovery.model.values import Arn, Finding, IamJudgement, Probe
from discovery.plan.iam.finding_table import FINDINGS
from discovery.plan.iam.findings import in_order
from discovery.plan.item import Item
from discovery.reports.probes import ProbedLogin, worst_of

_CODES: Final = {
    ProbeOutcome.REFUSED: FindingCode.LOGIN_REFUSED,
    ProbeOutcome.UNREACHABLE: FindingCode.LOGIN_UNREACHABLE,
}


def with_logins(
    items: Iterable[Item], logins: Iterable[ProbedLogin], host: str
) -> tuple[Item, ...]:
    """Add the logins to their caches' items. `host`: where they were tried."""
    by_cache: dict[Arn, list[ProbedLogin]] = defaultdict(list)
    for login in logins:
        by_cache[login.cache.arn].append(login)
    return tuple(_with_logins(item, by_cache, host) for item in items)


def _with_logins(item: Item, by_cache: dict[Arn, list[ProbedLogin]], host: str) -> Item:
    found = by_cache.get(item.arn, []) if item.arn is not None else []
    if not found or item.iam is None or item.found is None:
        return item
    return replace(item, iam=_judged(item.iam, found, host))


def _judged(iam: IamJudgement, logins: Sequence[ProbedLogin], host: str) -> IamJudgement:
    return replace(
        iam,
        probe=probe_of(worst_of(logins)),
        findings=in_order((*iam.findings, *_findings(logins, host))),
    )


def probe_of(login: ProbedLogin) -> Probe:
    """Sum one login up."""
    return Probe(login.outcome, login.user, login.step, login.at, login.message)


def _findings(logins: Iterable[ProbedLogin], host: str) -> Iterator[Finding]:
    for login in logins:
        code = _CODES.get(login.outcome)
        if code is None:
            continue
        # What is not reached is so for all users, and alike for many caches.
        spec, subject = FINDINGS[code], login.user or host
        words = {"subject": subject, "host": host, "step": login.step.value, "why": login.message}
        yield Finding(code, spec.severity, subject, spec.sentence.format(**words))
