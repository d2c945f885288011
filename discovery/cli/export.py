"""`cachemuster export`: print resources as YAML for `tctl create -f`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common, with_only, with_output
from discovery.cli.output import Destination, open_destination
from discovery.cli.settings import configuration_path
from discovery.cli.streams import stderr_line
from discovery.model.codes import Action
from discovery.model.values import Database, Scope
from discovery.reports.exit import Exit, exit_code

if TYPE_CHECKING:
    from discovery.reports.report import Report

_REGISTERED_AFTER = frozenset(
    {Action.CREATE, Action.UPDATE, Action.KEEP, Action.HELD, Action.BLOCKED}
)
"""Actions after which the item's database, if it has one, is registered."""


@click.command(name="export")
@click.option("--registered", "registered_only", is_flag=True, help="What is registered; no scan.")
@with_only
@with_output
@with_common
def command(registered_only: bool, only: tuple[Scope, ...], output: Path | None) -> Exit:
    """Print what should be registered, from a fresh scan, as YAML for `tctl create -f`.

    External ids of connect roles are printed in clear, because the resources do not work without
    them; stderr says so, and a file of -o is then readable by its owner only (mode 0600).

    \b
    Examples:
      cachemuster export > databases.yaml
      cachemuster export --only 111122223333 | tctl create -f
      cachemuster export --registered -o registered.yaml

    \b
    Exit: 0 done, 1 could not, 3 some scope failed, 4 a guard would refuse,
    64 usage, 78 configuration, 130/143 interrupted.
    """
    import asyncio

    from discovery.cli.reporting import run_for_report
    from discovery.cli.setup import list_our_databases, run_audit
    from discovery.plan.targets import ScopeFilter
    from discovery.reports.summary import sentence
    from discovery.sweep.context import SweepRequest

    path = configuration_path(common())
    scope_filter = ScopeFilter(only=only)
    with open_destination(output) as destination:
        if registered_only:
            databases = asyncio.run(list_our_databases(path, scope_filter))
            _write(databases, destination)
            return Exit.DONE
        request = SweepRequest(scope_filter=scope_filter, refresh_regions=True)
        report, terminated = run_for_report(partial(run_audit, path, request))
        code = exit_code(report, terminated=terminated)
        if code in (Exit.FAILED, Exit.INTERRUPTED, Exit.TERMINATED):
            stderr_line(f"{report.error or report.stop_message}. Nothing was exported.")
            return code
        _write(_registered_after(report), destination)
        stderr_line(sentence(report))
        return code


def _registered_after(report: Report) -> tuple[Database, ...]:
    """Databases that are registered once the plan is applied."""
    return tuple(
        item.database
        for item in report.items
        if item.action in _REGISTERED_AFTER and item.database is not None
    )


def _write(databases: tuple[Database, ...], destination: Destination) -> None:
    from discovery.reports.summary import counted
    from discovery.reports.tctl import external_ids, write_resources

    secrets = external_ids(databases)
    if secrets:
        kept = counted(secrets, "resource holds its", "resources hold their")
        stderr_line(f"{kept} connect external id in clear. Keep the output as you keep a password.")
    destination.write(lambda stream: write_resources(databases, stream), holds_secret=secrets > 0)
    stderr_line(f"{counted(len(databases), 'database')} exported.")
