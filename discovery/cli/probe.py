"""`cachemuster probe`: log in to caches with IAM, and say which step fails."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import click

from discovery.cli.options import (
    common,
    duration,
    with_common,
    with_only,
    with_progress,
    with_report,
)
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_path
from discovery.cli.streams import stderr_line
from discovery.model.values import Scope
from discovery.reports.exit import Exit

_USER: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9.-]*")


@click.command(name="probe")
@click.argument("caches", metavar="[CACHE]...", nargs=-1)
@click.option("--user", metavar="USER", help="Log in as this user id only, whoever it is.")
@click.option(
    "--timeout",
    type=duration,
    default="5s",
    show_default=True,
    metavar="DURATION",
    help="How long one login may take, all steps together.",
)
@with_only
@with_progress
@with_report
@with_common
def command(
    caches: tuple[str, ...],
    user: str | None,
    timeout: timedelta,
    only: tuple[Scope, ...],
    progress_interval: timedelta | None,
    output_format: str,
    output: Path | None,
) -> Exit:
    """Log in to caches with IAM as the users who should be able to, and say which step fails.

    CACHE is a name, a registered name or an ARN; without one, all registered caches whose IAM
    verdict is ready. They are scanned first. Up to three users of each are tried: name lookup, TCP,
    TLS, AUTH with a token, PING and ACL WHOAMI. Nothing is written to a cache, and the token is
    shown nowhere. It is signed by the role of the matcher's `connect`; without one, by the agent's
    own credentials, and a refusal of those proves nothing about Teleport. What is unreachable is so
    from this host.

    \b
    Examples:
      cachemuster probe
      cachemuster probe orders --user app
      cachemuster probe --only 111122223333/eu-central-1 --timeout 10s
      cachemuster probe --format json | jq '.probes[].outcome'

    \b
    Exit: 0 all proved, 1 could not, 3 some unreachable or unproved,
    5 some refused, 64 usage, 78 configuration, 130/143 interrupted.
    """
    from discovery.cli.probing import ProbeChoice
    from discovery.cli.reporting import run_for_report
    from discovery.reports.probes import probe_exit_code, probe_sentence, write_probe_document
    from discovery.reports.terminal.probes import write_probe_table

    shared = common()
    if user is not None and _USER.fullmatch(user) is None:
        raise click.BadParameter(f"{user!r} is no user id", param_hint="--user")
    if timeout <= timedelta(0):
        raise click.BadParameter("a login needs some time", param_hint="--timeout")
    choice = ProbeChoice(caches, user and user.lower(), timeout, only)
    path = configuration_path(shared)
    with open_destination(output) as destination:
        report, terminated = run_for_report(partial(choice.run, path), progress_interval)
        code = probe_exit_code(report, terminated=terminated)
        if report.error is not None:
            stderr_line(report.error)
            return code
        destination.write_report(
            output_format,
            table=lambda stream: write_probe_table(report, stream, verbose=shared.verbose),
            document=lambda stream: write_probe_document(report, stream),
        )
        if output_format != "table" or destination.path is not None:
            stderr_line(f"{probe_sentence(report)}.")
        return code
