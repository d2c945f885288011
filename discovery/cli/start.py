"""First lines of the program: set signal handlers before the slow imports."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from discovery.model.garbage import collect_late

_WITH_VALUE = ("-c", "--config", "--log-format")
"""Options that may precede the command's name and take a value."""

_INTERRUPTED = 130


def main() -> None:
    """Run the command line: entry point of the script and of `python -m discovery`."""
    collect_late()
    is_service = command_name(sys.argv[1:]) == "run"
    code = 0 if is_service else _INTERRUPTED  # nothing is begun: a service stopped, and well
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(code))
    if is_service:
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(code))
        # SIGHUP ends a process that says nothing about it, and for `run` it means "read the
        # configuration": which is still to be read, so until then there is nothing to do.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from discovery.cli.app import main as start

    if not is_service:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    start()


def command_name(arguments: Sequence[str]) -> str | None:
    """Find the command's name in the arguments, as far as possible without its options."""
    rest = iter(arguments)
    for each in rest:
        if each in _WITH_VALUE:
            next(rest, None)
        elif not each.startswith("-"):
            return each
    return None
