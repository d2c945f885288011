"""`cachemuster sweep`: make the control plane equal to the caches that exist."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.cli.options import (
    checksum,
    common,
    with_common,
    with_lock_timeout,
    with_only,
    with_progress,
    with_report,
    with_shard,
)
from discovery.cli.output import open_destination
from discovery.cli.progress import progress
from discovery.cli.settings import configuration_path
from discovery.model.values import Scope
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit
from discovery.reports.view import Format, View

if TYPE_CHECKING:
    from discovery.cli.interruption import Interruption
    from discovery.reports.report import Report


@click.command(name="sweep")
@click.option("--dry-run", is_flag=True, help="Show the plan; write nothing.")
@with_only
@click.option(
    "--allow-mass-removal",
    type=click.IntRange(min=1),
    metavar="N",
    help="For this sweep, up to N removals pass the guard.",
)
@click.option(
    "--checksum",
    "plan_checksum",
    type=checksum,
    metavar="HEX",
    help="Apply only the plan with this checksum; else exit 4.",
)
@click.option("--prune", is_flag=True, help="Also remove what is no longer configured.")
@click.option(
    "--rebind-state", is_flag=True, help="Use a state file that belongs to another setup."
)
@with_shard
@with_lock_timeout
@with_progress
@with_report
@with_common
def command(
    dry_run: bool,
    only: tuple[Scope, ...],
    allow_mass_removal: int | None,
    plan_checksum: str | None,
    prune: bool,
    rebind_state: bool,
    shard: Shard | None,
    lock_timeout: timedelta,
    progress_interval: timedelta | None,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Run one sweep: scan, plan, apply, remember.

    What cannot be read is left as it is. A removal needs time, proof and a budget; a mass removal
    is refused.

    \b
    Examples:
      cachemuster sweep --dry-run
      cachemuster sweep --only 111122223333/eu-west-1
      cachemuster sweep --format json -o report.json

    \b
    Exit: 0 done, 1 could not, 3 some scope or item failed, 4 a guard refused,
    64 usage, 75 state is locked, 78 configuration, 130/143 interrupted.
    """
    from discovery.cli.interruption import run_with_signals
    from discovery.cli.reporting import ReportOutput
    from discovery.cli.setup import run_audit, run_sweep
    from discovery.plan.targets import ScopeFilter
    from discovery.sweep.context import SweepRequest

    shared = common()
    path = configuration_path(shared)
    request = SweepRequest(
        part=ScopeFilter(only=only, shard=shard),
        allow_mass_removal=allow_mass_removal,
        prune=prune,
        checksum=plan_checksum,
        rebind_state=rebind_state,
        refresh_regions=True,
    )
    with open_destination(output) as destination:
        with progress(progress_interval) as on_progress:

            async def work(interruption: Interruption) -> tuple[Report, bool]:
                if dry_run:
                    report = await run_audit(path, request, interruption, on_progress)
                else:
                    report = await run_sweep(
                        path, request, interruption, on_progress, lock_timeout=lock_timeout
                    )
                return report, interruption.terminated

            report, terminated = run_with_signals(work)
        view = View(title="sweep", findings=False, verbose=shared.verbose)
        report_output = ReportOutput(
            destination=destination, output_format=Format(output_format), view=view
        )
        return report_output.emit_report(report, terminated=terminated)
