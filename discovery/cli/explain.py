"""`cachemuster explain`: say why one cache is or is not registered."""

from __future__ import annotations

from pathlib import Path

import click

from discovery.cli.options import common, with_common, with_report, with_state_shard
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration
from discovery.cli.state_file import named_state, readable_state
from discovery.cli.streams import stderr_line
from discovery.model.clock import utc_now
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit


@click.command(name="explain")
@click.argument("cache")
@with_state_shard
@with_report
@with_common
def command(cache: str, shard: Shard | None, output_format: str, output: Path | None) -> Exit:
    """Say why CACHE, by its name, registered name or ARN, is or is not registered.

    It shows where and when the cache was found, the result of each matcher, whether a person could
    log in with IAM, its registration, the last action and its reason, what the next sweep does if
    nothing has changed, and what a role needs to connect. It reads the state file only.

    \b
    Examples:
      cachemuster explain orders
      cachemuster explain orders-elasticache-serverless-eu-west-1-111122223333
      cachemuster explain orders --format json | jq '.caches[].next'

    \b
    Exit: 0 explained, 1 nothing by that name is remembered.
    """
    from discovery.config.rules import build_offline_rules
    from discovery.explain import explanations
    from discovery.reports.explanation import write_explanation_document
    from discovery.reports.terminal.explanation import write_explanations
    from state.store import ReadOnlyStore

    config = configuration(common())
    place = named_state(config, shard)
    with open_destination(output) as destination, readable_state(place) as file:
        store = ReadOnlyStore(file)
        found = explanations(cache, store, build_offline_rules(config), utc_now())
        if not found:
            stderr_line(
                f"Nothing named {cache!r} is remembered in {place}. "
                "`cachemuster audit --full` shows what AWS lists now, "
                f"`cachemuster history --cache {cache}` what there was."
            )
            return Exit.FAILED
        destination.write_report(
            output_format,
            table=lambda stream: write_explanations(found, stream),
            document=lambda stream: write_explanation_document(found, stream),
        )
        return Exit.DONE
