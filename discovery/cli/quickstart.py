"""`cachemuster quickstart`: the whole tool at work, in seconds, on simulated ones of everything."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from discovery.cli.options import common, with_common
from discovery.reports.exit import Exit


@click.command(name="quickstart")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Put the files into DIR instead of a temporary directory.",
)
@with_common
def command(keep: Path | None) -> Exit:
    """Show it all in seconds: a simulated AWS and Teleport, an audit, sweeps, a failing region, a
    removal.

    Needs no account, no cluster and no configuration, touches none, and runs the same commands
    that you would. The files it makes stay to be looked at.

    \b
    Examples:
      cachemuster quickstart
      cachemuster quickstart --keep ./trial
      cachemuster quickstart | less
    """
    from discovery.cli.quickstart_servers import run_tour

    shared = common()
    return run_tour(_directory(keep), verbosity=shared.verbosity)


def _directory(keep: Path | None) -> Path:
    """A directory of our own. Raises: click.BadParameter for one that cannot be."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="cachemuster-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise click.BadParameter(f"{keep} is not empty; name a new directory")
        (keep / "cachemuster.yaml").touch()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be the name of a directory"
        raise click.BadParameter(f"{keep} cannot be used: {reason}") from error
    return keep.resolve()
