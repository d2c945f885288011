"""`cachemuster status`: what is remembered, without asking anybody."""

from __future__ import annotations

from pathlib import Path

import click

from discovery.cli.clock import utc_now
from discovery.cli.options import common, with_common, with_report
from discovery.cli.output import destination
from discovery.cli.settings import configuration
from discovery.reports.view import Format


@click.command(name="status")
@with_report
@with_common
def command(form: str, output: Path | None) -> None:
    """Show what state remembers: scopes and how old the oldest complete scan is, registrations,
    removals and how long they wait, a pause, the last sweep.

    Reads the state file only; asks no network, needs no lock, and works before the first sweep.

    \b
    Examples:
      cachemuster status
      cachemuster status -v                         every scope and registration
      cachemuster status --format json | jq .last_sweep
    """
    from discovery.reports.status import Status, write_status_document
    from discovery.reports.terminal.status_table import write_status_table
    from state.store import load_state

    shared = common()
    config = configuration(shared)
    with destination(output) as place:
        status = Status(
            state=load_state(config.state.path),
            path=config.state.path,
            now=utc_now(),
            missed_sweeps=config.deregistration.missed_sweeps,
            grace=config.deregistration.grace,
        )
        if form == Format.JSON:
            place.write(lambda stream: write_status_document(status, stream))
        else:
            place.write(lambda stream: write_status_table(status, stream, verbose=shared.verbose))
