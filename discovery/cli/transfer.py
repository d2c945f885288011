"""Plan, confirm and apply a change of owner, for `adopt` and `release`."""

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
from discovery.cli.control_planes import describe_lost_service, open_reader, open_writer
from discovery.cli.interruption import Interruption, run_with_signals
from discovery.cli.output import Destination
from discovery.cli.progress import progress
from discovery.cli.setup import open_context
from discovery.cli.state_file import (
    state_place,
    with_readable_state,
    with_state_file,
    writable_state,
)
from discovery.cli.streams import is_events_only, stderr_line, stderr_lines
from discovery.config.model import Config
from discovery.config.rules import build_offline_rules
from discovery.model.clock import utc_now
from discovery.model.values import Failed, ResourceName, Scope
from discovery.plan.adoption.transfer import Transfer
from discovery.plan.shard import Shard
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
from state.lock import this_process
from state.store import load_state


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCommand:
    """One `adopt` or `release` as it was asked for."""

    verb: str
    config: Config
    path: Path
    lock_timeout: timedelta
    yes: bool
    shard: Shard | None = None

    def plan_adoption(self, request: AdoptRequest) -> tuple[TransferPlan, TransferContext]:
        """Plan the adoption from a fresh scan."""
        with progress() as on_progress:

            async def make_plan(interruption: Interruption) -> tuple[TransferPlan, TransferContext]:
                async with (
                    open_context(self.config, self.path, interruption, on_progress) as context,
                    with_readable_state(self.config, self.shard) as config,
                    open_reader(config) as registry,
                ):
                    transfer_context = TransferContext(
                        rules=context.rules,
                        kind=self.config.control_plane.kind,
                        simulated_aws=bool(context.cloud.endpoints),
                    )
                    plan = await plan_adoption(
                        request,
                        transfer_context,
                        cloud=context.cloud,
                        registry=registry,
                        state=load_state(config.state.path),
                        clock=utc_now,
                        on_progress=on_progress,
                    )
                    return plan, transfer_context

            return run_with_signals(make_plan)

    def plan_release(self, name: ResourceName | None) -> tuple[TransferPlan, TransferContext, str]:
        """Plan the release of one database, or of all of ours.

        Returns: The plan, its context, and who is no longer served by it.
        """
        rules = build_offline_rules(self.config)
        transfer_context = TransferContext(rules=rules, kind=self.config.control_plane.kind)

        async def make_plan(_: Interruption) -> tuple[TransferPlan, str]:
            async with (
                with_readable_state(self.config, self.shard) as config,
                open_reader(config) as registry,
            ):
                state = load_state(config.state.path)
                found = await plan_release(name, transfer_context, registry=registry, state=state)
                items = found.transfer.items
                changes = [(each.live, each.database) for each in items]
                pairs = [(old, new) for old, new in changes if old is not None and new is not None]
                return found, await describe_lost_service(registry, pairs)

        plan, remark = run_with_signals(make_plan)
        return plan, transfer_context, remark

    def report(self, plan: TransferPlan, *, advice: tuple[str, ...] = ()) -> TransferReport:
        """Describe the plan for people."""
        expected = expected_failures(self.config)
        unread = (each for each in plan.scopes if isinstance(each, Failed))
        return TransferReport(
            verb=self.verb,
            control_plane=f"{self.config.control_plane.kind} {plan.identity.cluster}",
            group=self.config.group,
            transfer=plan.transfer,
            unread=tuple(
                each
                for each in unread
                if expected.isdisjoint({each.scope, Scope(each.scope.account_id, None)})
            ),
            advice=advice,
        )

    def ask_consent(self, report: TransferReport) -> bool:
        """Show the plan and ask for a yes, unless given. Raises: click.Abort."""
        if is_events_only():
            plan = io.StringIO()
            write_transfer_plan(report, plan)
            stderr_lines(plan.getvalue().splitlines())
        else:
            write_transfer_plan(report, sys.stderr)
        return self.yes or _read_yes(f"Shall cachemuster {self.verb} this?")

    def apply(
        self, plan: TransferPlan, transfer_context: TransferContext
    ) -> tuple[Transfer, Exit | None]:
        """Apply the plan; returns its result, and the exit code when a signal came meanwhile."""
        place = state_place(self.config, self.shard)

        async def work(interruption: Interruption) -> tuple[Transfer, Exit | None]:
            holder = this_process(self.verb, utc_now())
            async with (
                writable_state(place, wait=self.lock_timeout, holder=holder) as store,
                open_writer(with_state_file(self.config, place.file)) as control_plane,
            ):
                interruption.in_sweep = True
                found = await apply_transfer(
                    plan,
                    transfer_context,
                    control_plane=control_plane,
                    store=store,
                    clock=utc_now,
                    stop=interruption.stop,
                )
            if not interruption.stop.is_set():
                return found, None
            return found, Exit.TERMINATED if interruption.terminated else Exit.INTERRUPTED

        return run_with_signals(work)


def _read_yes(question: str) -> bool:
    """Read the answer; anything unclear is a no. Raises: click.Abort at the end of input."""
    # Not click.confirm: it asks by input(), which loses a Ctrl-C that comes while it flushes the
    # question, and then takes the next line for the answer.
    if is_events_only():
        stderr_line(f"{question} [y/N]")
    else:
        click.echo(f"{question} [y/N]: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise click.Abort
    return answer.strip().lower() in {"y", "yes"}


def confirm_and_apply(
    work: TransferCommand,
    plan: TransferPlan,
    transfer_context: TransferContext,
    *,
    destination: Destination,
    output_format: str,
    single: bool,
    advice: tuple[str, ...] = (),
) -> Exit:
    """Ask, apply and report a transfer; returns the exit code.

    Raises: click.Abort, OutputLost, and what applying raises.
    """
    report = work.report(plan, advice=advice)
    if single and report.unread:
        report = replace(report, unread=())  # what was refused says so itself
    interrupted = None
    if report.transfer.items and not work.ask_consent(report):
        stderr_line("Nothing was changed.")
        return Exit.FAILED
    if report.transfer.items or plan.unfinished:
        found, interrupted = work.apply(plan, transfer_context)
        report = replace(report, transfer=found)
    destination.write_report(
        output_format,
        table=lambda stream: write_transfer(report, stream),
        document=lambda stream: write_transfer_document(report, stream),
    )
    if output_format == Format.JSON or destination.path is not None:
        stderr_line(transfer_sentence(report))
    return interrupted or transfer_exit(report, single=single)
