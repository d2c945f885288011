"""`cachemuster adopt`: take over databases that something else registered for a cache."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from discovery.cli.options import (
    common,
    require_consent,
    with_common,
    with_consent,
    with_report,
    with_state_shard,
)
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_as, configuration_path
from discovery.cli.state_file import named_state
from discovery.cli.streams import stderr_line
from discovery.model.values import ResourceName
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit


@click.command(name="adopt")
@click.argument("name", required=False)
@click.option(
    "--all", "all_databases", is_flag=True, help="Every database that belongs to a cache."
)
@click.option("--from-group", metavar="GROUP", help="Take over from this group, not from no group.")
@with_state_shard
@with_consent
@with_report
@with_common
def command(
    name: str | None,
    all_databases: bool,
    from_group: str | None,
    shard: Shard | None,
    identity_file: Path | None,
    yes: bool,
    lock_timeout: timedelta,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Take over database NAME, so that sweeps keep it equal to its cache.

    A fresh scan finds the cache. Refused are: the URI of another cache, a name that the next sweep
    would change, a cache that no matcher selects. You see every change before it is made. Where
    the origin label changes, the database is deleted and created again. Nothing else is removed;
    settings that cachemuster does not manage are kept.

    A database of the agent's own group that is held as INHERITED, or in conflict as RESTORED,
    becomes this agent's own, whether a matcher selects its cache or not: nothing is written to the
    control plane, and a sweep may remove it once enough sweeps have missed its cache.

    In a cluster this needs an operator's identity (`tsh login --out=FILE`): the agent's bot sees
    only databases with its own labels. Where the identity may not write, the document for
    `tctl create -f` is printed.

    \b
    Examples:
      cachemuster adopt orders --identity-file operator.identity
      cachemuster adopt --all --identity-file operator.identity
      cachemuster adopt --all --from-group staging --yes --format json

    \b
    Exit: 0 done, 1 refused, declined or could not, 3 some of --all could not,
    64 usage, 75 state is locked, 78 configuration, 130/143 interrupted.
    """
    from discovery.adopt.adopt import AdoptRequest
    from discovery.cli.transfer import TransferCommand, confirm_and_apply
    from discovery.config.control_plane import Teleport

    path = configuration_path(common())
    if (name is None) is not all_databases:
        raise click.UsageError("name one database, or give --all")
    require_consent(yes)
    config = configuration_as(path, identity_file)
    if from_group == config.group:
        raise click.UsageError(f"--from-group {from_group} is the group of this configuration")
    request = AdoptRequest(name=ResourceName(name) if name else None, from_group=from_group)
    named_state(config, shard)
    transfer = TransferCommand(
        verb="adopt", config=config, path=path, lock_timeout=lock_timeout, yes=yes, shard=shard
    )
    with open_destination(output) as destination:
        plan, context = transfer.plan_adoption(request)
        is_bot_restricted = identity_file is None and isinstance(config.control_plane, Teleport)
        if is_bot_restricted and not plan.transfer.items:
            stderr_line(
                "Only what the agent's own identity sees was looked at, and a bot limited by "
                "labels sees nothing foreign. Name an operator's with --identity-file."
            )
        return confirm_and_apply(
            transfer,
            plan,
            context,
            destination=destination,
            output_format=output_format,
            single=bool(name),
        )
