"""What `adopt` and `release` share: how they ask, what they do, where the answer goes."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import click

from discovery.adopt.adopt import (
    AdoptRequest,
    TransferContext,
    TransferPlan,
    apply_transfer,
    plan_adoption,
    plan_release,
)
from discovery.cli.clock import utc_now
from discovery.cli.control_planes import reading, serving_remark, writing
from discovery.cli.interruption import Interruption, run_with_signals
from discovery.cli.output import Destination
from discovery.cli.progress import progress
from discovery.cli.setup import open_context
from discovery.cli.streams import speaks_in_events, stderr_line, stderr_lines
from discovery.config.model import Config
from discovery.config.rules import build_offline_rules
from discovery.model.values import Failed, ResourceName, Scope
from discovery.plan.adoption.transfer import Handover
from discovery.reports.exit import Exit
from discovery.reports.terminal.transfer import write_transfer, write_transfer_plan
from discovery.reports.transfer import (
    TransferReport,
    transfer_exit,
    transfer_sentence,
    write_transfer_document,
)
from discovery.reports.view import Format
from discovery.sweep.result import expected_failures
from state.exclusive import locked_store
from state.lock import this_process
from state.store import load_state


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCommand:
    """One change of owner as it was asked for."""

    verb: str
    config: Config
    path: Path
    lock_timeout: timedelta
    yes: bool

    def adoption(self, wish: AdoptRequest) -> tuple[TransferPlan, TransferContext]:
        """The plan of taking over, from a fresh scan."""
        with progress() as on_progress:

            async def look(interruption: Interruption) -> tuple[TransferPlan, TransferContext]:
                async with (
                    open_context(self.config, self.path, interruption, on_progress) as context,
                    reading(self.config) as registry,
                ):
                    setting = TransferContext(
                        rules=context.rules,
                        kind=self.config.control_plane.kind,
                        simulated_aws=bool(context.cloud.endpoints),
                    )
                    prospect = await plan_adoption(
                        wish,
                        setting,
                        cloud=context.cloud,
                        registry=registry,
                        state=load_state(self.config.state.path),
                        clock=utc_now,
                        on_progress=on_progress,
                    )
                    return prospect, setting

            return run_with_signals(look)

    def release(self, name: ResourceName | None) -> tuple[TransferPlan, TransferContext, str]:
        """The plan of letting go of one, or of all of ours, and who is served no more by it."""
        rules = build_offline_rules(self.config)
        setting = TransferContext(rules=rules, kind=self.config.control_plane.kind)

        async def look(_: Interruption) -> tuple[TransferPlan, str]:
            state = load_state(self.config.state.path)
            async with reading(self.config) as registry:
                found = await plan_release(name, setting, registry=registry, state=state)
                items = found.handover.items
                changes = [(each.live, each.database) for each in items]
                pairs = [(old, new) for old, new in changes if old is not None and new is not None]
                return found, await serving_remark(registry, pairs)

        prospect, remark = run_with_signals(look)
        return prospect, setting, remark

    def report(self, prospect: TransferPlan, *, advice: tuple[str, ...] = ()) -> TransferReport:
        """The plan, to be shown."""
        expected = expected_failures(self.config)
        unread = (each for each in prospect.scopes if isinstance(each, Failed))
        return TransferReport(
            verb=self.verb,
            control_plane=f"{self.config.control_plane.kind} {prospect.identity.cluster}",
            group=self.config.group,
            transfer=prospect.handover,
            unread=tuple(
                each
                for each in unread
                if expected.isdisjoint({each.scope, Scope(each.scope.account_id, None)})
            ),
            advice=advice,
        )

    def is_agreed(self, report: TransferReport) -> bool:
        """True once a person has seen the plan and said yes. Raises: click.Abort."""
        if speaks_in_events():
            plan = io.StringIO()
            write_transfer_plan(report, plan)
            stderr_lines(plan.getvalue().splitlines())
        else:
            write_transfer_plan(report, sys.stderr)
        return self.yes or _is_yes(f"Shall cachemuster {self.verb} this?")

    def carried_out(
        self, prospect: TransferPlan, setting: TransferContext
    ) -> tuple[Handover, Exit | None]:
        """What was agreed to, done; and the exit code when a signal came meanwhile."""
        state = self.config.state.path

        async def work(interruption: Interruption) -> tuple[Handover, Exit | None]:
            holder = this_process(self.verb, utc_now())
            async with (
                locked_store(state, wait=self.lock_timeout, holder=holder) as store,
                writing(self.config) as control_plane,
            ):
                interruption.in_sweep = True
                found = await apply_transfer(
                    prospect,
                    setting,
                    control_plane=control_plane,
                    store=store,
                    clock=utc_now,
                    stop=interruption.stop,
                )
            if not interruption.stop.is_set():
                return found, None
            return found, Exit.TERMINATED if interruption.terminated else Exit.INTERRUPTED

        return run_with_signals(work)


def _is_yes(question: str) -> bool:
    """What a person answers; anything unclear is a no. Raises: click.Abort, when nothing comes."""
    # Not click.confirm: it asks by input(), which loses a Ctrl-C that comes while it flushes the
    # question, and then takes the next line for the answer.
    if speaks_in_events():
        stderr_line(f"{question} [y/N]")
    else:
        click.echo(f"{question} [y/N]: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise click.Abort
    return answer.strip().lower() in {"y", "yes"}


def confirm_and_apply(
    work: TransferCommand,
    prospect: TransferPlan,
    setting: TransferContext,
    *,
    place: Destination,
    form: Format,
    single: bool,
    advice: tuple[str, ...] = (),
) -> Exit:
    """Asked, done and reported. Raises: click.Abort, ReportLost, and what the work raises."""
    report = work.report(prospect, advice=advice)
    if single and report.unread:
        report = replace(report, unread=())  # what was refused says so itself
    interrupted = None
    if report.transfer.items and not work.is_agreed(report):
        stderr_line("Nothing was changed.")
        return Exit.FAILED
    if report.transfer.items or prospect.unfinished:
        found, interrupted = work.carried_out(prospect, setting)
        report = replace(report, transfer=found)
    if form is Format.JSON:
        place.write(lambda stream: write_transfer_document(report, stream))
    else:
        place.write(lambda stream: write_transfer(report, stream))
    if form is Format.JSON or place.path is not None:
        stderr_line(transfer_sentence(report))
    return interrupted or transfer_exit(report, single=single)
