"""`cachemuster release`: give up ownership of databases, which stay registered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

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
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import ResourceName
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit

if TYPE_CHECKING:
    from discovery.adopt.adopt import TransferContext, TransferPlan


@click.command(name="release")
@click.argument("name", required=False)
@click.option(
    "--all", "all_databases", is_flag=True, help="Every database of this configuration's group."
)
@with_state_shard
@with_consent
@with_report
@with_common
def command(
    name: str | None,
    all_databases: bool,
    shard: Shard | None,
    identity_file: Path | None,
    yes: bool,
    lock_timeout: timedelta,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Give up ownership of database NAME; it stays registered.

    cachemuster's labels are removed from it, and state forgets it. Database Services and roles
    that select it by one of these labels lose it; the Services that do are named before you agree.

    As long as a matcher selects its cache, sweeps show it as a conflict: NAME_TAKEN_UNSEEN where
    the agent's bot is limited by labels and cannot see it, else FOREIGN. What to do about that is
    printed at the end. AWS is not asked.

    With --all it gives up every database of the group, whatever its shard or matcher: the way to
    stop using cachemuster. Stop the agent before. If it is killed halfway, run it again.

    In a cluster this needs an operator's identity (`tsh login --out=FILE`): the agent's bot may
    only write what carries its labels. Where the identity may not write, the document for
    `tctl create -f` is printed.

    \b
    Examples:
      cachemuster release orders --identity-file operator.identity
      cachemuster release --all --identity-file operator.identity
      cachemuster release orders --yes
      cachemuster release orders --format json -o released.json --yes

    \b
    Exit: 0 done, 1 refused, declined or could not, 3 some of --all could not,
    64 usage, 75 state is locked, 78 configuration, 130/143 interrupted.
    """
    from discovery.cli.transfer import TransferCommand, confirm_and_apply
    from discovery.config.control_plane import Teleport

    path = configuration_path(common())
    if (name is None) is not all_databases:
        raise click.UsageError("name one database, or give --all")
    require_consent(yes)
    config = configuration_as(path, identity_file)
    in_cluster = isinstance(config.control_plane, Teleport)
    conflict = _IN_CLUSTER if in_cluster else "conflict/FOREIGN"
    named_state(config, shard)
    transfer = TransferCommand(
        verb="release", config=config, path=path, lock_timeout=lock_timeout, yes=yes, shard=shard
    )
    with open_destination(output) as destination:
        plan, context, remark = transfer.plan_release(ResourceName(name) if name else None)
        if identity_file is None and in_cluster and plan.transfer.items:
            stderr_line(_DENIED_TO_THE_BOT)
        if remark:
            stderr_line(f"{remark}.")
        return confirm_and_apply(
            transfer,
            plan,
            context,
            destination=destination,
            output_format=output_format,
            single=bool(name),
            advice=_advice_of_all(conflict) if all_databases else _advice(plan, context, conflict),
        )


_DENIED_TO_THE_BOT = (
    "This acts as the agent's own bot. With the role that cachemuster prints, Teleport denies it: "
    "the bot may not take off the labels by which it sees a database. Name an operator's identity "
    "with --identity-file FILE (tsh login --out=FILE --format=file)."
)


_IN_CLUSTER = "conflict/NAME_TAKEN_UNSEEN (conflict/FOREIGN where the bot may see every database)"
"""How sweeps show a released database whose cache matches."""


def _advice_of_all(conflict: str) -> tuple[str, ...]:
    return (
        "No sweep writes to them any more. An agent that still runs would show each as "
        f"{conflict}, and register caches that are new: stop it for good.",
    )


def _advice(plan: TransferPlan, context: TransferContext, conflict: str) -> tuple[str, ...]:
    """What happens to the released database, and how to keep its cache from matching."""
    from discovery.plan.adoption.release import keep_unwanted

    caches = [parse_cache_arn(item.arn or "") for item in plan.transfer.items]
    return tuple(
        line
        for cache in caches
        if cache is not None
        for line in (
            f"The next sweep shows it as {conflict} for as long as its cache is wanted.",
            *keep_unwanted(cache, context.rules.matchers),
        )
    )
