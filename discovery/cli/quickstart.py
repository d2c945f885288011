"""`cachemuster quickstart`: the whole tool at work, in seconds, on simulated ones of everything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from discovery.cli.options import common, with_common
from discovery.cli.settings import VARIABLE
from discovery.cli.tour import Tour
from discovery.reports.exit import Exit
from discovery.sandbox.agent_world import environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.demo import DATA, EXTERNAL_ID, HUB, ROLE_NAME, SHOP, build_demo
from discovery.sandbox.teleport.demo import build_cluster, issue, section
from discovery.sandbox.teleport.server import SimulatedTeleport

CONFIGURATION = f"""\
version: 1
group: quickstart                # who owns what is registered
state: {{path: cachemuster.db}}    # what is remembered between sweeps
aws:
  regions: ["*"]                 # every region that is enabled
  accounts:
    - id: "{HUB}"
    - id: "{SHOP}"
      role_arn: arn:aws:iam::{SHOP}:role/{ROLE_NAME}
      external_id: file:%(secret)s
    - id: "{DATA}"
      role_arn: arn:aws:iam::{DATA}:role/{ROLE_NAME}
      external_id: file:%(secret)s
matchers:                        # which caches are wanted
  - name: live
    tags: {{env: [prod, staging]}}
    exclude_tags: {{teleport: "off"}}
deregistration:
  missed_sweeps: 2               # how often a cache must be missing
  grace: 0s                      # and for how long; usually 10m
"""


@click.command(
    name="quickstart", short_help="See it all in seconds, on a simulated cloud. Begin here."
)
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
    shared = common()
    directory = _directory(keep)
    path = directory / "cachemuster.yaml"
    secret = directory / "external-id"
    secret.touch(mode=0o600)
    secret.write_text(EXTERNAL_ID, "utf-8")
    demo = build_demo()
    aws, teleport = SimulatedAws(demo.world), SimulatedTeleport(build_cluster())
    with aws.serve_in_thread() as url, teleport.serve_in_thread() as at:
        badges = issue(teleport.cluster, directory)
        cluster = section(at.proxy, badges.bot)
        path.write_text(CONFIGURATION % {"secret": secret} + cluster, "utf-8")
        with _only({**environment(demo, url), VARIABLE: str(path)}):
            return Tour(aws, path, verbosity=shared.verbosity).guide()


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


@contextmanager
def _only(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables, and no other that could lead the SDK to a real account or a proxy."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(
        {
            **variables,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
