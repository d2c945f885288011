"""`cachemuster release`: lets go of a database, which stays registered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from discovery.adopt import Prospect, Setting
from discovery.cli.handover import (
    Errand,
    configuration_as,
    require_somebody,
    settle,
    with_consent,
)
from discovery.cli.options import common, with_common, with_report
from discovery.cli.output import destination
from discovery.cli.settings import configuration_path
from discovery.enrollment.ownership import parse_cache_arn
from discovery.enrollment.release import keep_unwanted
from discovery.model import ResourceName
from discovery.reports.exit import Exit
from discovery.reports.formats import Format


@click.command(name="release", short_help="Let go of a database; it stays registered.")
@click.argument("name")
@with_consent
@with_report
@with_common
def command(
    name: str,
    identity_file: Path | None,
    yes: bool,
    lock_timeout: timedelta,
    form: str,
    output: Path | None,
) -> Exit:
    """Let go of database NAME: the labels that make it cachemuster's go, the database itself
    stays registered and works, and state forgets it.

    As long as its cache is wanted, sweeps show it as conflict/FOREIGN; what to do about that is
    printed at the end. AWS is not asked.

    In a cluster this needs an operator's identity (`tsh login --out=FILE`): the agent's bot may
    only write what carries its labels. Where the identity may not write, the document for
    `tctl create -f` is printed.

    \b
    Examples:
      cachemuster release orders --identity-file operator.identity
      cachemuster release orders --yes
      cachemuster release orders --format json -o released.json --yes

    \b
    Exit: 0 done, 1 refused, declined or could not, 64 usage, 75 state is locked,
    78 configuration, 130/143 interrupted.
    """
    path = configuration_path(common())
    require_somebody(yes)
    config = configuration_as(path, identity_file)
    errand = Errand(verb="release", config=config, path=path, lock_timeout=lock_timeout, yes=yes)
    with destination(output) as place:
        prospect, setting = errand.release(ResourceName(name))
        return settle(
            errand,
            prospect,
            setting,
            place=place,
            form=Format(form),
            single=True,
            advice=_advice(prospect, setting),
        )


def _advice(prospect: Prospect, setting: Setting) -> tuple[str, ...]:
    """What becomes of the released database, and how its cache is kept from being wanted."""
    caches = [parse_cache_arn(item.arn or "") for item in prospect.handover.items]
    return tuple(
        line
        for cache in caches
        if cache is not None
        for line in (
            "The next sweep shows it as conflict/FOREIGN for as long as its cache is wanted.",
            *keep_unwanted(cache, setting.rules.matchers),
        )
    )
