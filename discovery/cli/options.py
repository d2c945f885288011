"""The options that commands share, and the types of their values."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from discovery.cli.streams import LogFormat
from discovery.config.durations import parse_duration
from discovery.model.values import AccountId, Region, Scope
from discovery.plan.shard import Shard, parse_shard
from discovery.reports.view import Format

FILE: Final = click.Path(path_type=Path, readable=False)
"""Click type of a file name; errors are reported by whoever reads or writes it."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_META: Final = "cachemuster."
_SCOPE: Final = re.compile(r"(?P<account>[0-9]{12})(/(?P<region>[a-z]{2,}(-[a-z]+)+-[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Common:
    """Options that may come before or after a command's name; after wins."""

    config: Path | None
    verbosity: int

    @property
    def verbose(self) -> bool:
        """True when `-v` was given."""
        return self.verbosity > 0


def with_common(function: _Function) -> _Function:
    """Add `-c`, `--log-format` and `-v`, kept for `common()`."""
    for option in reversed(_COMMON):
        function = option(function)
    return function


def common(*, shows_events: bool = False) -> Common:
    """Return the common options of the running command, and set up logging as they say.

    `shows_events`: events are what the command has to say, at a terminal too.
    """
    from discovery.cli.logs import set_up_logs

    meta = click.get_current_context().meta
    verbosity = int(meta.get(f"{_META}verbosity", 0))
    set_up_logs(meta.get(f"{_META}log_format"), verbosity, shows_events=shows_events)
    return Common(config=meta.get(f"{_META}config"), verbosity=verbosity)


def named_configuration() -> Path | None:
    """File that `-c` of the running command names, if any."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(f"{_META}config")


def with_report(function: _Function) -> _Function:
    """Add `--format` (table or JSON) and `-o`, as `output_format` and `output`."""
    return _FORMAT(_OUTPUT(function))


def with_output(function: _Function) -> _Function:
    """Add `-o` alone, as the parameter `output`."""
    return _OUTPUT(function)


def with_any_format(function: _Function) -> _Function:
    """Add `--format` with every report format, and `-o`."""
    return _ANY_FORMAT(_OUTPUT(function))


def with_history_format(function: _Function) -> _Function:
    """Add `--format` with CSV besides table and JSON, and `-o`."""
    return _HISTORY_FORMAT(_OUTPUT(function))


def with_only(function: _Function) -> _Function:
    """Add `--only`, as a tuple of scopes."""
    return _ONLY(function)


def with_shard(function: _Function) -> _Function:
    """Add `--shard`, as the parameter `shard`."""
    return click.option(
        "--shard",
        "shard",
        type=shard,
        metavar="I/N",
        help="Shard I of N, counted from 0; ordinal/N takes I from the host's name.",
    )(function)


def with_progress(function: _Function) -> _Function:
    """Add `--progress`, as the parameter `progress_interval`."""
    return click.option(
        "--progress",
        "progress_interval",
        type=duration,
        metavar="DURATION",
        help="Without a terminal, print progress to stderr each DURATION.",
    )(function)


def with_identity_file(function: _Function) -> _Function:
    """Add `--identity-file`, as a path."""
    return click.option(
        "--identity-file",
        type=FILE,
        metavar="FILE",
        help="An operator's identity for the cluster, instead of the agent's.",
    )(function)


def with_consent(function: _Function) -> _Function:
    """Add `--identity-file`, `--yes` and `--lock-timeout`."""
    return with_identity_file(_YES(with_lock_timeout(function)))


def require_consent(yes: bool) -> None:
    """Check that somebody can be asked, or `--yes` was given. Raises: click.UsageError."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(
            "nobody is at a terminal to agree to the plan; look at it there, or give --yes"
        )


def with_lock_timeout(function: _Function) -> _Function:
    """Add `--lock-timeout`, as a timedelta."""
    return click.option(
        "--lock-timeout",
        type=duration,
        default="60s",
        show_default=True,
        metavar="DURATION",
        help="How long to wait for another process.",
    )(function)


def scope(text: str) -> Scope:
    """Parse ACCOUNT or ACCOUNT/REGION. Raises: click.BadParameter, as do those below."""
    match = _SCOPE.fullmatch(text)
    if match is None:
        raise click.BadParameter(
            f"{text!r} is no scope: write ACCOUNT or ACCOUNT/REGION, such as 111122223333/eu-west-1"
        )
    region = match["region"]
    return Scope(AccountId(match["account"]), Region(region) if region else None)


def shard(text: str) -> Shard:
    """Parse I/N, counted from 0; `ordinal/N` takes I from the end of this host's name."""
    try:
        return parse_shard(text, socket.gethostname())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def duration(text: str) -> timedelta:
    """Parse `30s`, `10m`, `2h`, `7d`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def checksum(text: str) -> str:
    """Parse the 64 hex digits of a plan's checksum; returns them in lower case."""
    if re.fullmatch("[0-9a-f]{64}", text.lower()) is None:
        raise click.BadParameter("a checksum has 64 hex digits; an audit in JSON shows its plan's")
    return text.lower()


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        ctx.meta[f"{_META}{param.name}"] = value


def _add(ctx: click.Context, param: click.Parameter, value: int) -> None:
    key = f"{_META}{param.name}"
    ctx.meta[key] = ctx.meta.get(key, 0) + value


def _log_format(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    _keep(ctx, param, LogFormat(value) if value else None)


_COMMON: Final = (
    click.option(
        "-c",
        "--config",
        type=FILE,
        metavar="FILE",
        expose_value=False,
        callback=_keep,
        help="The configuration; else CACHEMUSTER_CONFIG, else ./cachemuster.yaml.",
    ),
    click.option(
        "--log-format",
        type=click.Choice([form.value for form in LogFormat]),
        expose_value=False,
        callback=_log_format,
        help="Events on stderr: console on a terminal, else json.",
    ),
    click.option(
        "-v",
        "--verbose",
        "verbosity",
        count=True,
        expose_value=False,
        callback=_add,
        help="List everything; log more. Twice for the libraries too.",
    ),
)
_FORMAT: Final = click.option(
    "--format",
    "output_format",
    type=click.Choice([Format.TABLE.value, Format.JSON.value]),
    default=Format.TABLE.value,
    show_default=True,
    help="A table for people, or one JSON document.",
)
_ANY_FORMAT: Final = click.option(
    "--format",
    "output_format",
    type=click.Choice([form.value for form in Format]),
    default=Format.TABLE.value,
    show_default=True,
    help="A table for people, one JSON document, a comment for a pull request, or a page.",
)
_HISTORY_FORMAT: Final = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, one JSON document, or rows for a spreadsheet.",
)
_OUTPUT: Final = click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write to FILE, whole or not at all, instead of stdout.",
)
_YES: Final = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
_ONLY: Final = click.option(
    "--only",
    type=scope,
    metavar="ACCOUNT[/REGION]",
    multiple=True,
    help="Only this account or region; may be repeated.",
)
