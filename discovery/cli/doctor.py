"""`cachemuster doctor`: show what the agent may do, and what is missing."""

from __future__ import annotations

from pathlib import Path

import click

from discovery.cli.options import common, with_common, with_only, with_report, with_shard
from discovery.cli.output import open_destination
from discovery.cli.progress import progress
from discovery.cli.settings import configuration_path
from discovery.cli.streams import stderr_line
from discovery.model.values import Scope
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit
from discovery.reports.view import Format


@click.command(name="doctor")
@with_only
@with_shard
@click.option("--notify", is_flag=True, help="Send a test to each webhook of service.notify.")
@with_report
@with_common
def command(
    only: tuple[Scope, ...],
    shard: Shard | None,
    notify: bool,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Try everything that a sweep needs; say what is missing and how to grant it.

    It tries the credentials, every role, every permission in every region by a call that only
    reads, the organization, this machine's clock, the queue of change events, the control plane by
    writes to a name that does not exist, the state file, and whether every secret of the
    configuration is where it is said to be. Nothing is created, changed or removed, and no lock is
    needed. People are told nothing, unless --notify asks for a test.

    \b
    Examples:
      cachemuster doctor
      cachemuster doctor --only 111122223333/eu-west-1 -v
      cachemuster doctor --notify
      cachemuster doctor --format json | jq '.checks[] | .statement'

    \b
    Exit: 0 nothing fails, 1 something does, 64 usage, 78 configuration.
    """
    import asyncio

    from discovery.cli.checks import run_checks
    from discovery.config.load import load_config
    from discovery.plan.targets import ScopeFilter
    from discovery.reports.checks import CheckStatus, doctor_sentence, write_doctor_document
    from discovery.reports.terminal.doctor import write_doctor_table

    shared = common()
    path = configuration_path(shared)
    config = load_config(path)
    with open_destination(output) as destination:
        with progress() as on_progress:
            checks = asyncio.run(
                run_checks(
                    config, path, ScopeFilter(only=only, shard=shard), on_progress, notify=notify
                )
            )
        destination.write_report(
            output_format,
            table=lambda stream: write_doctor_table(checks, stream, verbose=shared.verbose),
            document=lambda stream: write_doctor_document(checks, stream),
        )
        if output_format == Format.JSON:
            stderr_line(doctor_sentence(checks))
    return Exit.FAILED if any(each.outcome is CheckStatus.FAIL for each in checks) else Exit.DONE
