"""The options that commands share, and the types of their values."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterable
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


def require_consent(yes: bool) -> None:
    """Check that somebody can be asked, or `--yes` was given. Raises: click.UsageError."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(
            "nobody is at a terminal to agree to the plan; look at it there, or give --yes"
        )


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


def _options(*options: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    """One decorator that adds several options, in the order of the help text."""

    def decorate(function: _Function) -> _Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _format(formats: Iterable[str], meaning: str) -> Callable[[_Function], _Function]:
    """Add `--format`, as the parameter `output_format`."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice([str(each) for each in formats]),
        default=Format.TABLE.value,
        show_default=True,
        help=meaning,
    )


with_common: Final = _options(
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
        type=click.Choice([each.value for each in LogFormat]),
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
"""Add `-c`, `--log-format` and `-v`, kept for `common()`."""
with_output: Final = click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write to FILE, whole or not at all, instead of stdout.",
)
"""Add `-o`, as the parameter `output`."""
with_report: Final = _options(
    _format((Format.TABLE, Format.JSON), "A table for people, or one JSON document."), with_output
)
"""Add `--format` (table or JSON) and `-o`, as `output_format` and `output`."""
with_any_format: Final = _options(
    _format(
        Format,
        "A table for people, one JSON document, a comment for a pull request, a page, or rows "
        "for a spreadsheet.",
    ),
    with_output,
)
"""Add `--format` with every report format, and `-o`."""
with_status_format: Final = _options(
    _format(
        (Format.TABLE, Format.JSON, Format.HTML),
        "A table for people, one JSON document, or a page with pictures over time.",
    ),
    with_output,
)
"""Add `--format` with HTML besides table and JSON, and `-o`."""
with_history_format: Final = _options(
    _format(
        ("table", "json", "csv"),
        "A table for people, one JSON document, or rows for a spreadsheet.",
    ),
    with_output,
)
"""Add `--format` with CSV besides table and JSON, and `-o`."""
with_only: Final = click.option(
    "--only",
    type=scope,
    metavar="ACCOUNT[/REGION]",
    multiple=True,
    help="Only this account or region; may be repeated.",
)
"""Add `--only`, as a tuple of scopes."""
with_shard: Final = click.option(
    "--shard",
    type=shard,
    metavar="I/N",
    help="Shard I of N, counted from 0; ordinal/N takes I from the host's name.",
)
"""Add `--shard`."""
with_state_shard: Final = click.option(
    "--shard",
    type=shard,
    metavar="I/N",
    help="Whose state, where {shard} stands in state.snapshot: that of shard I of N.",
)
"""Add `--shard` to what is about one state alone."""
with_progress: Final = click.option(
    "--progress",
    "progress_interval",
    type=duration,
    metavar="DURATION",
    help="Without a terminal, print progress to stderr each DURATION.",
)
"""Add `--progress`, as the parameter `progress_interval`."""
with_identity_file: Final = click.option(
    "--identity-file",
    type=FILE,
    metavar="FILE",
    help="An operator's identity for the cluster, instead of the agent's.",
)
"""Add `--identity-file`, as a path."""
with_lock_timeout: Final = click.option(
    "--lock-timeout",
    type=duration,
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for another process.",
)
"""Add `--lock-timeout`, as a timedelta."""
with_consent: Final = _options(
    with_identity_file,
    click.option("-y", "--yes", is_flag=True, help="Do it without asking."),
    with_lock_timeout,
)
"""Add `--identity-file`, `--yes` and `--lock-timeout`."""
