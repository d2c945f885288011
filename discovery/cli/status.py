"""`cachemuster status`: show what the state file remembers."""

from __future__ import annotations

from pathlib import Path

import click

from discovery.cli.options import common, with_common, with_state_shard, with_status_format
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration
from discovery.cli.state_file import named_state, readable_state
from discovery.model.clock import utc_now
from discovery.plan.shard import Shard


@click.command(name="status")
@with_state_shard
@with_status_format
@with_common
def command(shard: Shard | None, output_format: str, output: Path | None) -> None:
    """Show what the state file remembers.

    That is: scopes and the age of the oldest complete scan, registrations, removals and how long
    they wait, a pause, the last sweep; and whether a service runs, since when, and when its next
    sweep is due. A page (--format html) has pictures of readiness, registrations and unread scopes
    over time. It works offline, needs no lock, and works before the first sweep.

    \b
    Examples:
      cachemuster status
      cachemuster status -v                         every scope and registration
      cachemuster status --format json | jq .last_sweep
      cachemuster status --format json | jq .service
      cachemuster status --format html -o status.html
    """
    from discovery.config.rules import build_offline_rules
    from discovery.plan.account_names import known_names
    from discovery.reports.status import Status, write_status_document
    from discovery.reports.terminal.status_table import write_status_table
    from discovery.reports.view import Format
    from state.lock import service_of
    from state.store import ReadOnlyStore

    shared = common()
    config = configuration(shared)
    place = named_state(config, shard)
    with open_destination(output) as destination, readable_state(place) as file:
        store = ReadOnlyStore(file)
        state = store.load()
        status = Status(
            state=state,
            path=str(place),
            now=utc_now(),
            account_names=known_names(build_offline_rules(config), state.account_names),
            missed_sweeps=config.deregistration.missed_sweeps,
            grace=config.deregistration.grace,
            service=service_of(place.file),
        )
        if output_format == Format.HTML:
            from discovery.reports.html.status_page import write_status_page

            sweeps = store.sweep_totals()
            destination.write(lambda stream: write_status_page(status, sweeps, stream))
            return
        destination.write_report(
            output_format,
            table=lambda stream: write_status_table(status, stream, verbose=shared.verbose),
            document=lambda stream: write_status_document(status, stream),
        )
