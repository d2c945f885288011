"""Build the report of a sweep or audit, also of one that ended early."""

from __future__ import annotations

from datetime import UTC

from discovery.config.model import Config
from discovery.model.values import AccountId, Region, Scope
from discovery.plan.item import checksum_of
from discovery.plan.removal_guard import GuardVerdict
from discovery.plan.scan_memory import remembered_scopes
from discovery.reports.report import Report
from discovery.sweep.run import SweepRun


def report_of(run: SweepRun) -> Report:
    """Build the report of a run from what it has found out."""
    plan = run.plan
    failing = remembered_scopes(run.results, run.state, run.started_at)
    return Report(
        sweep_id=run.sweep_id,
        agent=run.context.agent,
        started_at=run.started_at,
        finished_at=run.context.clock(),
        dry_run=run.dry_run,
        checksum=plan.checksum if plan is not None else checksum_of(()),
        endpoints=dict(run.context.cloud.endpoints),
        scopes=run.results,
        items=run.items,
        guard=plan.guard if plan is not None else _guard_not_asked(run),
        account_names=run.account_names,
        failing_since={
            each.scope: each.failing_since for each in failing if each.failing_since is not None
        },
        expected_failures=expected_failures(run.context.config),
        error=run.error,
        plan_changed=run.plan_changed,
        interrupted=run.interrupted,
        paused_until=run.paused_until,
        stop_message=_stop_message(run),
    )


def _stop_message(run: SweepRun) -> str:
    if run.interrupted:
        return "interrupted; what was not done yet stays as it was"
    if run.paused_until is None:
        return ""
    until = f"paused until {run.paused_until.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    what = (
        "before that a sweep scans and remembers, but writes nothing"
        if run.dry_run
        else "nothing was written; what was scanned is remembered, and misses go on counting"
    )
    return f"{until}: {what}. `cachemuster resume` ends the pause"


def _guard_not_asked(run: SweepRun) -> GuardVerdict:
    why = "what is registered was not read" if run.items else "there is no plan"
    return GuardVerdict(
        refused=False,
        code=None,
        removals=0,
        population=0,
        limit=0,
        window=run.rules.budget.window,
        message=f"not asked: {why}",
    )


def expected_failures(config: Config) -> frozenset[Scope]:
    """Parse `aws.expected_failures` into scopes.

    One without a region is the whole account, one of account `*` that region of every account.
    """
    parts = (entry.partition("/") for entry in config.aws.expected_failures)
    return frozenset(
        Scope(AccountId(account), Region(region) if region else None)
        for account, _, region in parts
    )
