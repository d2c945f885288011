"""`cachemuster history`: show what appeared, changed, was missed and came back, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from discovery.cli.options import (
    common,
    duration,
    with_common,
    with_history_format,
    with_state_shard,
)
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration
from discovery.cli.state_file import named_state, readable_state
from discovery.cli.streams import stderr_line
from discovery.model.clock import utc_now
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit

if TYPE_CHECKING:
    from state.records import HistoryEntry


@click.command(name="history")
@click.option("--cache", metavar="CACHE", help="Only this one: its name, registered name or ARN.")
@click.option(
    "--since", type=duration, metavar="DURATION", help="Only the last 30m, 12h, 7d …; else all."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many entries the table shows, the newest; json and csv have all.",
)
@with_state_shard
@with_history_format
@with_common
def command(
    cache: str | None,
    since: timedelta | None,
    limit: int,
    shard: Shard | None,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Show what changed, newest first, with who did it and why.

    Entries are: registered, updated (with old and new values) and removed; appeared, missed and
    came back; refusals, unread scopes and pauses with their start and end. It reads the state file
    only, and needs no lock.

    \b
    Examples:
      cachemuster history --since 7d
      cachemuster history --cache orders
      cachemuster history --format json | jq '.entries[] | .message'
      cachemuster history --since 90d --format csv -o history.csv

    \b
    Exit: 0 shown, 1 nothing by that name is remembered, 78 configuration.
    """
    from discovery.config.rules import build_offline_rules
    from discovery.explain import is_remembered
    from discovery.plan.account_names import known_names
    from discovery.reports.history import is_about
    from state.store import ReadOnlyStore

    config = configuration(common())
    place = named_state(config, shard)
    with open_destination(output) as destination, readable_state(place) as file:
        store = ReadOnlyStore(file)
        found = store.history(since=_start(since))
        entries = [entry for entry in found if cache is None or is_about(entry, cache)]
        names = known_names(build_offline_rules(config), store.account_names())
        destination.write(lambda stream: _write(output_format, entries, names, limit, stream))
        if cache is None or entries:
            return Exit.DONE
        is_known = is_remembered(cache, store.load()) or any(
            is_about(entry, cache) for entry in store.history()
        )
        stderr_line(
            f"{'Nothing so recent' if is_known else 'Nothing'} is remembered of {cache!r} in "
            f"{place}. `cachemuster history` without --cache shows all; `cachemuster audit --full` "
            "shows what AWS lists now."
        )
        return Exit.DONE if is_known else Exit.FAILED


def _write(
    output_format: str,
    entries: Sequence[HistoryEntry],
    account_names: Mapping[str, str],
    limit: int,
    stream: TextIO,
) -> None:
    from discovery.reports.history import write_history_csv, write_history_document
    from discovery.reports.terminal.history import write_history_table

    if output_format == "json":
        write_history_document(entries, account_names, stream)
    elif output_format == "csv":
        write_history_csv(entries, account_names, stream)
    else:
        write_history_table(entries, account_names, stream, limit=limit)


def _start(since: timedelta | None) -> datetime | None:
    """Time to begin at; None for all, also for a span that reaches back before the calendar."""
    if since is None:
        return None
    try:
        return utc_now() - since
    except OverflowError:
        return None
