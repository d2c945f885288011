"""Turn an exception that ends a command into an exit code and an explanation."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

from discovery.aws.errors import AwsCallFailed
from discovery.cli.interruption import Interrupted
from discovery.cli.output import OutputLost, OutputUnwritable
from discovery.config.problems import ConfigError
from discovery.config.secrets import SecretError
from discovery.control_plane.base import ControlPlaneError
from discovery.plan.identity import WrongState
from discovery.plan.targets import NoSuchScope
from discovery.reports.exit import Exit
from discovery.service.errors import CannotListen
from discovery.snapshot.errors import NotUploaded
from state.errors import Locked, OnNetwork, StateError


@dataclass(frozen=True, slots=True)
class CommandFailure:
    """Exit code and lines for stderr of a command that failed."""

    exit: Exit
    lines: tuple[str, ...]


_EXPECTED: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (ConfigError, Exit.CONFIG),
    (SecretError, Exit.CONFIG),
    (WrongState, Exit.CONFIG),
    (OnNetwork, Exit.CONFIG),
    (NotUploaded, Exit.CONFIG),
    (NoSuchScope, Exit.USAGE),
    (Locked, Exit.LOCKED),
    (StateError, Exit.FAILED),
    (AwsCallFailed, Exit.FAILED),
    (ControlPlaneError, Exit.FAILED),
    (OutputUnwritable, Exit.USAGE),
    (OutputLost, Exit.FAILED),
    (CannotListen, Exit.FAILED),
)
"""Exit code by exception class. The first class that fits counts: special before general."""
_MULTILINE: Final = (ConfigError, NoSuchScope)
"""Exceptions with one line per problem; any other is one line, whatever it quotes."""


def describe(error: Exception) -> CommandFailure:
    """Describe how `error` ends the command; only an unexpected one comes with a traceback."""
    if isinstance(error, ExceptionGroup):
        return describe(error.exceptions[0])  # things done at once; the first that broke ended them
    if isinstance(error, Interrupted):
        return CommandFailure(error.code, (str(error),))
    for expected, code in _EXPECTED:
        if isinstance(error, expected):
            text = str(error)
            return CommandFailure(
                code, tuple(text.splitlines()) if expected in _MULTILINE else (text,)
            )
    where = "".join(traceback.format_exception(error, limit=-6))
    return CommandFailure(
        Exit.FAILED,
        (
            *where.splitlines(),
            f"cachemuster stopped because of an unexpected error ({type(error).__name__}). "
            "What it wrote before is in the journal, and the next sweep continues from there. "
            "Please report the lines above as a defect.",
        ),
    )
