"""`cachemuster audit`: show what a sweep would do now, and who could log in."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.cli.options import (
    common,
    with_any_format,
    with_common,
    with_identity_file,
    with_only,
    with_progress,
    with_shard,
)
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_path
from discovery.cli.view import view_of, with_view
from discovery.model.codes import Severity
from discovery.model.values import Scope
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit, ExitRules

if TYPE_CHECKING:
    from discovery.cli.setup import AddToReport


@click.command(name="audit")
@with_only
@with_shard
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 when a create, update or delete is pending."
)
@click.option(
    "--fail-on",
    type=click.Choice([Severity.BLOCKER.value, Severity.WARNING.value]),
    help="Exit 5 when a finding is at least this severe.",
)
@click.option(
    "--no-control-plane",
    "skip_control_plane",
    is_flag=True,
    help="Ask AWS only: scopes and IAM findings, no plan.",
)
@click.option(
    "--probe",
    "probes",
    is_flag=True,
    help="Log in to the caches whose IAM verdict is ready, from this host.",
)
@with_identity_file
@with_view
@with_progress
@with_any_format
@with_common
def command(
    only: tuple[Scope, ...],
    shard: Shard | None,
    detailed_exitcode: bool,
    fail_on: str | None,
    skip_control_plane: bool,
    probes: bool,
    identity_file: Path | None,
    summary: bool,
    full: bool,
    group_by: str | None,
    progress_interval: timedelta | None,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Show what a sweep would do, and who could log in, without writing.

    The report has the plan, the scopes that were read, and for each cache whether a person could
    log in to it with IAM, with the commands that repair what is wrong. It needs no lock and no
    state file. If the control plane does not answer, the AWS part is reported all the same. The
    agent's role may not see databases of others; an operator's identity does. With --probe it also
    has what came of a login to each cache; plan, verdict and label do not depend on it.

    \b
    Examples:
      cachemuster audit --fail-on blocker --only 111122223333
      cachemuster audit --format json --detailed-exitcode | jq .summary
      cachemuster audit --summary --group-by account
      cachemuster audit --group-by owner --format csv -o caches.csv
      cachemuster audit --format html -o caches.html
      cachemuster audit --no-control-plane --fail-on blocker
      cachemuster audit --identity-file operator.identity
      cachemuster audit --probe --fail-on blocker

    \b
    Exit: 0 done, 1 could not, 2 changes pending, 3 some scope failed,
    4 a guard would refuse, 5 findings, 64 usage, 78 configuration, 130/143
    interrupted.
    """
    from discovery.cli.reporting import emit_report, run_for_report
    from discovery.cli.setup import run_audit
    from discovery.plan.targets import ScopeFilter
    from discovery.sweep.context import SweepRequest

    shared = common()
    path = configuration_path(shared)
    if skip_control_plane and identity_file is not None:
        raise click.UsageError("--no-control-plane reads no cluster, so --identity-file has no use")
    view = view_of(
        "audit",
        summary=summary,
        full=full,
        group_by=group_by,
        output_format=output_format,
        verbose=shared.verbose,
    )
    request = SweepRequest(
        scope_filter=ScopeFilter(only=only, shard=shard),
        refresh_regions=True,
        asks_control_plane=not skip_control_plane,
    )
    with open_destination(output) as destination:
        start = partial(run_audit, path, request, identity_file=identity_file, add=_adding(probes))
        report, terminated = run_for_report(start, progress_interval)
        rules = ExitRules(
            detailed=detailed_exitcode, fail_on=Severity(fail_on) if fail_on else None
        )
        return emit_report(report, destination, output_format, view, rules, terminated=terminated)


def _adding(probes: bool) -> AddToReport | None:
    """What is added to the report; only who logs in to caches loads what that takes."""
    if not probes:
        return None
    from discovery.cli.probing import add_probes

    return add_probes
