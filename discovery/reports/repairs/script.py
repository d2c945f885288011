"""Write the script that repairs what an audit found.

Text from AWS stands in it as quoted words, and in comments on one line behind words of ours. An
external id stands in it as a reference, never as its value.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import groupby
from typing import Final, TextIO

from discovery.config.aws import Account
from discovery.model.repair_steps import Comment, RepairSteps
from discovery.model.values import AccountId
from discovery.plan.iam.ways import CacheRepairs, Repair
from discovery.reports.repairs.calls import comment_out, function
from discovery.reports.repairs.collect import ScopeRepairs
from discovery.reports.report import Report
from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, shortened
from discovery.reports.summary import counted

ACTIONS: Final = (
    "elasticache:CreateUser",
    "elasticache:CreateUserGroup",
    "elasticache:DescribeServerlessCaches",
    "elasticache:DescribeUserGroups",
    "elasticache:DescribeUsers",
    "elasticache:ModifyServerlessCache",
    "elasticache:ModifyUser",
    "elasticache:ModifyUserGroup",
)
"""What the script asks of AWS, besides assuming roles."""


@dataclass(frozen=True, slots=True)
class Access:
    """How the accounts of a report are entered."""

    roles: Mapping[AccountId, Account | None]
    """By account, the entry with its role; None: with the credentials at hand."""
    profile: str | None
    """The profile that the configuration starts from."""
    sts_region: str
    """Where roles are assumed."""


def write_script(
    report: Report, repairs: tuple[ScopeRepairs, ...], access: Access, stream: TextIO
) -> None:
    """Write the whole script; one that only says so where nothing is to be repaired."""
    for line in _script(report, repairs, access):
        stream.write(f"{line}\n")


def _script(report: Report, repairs: tuple[ScopeRepairs, ...], access: Access) -> Iterator[str]:
    yield "#!/bin/sh"
    yield from _heading(report, repairs)
    if not repairs:
        yield "echo 'Nothing to repair.'"
        return
    yield f"OWN_PROFILE={shlex.quote(access.profile or '')}"
    yield f"STS_REGION={shlex.quote(access.sts_region)}"
    yield ""
    yield from _functions()
    numbers = iter(range(1, 1 + sum(len(each.caches) for each in repairs)))
    for account_id, scopes in groupby(repairs, key=lambda each: each.scope.account_id):
        yield from _account(account_id, report, access)
        for each in scopes:
            yield ""
            yield f"# -- {each.scope.account_id}, {each.scope.region} --"
            yield f"region={shlex.quote(str(each.scope.region))}"
            for cache in each.caches:
                yield ""
                yield from _cache(cache, f"cache_{next(numbers)}")
    yield from ("", "finish")


def _heading(report: Report, repairs: tuple[ScopeRepairs, ...]) -> Iterator[str]:
    yield f"# Repairs what `cachemuster repairs` found on {_time(report.finished_at)}."
    yield from _unread_scopes(report)
    if not repairs:
        return
    yield f"# {overview(repairs)}."
    yield "#"
    yield "# Read it, then run it: sh FILE. It may be run again: it changes what is not done yet."
    yield "# What is commented out is left to a person, who takes the `# ` before its lines away:"
    yield "# the last definition of a step is the one that counts."
    yield "#"
    yield "# Whoever runs it needs the AWS CLI, sts:AssumeRole for the roles below, and in each"
    yield "# account these permissions (`cachemuster policies repairs` prints the policy):"
    yield from (f"#   {action}" for action in ACTIONS)
    yield "# The roles of the configuration may be for reading only. These variables change it:"
    yield "#   REPAIR_ROLE     name of another role to assume in each of these accounts"
    yield "#   PROFILE_ACCOUNT profile for an account without a role, such as PROFILE_111122223333"
    yield "#   REPAIR_WAIT     seconds to wait for one change (900)"
    yield "#   REPAIR_POLL     seconds between two looks (5)"
    yield ""


def overview(repairs: tuple[ScopeRepairs, ...]) -> str:
    """Say how much a script does: `2 caches in 1 account; 1 finding is left to a person`."""
    caches = sum(len(each.caches) for each in repairs)
    accounts = len({each.scope.account_id for each in repairs})
    left = sum(1 for each in repairs for repair in each.repairs if not repair.steps)
    where = f"{counted(caches, 'cache')} in {counted(accounts, 'account')}"
    return f"{where}; {counted(left, 'finding is', 'findings are')} left to a person"


def _unread_scopes(report: Report) -> Iterator[str]:
    unread = report.unread_scopes
    if not unread:
        return
    yield "#"
    yield f"# Not covered, since {counted(len(unread), 'scope was', 'scopes were')} not read:"
    for each in unread:
        why = f" ({each.message})" if each.message else ""
        yield f"#   {shortened(f'{each.scope}{why}', MESSAGE_LIMIT)}"
    yield "#"


def _account(account_id: AccountId, report: Report, access: Access) -> Iterator[str]:
    name = report.account_names.get(account_id)
    called = f" ({shortened(name, NAME_LIMIT)})" if name else ""
    yield ""
    yield f"# == account {account_id}{called} =="
    entry = access.roles.get(account_id)
    if entry is None or entry.role_arn is None:
        yield "# The configuration names no role for it: the credentials at hand, or a profile."
        yield f'use_profile {account_id} "${{PROFILE_{account_id}:-}}"'
        return
    words = ["use_role", account_id, entry.role_arn, entry.role_session_name]
    if entry.external_id is None:
        yield shlex.join(words)
        return
    yield f"# Its external id is read from {shortened(entry.external_id, NAME_LIMIT)}."
    yield f"{shlex.join(words)} {reference_word(entry.external_id)}"


def reference_word(reference: str) -> str:
    """The shell's words for the value behind `env:NAME` or `file:/path`."""
    kind, _, place = reference.partition(":")
    return f'"${place}"' if kind == "env" else f'"$(cat {shlex.quote(place)})"'


def _cache(cache: CacheRepairs, name: str) -> Iterator[str]:
    shown = shortened(cache.cache.name, NAME_LIMIT)
    yield f"# cache {shown}"
    if not cache.repairs:
        yield "# What was found on it is repaired above, with a cache that has the same user group."
        return
    names = [f"{name}_{place}" for place in range(1, len(cache.repairs) + 1)]
    for repair, step in zip(cache.repairs, names, strict=True):
        yield from _repair(repair, step)
    yield f"begin {shlex.quote(shown)} && {' && '.join(names)}"
    yield 'end "$?"'


def _repair(repair: Repair, name: str) -> Iterator[str]:
    finding = repair.finding
    message = shortened(finding.message, MESSAGE_LIMIT)
    yield f"# {finding.code.value} ({finding.severity.value}): {message}"
    if repair.steps:
        yield from _comments(repair.steps)
        yield from function(name, repair.steps)
    else:
        if not repair.alternatives:
            yield "# No step of a script repairs it."
        yield f"{name}() {{ left_to_a_person {finding.code.value}; }}"
    for steps in repair.alternatives:
        yield "# Instead:" if repair.steps else "# Left to a person:"
        yield from _comments(steps)
        yield from comment_out(function(name, steps))


def _comments(steps: RepairSteps) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Comment):
            yield f"# - {step.text}"


def _functions() -> Iterator[str]:
    for file in ("accounts.sh", "steps.sh"):
        yield from resources.files(__package__).joinpath(file).read_text("utf-8").splitlines()
        yield ""


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
