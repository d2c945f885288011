"""`cachemuster sweep`: make the control plane equal to the caches that exist."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

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
from discovery.cli.settings import configuration_path
from discovery.cli.view import view_of, with_view
from discovery.model.values import Scope
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit


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
@with_view
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
    summary: bool,
    full: bool,
    group_by: str | None,
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
    from discovery.cli.reporting import emit_report, run_for_report
    from discovery.cli.setup import run_audit, run_sweep
    from discovery.plan.targets import ScopeFilter
    from discovery.sweep.context import SweepRequest

    shared = common()
    path = configuration_path(shared)
    view = view_of(
        "sweep",
        summary=summary,
        full=full,
        group_by=group_by,
        output_format=output_format,
        verbose=shared.verbose,
    )
    request = SweepRequest(
        scope_filter=ScopeFilter(only=only, shard=shard),
        allow_mass_removal=allow_mass_removal,
        prune=prune,
        checksum=plan_checksum,
        rebind_state=rebind_state,
        refresh_regions=True,
    )
    with open_destination(output) as destination:
        start = run_audit if dry_run else partial(run_sweep, lock_timeout=lock_timeout)
        report, terminated = run_for_report(partial(start, path, request), progress_interval)
        return emit_report(report, destination, output_format, view, terminated=terminated)
