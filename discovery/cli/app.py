"""The command line as a whole: find commands by name, turn every outcome into an exit code."""

from __future__ import annotations

import gc
import importlib
import logging
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, cast

import click

from discovery.cli.options import with_common
from discovery.cli.streams import (
    LogFormat,
    StdoutLost,
    flush_stdout,
    harden_streams,
    log_events_only,
    mute_stdout,
    release_stderr,
    stderr_line,
    stderr_lines,
)
from discovery.reports.exit import Exit

COMMANDS: Final = {
    "quickstart": "See it all in seconds, on a simulated cloud. Start here.",
    "sweep": "Make the database list equal to the caches that exist.",
    "audit": "Show what a sweep would do, and who could log in.",
    "probe": "Log in to caches with IAM, and say which step fails.",
    "repairs": "Print a script that repairs what an audit finds.",
    "run": "Run as a service: sweep at an interval and after changes.",
    "status": "Show what the state file remembers, offline.",
    "history": "Show what changed, and why.",
    "explain": "Say why a cache is or is not registered.",
    "adopt": "Take over a database that something else registered.",
    "release": "Give up a database; it stays registered.",
    "export": "Print resources as YAML for `tctl create -f`.",
    "pause": "Keep sweeps from writing for a while.",
    "resume": "End a pause: sweeps write again.",
    "doctor": "Find missing permissions, and how to grant them.",
    "policies": "Print least-privilege roles and policies.",
    "config": "Check a configuration, or print its JSON Schema.",
    "token": "Print an IAM auth token for a cache.",
    "sandbox": "Run the simulated AWS and Teleport alone.",
    "completion": "Print a shell's completion script.",
    "version": "Print versions.",
}
"""Every command with its short help, in the order a newcomer meets them.

Each is `command` in the module of its name. That module is imported when the command is asked for,
and imports what it works with when it runs: `--help`, completion and a usage error need no AWS SDK.
"""


COLLECTED_AFTER: Final = (50_000, 20, 50)
"""Thresholds of the garbage collector: objects, and collections of younger generations."""


class Commands(click.Group):
    """Click group that loads the commands of `COMMANDS` on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by name; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"discovery.cli.{cmd_name}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for the help text, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, without the empty line that click prints after a Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(
    package_name="cachemuster", message="%(prog)s %(version)s", help="Print the version alone."
)
@with_common
@click.pass_context
def cachemuster(context: click.Context) -> None:
    """Keep a Teleport cluster's databases equal to the ElastiCache Serverless caches you have.

    It also says for each cache whether a person could log in to it with IAM.

    Start with `cachemuster quickstart`: it needs no account, cluster or configuration.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are explained on stderr."""
    harden_streams()
    log_events_only(on=False)
    if _wants_json(arguments):  # before they are understood, or where they never are
        from discovery.cli.logs import set_up_logs

        set_up_logs(LogFormat.JSON, 0)
    try:
        code = _run(arguments)
        flush_stdout()
    except StdoutLost as error:
        mute_stdout()
        stderr_line(f"The output could not be written to standard output: {error.strerror}.")
        return Exit.FAILED
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = cachemuster.main(list(arguments), prog_name="cachemuster", standalone_mode=False)
    except click.UsageError as error:
        stderr_line(_usage_message(error), level=logging.ERROR)
        return Exit.USAGE
    except click.ClickException as error:
        stderr_lines(error.format_message().splitlines(), level=logging.ERROR)
        return Exit.FAILED
    except BrokenPipeError:
        mute_stdout()
        return Exit.DONE
    except (KeyboardInterrupt, click.Abort):
        stderr_line("Interrupted.", level=logging.ERROR)
        return Exit.INTERRUPTED
    except StdoutLost:
        raise
    except Exception as error:
        # Only a failing command pays for the vendors' libraries that know the reasons.
        from discovery.cli.errors import describe

        fault = describe(error)
        stderr_lines(fault.lines, level=logging.ERROR)
        return fault.exit
    return code if isinstance(code, int) else Exit.DONE


def _wants_json(arguments: Sequence[str]) -> bool:
    return "--log-format=json" in arguments or ("--log-format", "json") in pairwise(arguments)


def _usage_message(error: click.UsageError) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        group = cast(click.Group, error.ctx.command)
        known = ", ".join(group.list_commands(error.ctx))
        return f"Name a command: {known}. Try `{error.ctx.command_path} --help`."
    message = re.sub(r"\s*\n\s*", " ", error.format_message())  # click lists choices line by line
    if error.ctx is None:
        return message
    return f"{message}{'' if message.endswith('.') else '.'} Try `{error.ctx.command_path} --help`."


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    # The modules alone are a quarter of a million objects, looked over again and again while a
    # sweep makes answers and few cycles: an eighth of its CPU time.
    gc.set_threshold(*COLLECTED_AFTER)
    code = run(sys.argv[1:])
    release_stderr()
    # Else they are looked over twice more at the exit, all to be thrown away: half a second.
    gc.freeze()
    sys.exit(code)
