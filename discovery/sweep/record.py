"""Record a sweep in the state file, and log the denials that began or ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import structlog

from discovery.model.codes import Action, IamVerdict
from discovery.plan.account_names import accounts_forgotten, accounts_read
from discovery.plan.episodes import SweepRef, next_episodes, next_outage, without_outage
from discovery.plan.history_entries import entries_without_plan, history_entries
from discovery.plan.next_state import next_state
from discovery.plan.plan import Plan
from discovery.plan.scan_memory import remembered_scopes, seen_caches
from discovery.reports.exit import exit_code
from discovery.reports.findings import judgements
from discovery.reports.report import Report
from discovery.sweep.result import report_of
from discovery.sweep.run import SweepRun
from state.errors import StateError
from state.records import (
    HistoryEntry,
    HistoryEvent,
    StateIdentity,
    SweepOutcome,
    SweepRecord,
    Total,
)
from state.store import Store

log = structlog.get_logger()


async def prune(run: SweepRun, store: Store) -> None:
    """Forget what is old by AWS's time, before anything new is recorded."""
    aws_time = run.finished_scan.aws_time
    if aws_time is not None:
        history, window = run.context.config.state.history, run.rules.budget.window
        await asyncio.to_thread(store.prune, aws_time, history=history, window=window)


async def record(run: SweepRun, identity: StateIdentity, store: Store) -> Report:
    """Put what the run found out and did into state, in one transaction, and report it.

    Where state is kept elsewhere too, it is put there.
    """
    report = report_of(run)
    outcome = state_update(run, report, identity)
    try:
        await asyncio.to_thread(store.record, outcome)
        await store.upload()
    except StateError as error:
        # The writes are in the journal already, so the report is still true; where it is kept
        # elsewhere too, their intents are there.
        return replace(report, error=report.error or str(error))
    log_episodes(outcome.history)
    return report


def state_update(run: SweepRun, report: Report, identity: StateIdentity) -> SweepOutcome:
    """Collect what state is to remember of a run."""
    record = SweepRecord(
        sweep_id=run.sweep_id,
        started_at=run.started_at,
        finished_at=report.finished_at,
        complete=report.complete,
        exit_code=int(exit_code(report)),
        checksum=report.checksum,
        summary=report.summary,
        totals=_totals(run, report),
    )
    if run.plan is None:
        return _update_without_plan(run, record, identity)
    return _update_with_plan(run, run.plan, record, identity)


def _totals(run: SweepRun, report: Report) -> dict[str, int] | None:
    """Count what there is at the end of a run; None for one that saw only a part of it."""
    if run.plan is None or run.request.scope_filter.only or report.interrupted:
        return None
    verdicts = judgements(report)
    made = Counter(item.action for item in report.items if item.applied)
    registered = report.guard.population + made[Action.CREATE] - made[Action.DELETE]
    return {
        Total.REGISTRATIONS: registered,
        Total.READY: verdicts[IamVerdict.READY],
        Total.NOT_READY: verdicts[IamVerdict.NOT_READY],
        Total.UNKNOWN: verdicts[IamVerdict.UNKNOWN],
        Total.SCOPES: len(report.scopes),
        Total.UNREAD_SCOPES: len(report.unread_scopes),
    }


def _update_without_plan(
    run: SweepRun, record: SweepRecord, identity: StateIdentity
) -> SweepOutcome:
    """Collect the scopes and caches of a run that ended before a plan was made."""
    before, of = run.state, SweepRef(run.sweep_id, record.finished_at)
    ongoing = dict(before.episodes)
    if run.unread_code is not None:
        ongoing = next_outage(before.episodes, run.unread_code, of.at)
    scopes = remembered_scopes(run.results, before, run.started_at)
    names = run.rules, before.account_names, run.listed_names
    return SweepOutcome(
        record=record,
        identity=identity,
        finished=False,
        scopes=scopes,
        regions_read=run.scan.regions_read if run.scan is not None else (),
        caches_seen=seen_caches(run.results, before, run.started_at),
        history=entries_without_plan(before, scopes, episodes=ongoing, of=of, error=run.error),
        episodes=ongoing,
        accounts_read=accounts_read(*names),
        accounts_forgotten=accounts_forgotten(*names),
        proven_at=run.scan.aws_time if run.scan is not None else None,
    )


def _update_with_plan(
    run: SweepRun, plan: Plan, record: SweepRecord, identity: StateIdentity
) -> SweepOutcome:
    before, observed = run.state, plan.observed
    of = SweepRef(run.sweep_id, record.finished_at)
    episodes = without_outage(before.episodes)
    if run.wrote:
        episodes = next_episodes(run.items, plan.guard, before.episodes, of.at)
    known = next_state(observed, run.items, started_at=run.started_at)
    names = run.rules, before.account_names, run.listed_names
    return SweepOutcome(
        record=record,
        identity=identity,
        matching_digest=_digest(run),
        scopes=known.scopes,
        scopes_forgotten=known.scopes_forgotten,
        regions_read=run.finished_scan.regions_read,
        caches_seen=known.caches_seen,
        caches_gone=known.caches_gone,
        registrations_forgotten=known.registrations_forgotten,
        registrations_inherited=known.registrations_inherited,
        registrations_matched=known.registrations_matched,
        pending_removals=known.pending_removals,
        taken=known.taken,
        history=history_entries(
            observed, run.items, known, episodes=episodes, guard=plan.guard, of=of
        ),
        episodes=episodes,
        accounts_read=accounts_read(*names),
        accounts_forgotten=accounts_forgotten(*names),
        proven_at=run.finished_scan.aws_time,
    )


def _digest(run: SweepRun) -> str:
    """Return the digest of the matching rules that state is to remember.

    A sweep over part of the scopes has not applied new rules to every registration, so they stay
    new until a whole one has.
    """
    if not run.request.scope_filter.only:
        return run.rules.matching_digest
    return run.state.matching_digest or ""


def log_episodes(entries: Iterable[HistoryEntry]) -> None:
    """Log each denial that began or ended; the sweeps between do not repeat it."""
    for entry in entries:
        if entry.event is HistoryEvent.WRITES_DENIED:
            log.warning("writes.denied", sweep_id=entry.sweep_id, why=entry.message)
        elif entry.event is HistoryEvent.WRITES_ALLOWED:
            log.info("writes.allowed", sweep_id=entry.sweep_id, why=entry.message)
