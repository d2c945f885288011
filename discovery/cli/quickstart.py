"""`cachemuster quickstart`: show the whole tool on a simulated cloud and cluster."""

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
    help="Keep the files in DIR instead of a temporary directory.",
)
@with_common
def command(keep: Path | None) -> Exit:
    """Show the whole tool in seconds, on a simulated AWS and Teleport.

    The tour has an audit, sweeps, a failing region and a removal, and runs the same commands that
    you would. It needs no account, no cluster and no configuration, and touches none. The files
    that it creates are kept.

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
    """Create or check the directory to work in. Raises: click.BadParameter."""
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
