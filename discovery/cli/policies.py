"""`cachemuster policies`: print least-privilege documents for a configuration."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from discovery.cli.options import common, with_common, with_output
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_path
from discovery.cli.streams import stderr_line
from discovery.model.clock import utc_now
from discovery.reports.exit import Exit

if TYPE_CHECKING:
    from discovery.config.model import Config
    from discovery.config.secrets import Secret
    from discovery.policies.kinds import DocumentKind, Documents, PolicyRequest
    from discovery.policies.usage import AwsUsage, Hub

KINDS: Final = (
    "hub",
    "member",
    "trust",
    "connect",
    "connect-trust",
    "repairs",
    "database-service",
    "event-rule",
    "teleport-bot-role",
    "teleport-access-role",
    "teleport-bot",
    "tbot",
    "database-service-config",
)
"""The names of `discovery.policies.kinds`, repeated here so that help loads nothing of it."""


class PolicyFormat(StrEnum):
    """Format of a printed document."""

    JSON = "json"
    YAML = "yaml"
    CLOUDFORMATION = "cloudformation"


def _parse_hub(ctx: click.Context, param: click.Parameter, value: str | None) -> Hub | None:
    del ctx, param
    if value is None:  # also when a shell completes: then nothing more is loaded
        return None
    from discovery.policies.usage import Hub

    try:
        return Hub.of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _parse_role(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    del ctx, param
    if value is not None and not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", value):
        raise click.BadParameter("it is not the ARN of a role")
    return value


@click.command(name="policies")
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.option(
    "--hub",
    callback=_parse_hub,
    metavar="ARN",
    help="The user or role that cachemuster runs as; else AWS is asked whose credentials these "
    "are.",
)
@click.option(
    "--account",
    metavar="ID",
    help="For the role of this account; else for all accounts.",
)
@click.option("--matcher", metavar="NAME", help="Whose connect role, if there are several.")
@click.option(
    "--database-service",
    "service_role",
    callback=_parse_role,
    metavar="ARN",
    help="For connect-trust: the role that the Database Service runs as.",
)
@click.option(
    "--via",
    callback=_parse_role,
    metavar="ARN",
    help="For connect-trust and database-service: a role that the Database Service assumes before "
    "the one to connect with.",
)
@click.option(
    "--shards",
    type=click.IntRange(min=1),
    metavar="N",
    help="For event-rule: how many processes share the accounts, each with its own queue.",
)
@click.option(
    "--probe",
    "probes",
    is_flag=True,
    help="With what `probe` and `audit --probe` need; always so with service.probe.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice([output_format.value for output_format in PolicyFormat]),
    help="JSON, YAML for tctl, or a CloudFormation template, for a StackSet too.  [default: json; "
    "yaml for Teleport's]",
)
@with_output
@with_common
def command(
    kind: str,
    hub: Hub | None,
    account: str | None,
    matcher: str | None,
    service_role: str | None,
    via: str | None,
    shards: int | None,
    probes: bool,
    output_format: str | None,
    output: Path | None,
) -> Exit:
    """Print a least-privilege document for this configuration.

    It allows what the accounts, regions and features of the configuration need, and nothing else.

    \b
    hub                      policy of the role or user that cachemuster runs as
    member                   policy of the role that it assumes in other accounts
    trust                    trust policy of that role
    connect                  policy of the role with which Teleport connects
    connect-trust            who may assume that role
    repairs                  policy of whoever runs the script of `repairs`
    database-service         policy of the Database Service's own role
    event-rule               event pattern; as CloudFormation, queue and rule
    teleport-bot-role        role of the bot that registers databases
    teleport-access-role     role of people who connect to them
    teleport-bot             the bot, and the token by which it joins
    tbot                     tbot's own configuration
    database-service-config  teleport.yaml of a Database Service

    \b
    Examples:
      cachemuster policies hub
      cachemuster policies member --format cloudformation -o member.json
      cachemuster policies teleport-bot-role | tctl create -f
      cachemuster policies connect-trust --via arn:aws:iam::111122223333:role/hop

    \b
    Exit: 0 printed, 1 could not, 64 the configuration has no use for it,
    78 configuration.
    """
    from discovery.policies import kinds
    from discovery.policies.usage import NotApplicable

    path = configuration_path(common())
    chosen = kinds.KINDS[kind]
    with open_destination(output) as destination:
        usage = _usage(path, chosen, hub)
        usage = replace(usage, probes=True) if probes else usage
        request = kinds.PolicyRequest(usage, account, matcher, shards, service_role, via)
        try:
            document = _document(
                chosen, request, PolicyFormat(output_format) if output_format else None
            )
        except NotApplicable as reason:
            raise click.UsageError(f"{reason}.") from reason
        for reference in kinds.references(document):
            stderr_line(f"Put the value of {reference} where its name is: secrets are not printed.")
        if kinds.UNNAMED_SERVICE in json.dumps(document):
            stderr_line("Put the role's ARN in its place, or name it with --database-service.")
        if kind == "database-service-config":
            from discovery.policies.database_service import configure_command

            stderr_line(f"Teleport's own command for it: {configure_command(usage)}")
        written_format = (
            PolicyFormat(output_format)
            if output_format
            else PolicyFormat.YAML
            if chosen.is_for_teleport
            else PolicyFormat.JSON
        )
        destination.write(lambda stream: _write(document, written_format, stream))
        return Exit.DONE


def _document(
    kind: DocumentKind, request: PolicyRequest, output_format: PolicyFormat | None
) -> Documents:
    """Raises: NotApplicable."""
    from discovery.policies.usage import NotApplicable

    if output_format is not PolicyFormat.CLOUDFORMATION:
        return kind.make(request)
    if kind.stack is None:
        raise NotApplicable(
            "It is nothing that CloudFormation makes"
            if kind.is_for_teleport
            else "There is no template of it alone; print it as JSON"
        )
    return kind.stack(request)


def _usage(path: Path, kind: DocumentKind, named_hub: Hub | None) -> AwsUsage:
    """Read the configuration and find the identity that runs it.

    Raises: ConfigError, AwsCallFailed.
    """
    from discovery.config.load import load_config, locate
    from discovery.config.partitions import partition_problems
    from discovery.policies.usage import AwsUsage, Hub

    config = load_config(path)
    if not kind.needs_identity:
        return AwsUsage.of(config, named_hub or Hub.unknown(), None)
    import asyncio

    from discovery.aws.cloud import default_region  # only here: it loads the AWS SDK

    hub = named_hub or asyncio.run(_ambient_hub(config))
    problems = partition_problems(config, hub.partition)
    if problems:
        raise locate(problems, path)
    default = default_region(config.aws.profile)
    if config.aws.regions is None and default is None:
        raise click.UsageError("No region is configured: set aws.regions or AWS_REGION.")
    return AwsUsage.of(config, hub, default)


async def _ambient_hub(config: Config) -> Hub:
    """Identity of the credentials at hand. Raises: AwsCallFailed."""
    from discovery.aws.cloud import open_cloud
    from discovery.config.secrets import resolve_external_id
    from discovery.policies.usage import Hub

    def resolve(reference: str) -> Secret:
        return resolve_external_id(reference, os.environ)

    async with open_cloud(config.aws, resolve=resolve, clock=utc_now) as cloud:
        try:
            hub = Hub.of(cloud.identity.arn)
        except ValueError as error:
            raise click.UsageError(f"{error}; name the agent's own with --hub.") from error
    stderr_line(f"For {hub}, whose credentials these are; --hub names another.")
    return hub


def _write(document: Documents, output_format: PolicyFormat, stream: TextIO) -> None:
    if output_format is PolicyFormat.YAML:
        from discovery.reports.tctl import write_documents

        write_documents(document if isinstance(document, tuple) else (document,), stream)
    else:
        stream.write(json.dumps(document, indent=2) + "\n")
