"""`cachemuster config`: check a configuration, make one from Teleport's, print its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common, with_output
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_path
from discovery.reports.safe_text import escape_unprintable

if TYPE_CHECKING:
    from discovery.config.model import Config


@click.group(name="config")
@with_common
def command() -> None:
    """Check a configuration, make one of Teleport's, or print its JSON Schema. Works offline.

    \b
    Examples:
      cachemuster config check
      cachemuster config import /etc/teleport.yaml -o cachemuster.yaml
      cachemuster -c production.yaml config check
      cachemuster config schema -o cachemuster.schema.json
    """


@command.command(name="check")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@with_common
def check(files: tuple[Path, ...]) -> None:
    """Report every mistake in the configuration, or in each FILE, by line and column.

    Exit 0 when it is valid, 78 when it is not.

    \b
    Examples:
      cachemuster config check
      cachemuster config check -c production.yaml
      cachemuster config check staging.yaml production.yaml
      CACHEMUSTER_CONFIG=production.yaml cachemuster config check
      envsubst < template.yaml | cachemuster config check -c -
    """
    from discovery.config.problems import ConfigError

    if files and common().config:
        raise click.UsageError("Name configurations either by -c or as FILE")
    wrong: list[ConfigError] = []
    for path in files or (configuration_path(common()),):
        try:
            _check(path)
        except ConfigError as error:
            wrong.append(error)
    for line in (line for error in wrong[:-1] for line in str(error).splitlines()):
        click.echo(escape_unprintable(line), err=True)
    if wrong:
        raise wrong[-1]


def _check(path: Path) -> None:
    """Print that a configuration is valid, and what is in it. Raises: ConfigError."""
    from discovery.config.load import load_config, name_of

    config = load_config(path)
    click.echo(escape_unprintable(f"{name_of(path)} is valid: {_summary(config)}."))


@command.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--own-account",
    metavar="ID",
    help="The account of the credentials that matchers without a role use.",
)
@click.option(
    "--group",
    metavar="NAME",
    help="A group that no Discovery Service has; `adopt` then updates each database in place.",
)
@with_output
@with_common
def import_(file: Path, own_account: str | None, group: str | None, output: Path | None) -> None:
    """Make a configuration of the discovery_service in a teleport.yaml, or a discovery_config.

    It finds the ElastiCache Serverless caches that Teleport's Discovery Service finds, with the
    same roles. What cannot be carried over is said in comments at its top. External ids become
    references to environment variables; their values are not copied.

    With --group the databases keep the origin `cloud`, and none is missing at any time while they
    are moved. Without, the group is the discovery_group and the origin becomes `dynamic`, which
    `adopt` can only do by removing each database and registering it again.

    Exit 0 when it was made, 78 when it cannot be.

    \b
    Examples:
      cachemuster config import /etc/teleport.yaml
      cachemuster config import teleport.yaml --own-account 111122223333 -o cachemuster.yaml
      cachemuster config import teleport.yaml --group prod -o cachemuster.yaml
      tctl get discovery_config/prod | cachemuster config import -
    """
    from discovery.config.teleport_import import import_file

    common()
    if own_account is not None and not re.fullmatch("[0-9]{12}", own_account, re.ASCII):
        raise click.UsageError("--own-account is the twelve digits of an AWS account")
    text = import_file(file, own_account=own_account, group=group)
    with open_destination(output) as destination:
        destination.write(lambda stream: print(text, end="", file=stream))


@command.command(name="schema")
@with_output
@with_common
def schema(output: Path | None) -> None:
    """Print the JSON Schema of the configuration, for editors that complete and check YAML.

    \b
    Examples:
      cachemuster config schema
      cachemuster config schema -o cachemuster.schema.json
      cachemuster config schema | jq '.properties | keys'
    """
    from discovery.config.json_schema import config_schema

    common()
    with open_destination(output) as destination:
        destination.write(lambda stream: print(json.dumps(config_schema(), indent=2), file=stream))


def _summary(config: Config) -> str:
    """Sum up a configuration: `group prod, 2 accounts, 1 matcher, embedded control plane`."""
    from discovery.reports.summary import counted

    accounts = len(config.aws.accounts)
    matchers = len(config.matchers)
    return ", ".join(
        (
            f"group {config.group}",
            counted(accounts, "account entry", "account entries")
            if accounts
            else "the account of the AWS credentials",
            counted(matchers, "matcher") if matchers else "every cache",
            f"{config.control_plane.kind} control plane",
        )
    )
