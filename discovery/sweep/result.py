"""How a sweep ends: its report, and what state is to remember of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from discovery.config.model import Config
from discovery.model.agent import Agent
from discovery.model.values import AccountId, Region, Scanned, Scope
from discovery.plan.episodes import SweepRef, next_episodes, next_outage, without_outage
from discovery.plan.history_entries import entries_without_plan, history_entries
from discovery.plan.item import Item, checksum_of
from discovery.plan.next_state import next_state
from discovery.plan.plan import Plan
from discovery.plan.removal_guard import GuardVerdict
from discovery.plan.rules import Rules
from discovery.plan.scan_memory import scope_memories, seen_caches
from discovery.reports.exit import exit_code
from discovery.reports.report import Report
from state.records import (
    RememberedRegions,
    RememberedState,
    StateIdentity,
    SweepOutcome,
    SweepRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What a sweep found out and did, as far as it came."""

    sweep_id: str
    agent: Agent
    started_at: datetime
    finished_at: datetime
    dry_run: bool
    results: tuple[Scanned, ...]
    regions_read: tuple[RememberedRegions, ...]
    plan: Plan | None
    """None: it never came to a plan."""
    items: tuple[Item, ...]
    memory: RememberedState
    """As the plan saw it."""
    rules: Rules
    whole: bool
    """False when it was about a part of the scopes only."""
    unread_code: str | None = None
    """The code of the error that kept the control plane unread; None when it was read."""
    wrote: bool = False
    """True when it came to its writes, be they none; False when it was paused or ended before."""
    proven_at: datetime | None = None
    """The latest time that AWS's answers gave; None: none answered."""
    error: str | None = None
    interrupted: bool = False
    plan_changed: bool = False
    paused_until: datetime | None = None
    """Until when `cachemuster pause` keeps this sweep, or the one that an audit foretells, from
    writing; None when it does not."""


def report_of(result: SweepResult, config: Config, endpoints: dict[str, str]) -> Report:
    """The report of a sweep as far as it came."""
    failing = scope_memories(result.results, result.memory, result.started_at)
    return Report(
        sweep_id=result.sweep_id,
        agent=result.agent,
        started_at=result.started_at,
        finished_at=result.finished_at,
        dry_run=result.dry_run,
        checksum=result.plan.checksum if result.plan is not None else checksum_of(()),
        endpoints=endpoints,
        scopes=result.results,
        items=result.items,
        guard=result.plan.guard if result.plan is not None else _unasked(result),
        failing_since={
            each.scope: each.failing_since for each in failing if each.failing_since is not None
        },
        expected_failures=expected_failures(config),
        error=result.error,
        plan_changed=result.plan_changed,
        interrupted=result.interrupted,
        paused_until=result.paused_until,
        stop_message=_stop_message(result),
    )


def _stop_message(result: SweepResult) -> str:
    if result.interrupted:
        return "interrupted; what was not done yet stays as it was"
    if result.paused_until is None:
        return ""
    until = f"paused until {result.paused_until.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    what = (
        "before that a sweep scans and remembers, but writes nothing"
        if result.dry_run
        else "nothing was written; what was scanned is remembered, and misses go on counting"
    )
    return f"{until}: {what}. `cachemuster resume` ends the pause"


def _unasked(result: SweepResult) -> GuardVerdict:
    why = "what is registered was not read" if result.items else "there is no plan"
    return GuardVerdict(
        refused=False,
        code=None,
        removals=0,
        population=0,
        limit=0,
        window=result.rules.budget.window,
        message=f"not asked: {why}",
    )


def state_update(result: SweepResult, report: Report, identity: StateIdentity) -> SweepOutcome:
    """What state is to remember of a sweep. One without a plan leaves its scopes and caches."""
    memory = result.memory
    of = SweepRef(result.sweep_id, result.finished_at)
    record = SweepRecord(
        sweep_id=result.sweep_id,
        started_at=result.started_at,
        finished_at=result.finished_at,
        complete=report.complete,
        exit_code=int(exit_code(report)),
        checksum=report.checksum,
        summary=report.summary,
    )
    if result.plan is None:
        ongoing = dict(memory.episodes)
        if result.unread_code is not None:
            ongoing = next_outage(memory.episodes, result.unread_code, of.at)
        scopes = scope_memories(result.results, memory, result.started_at)
        return SweepOutcome(
            record=record,
            identity=identity,
            finished=False,
            scopes=scopes,
            regions_read=result.regions_read,
            caches_seen=seen_caches(result.results, memory, result.started_at),
            history=entries_without_plan(
                memory, scopes, episodes=ongoing, of=of, error=result.error
            ),
            episodes=ongoing,
            proven_at=result.proven_at,
        )
    episodes = without_outage(memory.episodes)
    if result.wrote:
        episodes = next_episodes(result.items, result.plan.guard, memory.episodes, of.at)
    known = next_state(result.plan.observed, result.items, started_at=result.started_at)
    return SweepOutcome(
        record=record,
        identity=identity,
        matching_digest=_digest(result),
        scopes=known.scopes,
        scopes_forgotten=known.scopes_forgotten,
        regions_read=result.regions_read,
        caches_seen=known.caches_seen,
        caches_gone=known.caches_gone,
        registrations_forgotten=known.registrations_forgotten,
        registrations_inherited=known.registrations_inherited,
        registrations_matched=known.registrations_matched,
        misses=known.misses,
        taken=known.taken,
        history=history_entries(
            result.plan.observed,
            result.items,
            known,
            episodes=episodes,
            guard=result.plan.guard,
            of=of,
        ),
        episodes=episodes,
        proven_at=result.proven_at,
    )


def _digest(result: SweepResult) -> str:
    """The digest to remember: a sweep over a part has not judged every registration by the new
    rules, so they stay new until a whole one has."""
    if result.whole:
        return result.rules.matching_digest
    return result.memory.matching_digest or ""


def expected_failures(config: Config) -> frozenset[Scope]:
    """The scopes of `aws.expected_failures`; one without a region is the whole account,
    one of account `*` that region of every account."""
    parts = (entry.partition("/") for entry in config.aws.expected_failures)
    return frozenset(
        Scope(AccountId(account), Region(region) if region else None)
        for account, _, region in parts
    )
