"""An operator's identity for the cluster, in place of the agent's: `--identity-file`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from discovery.cli.options import FILE
from discovery.config.control_plane import Teleport
from discovery.config.load import load_config
from discovery.config.model import Config

_Function = TypeVar("_Function", bound=Callable[..., Any])


def with_identity_file(function: _Function) -> _Function:
    """`--identity-file`, as a path."""
    return click.option(
        "--identity-file",
        type=FILE,
        metavar="FILE",
        help="An operator's identity for the cluster, instead of the agent's.",
    )(function)


def configuration_as(path: Path, identity_file: Path | None) -> Config:
    """The configuration, with the operator's identity in place of the agent's.

    Raises: ConfigError; click.UsageError, when the control plane knows no identities.
    """
    config = load_config(path)
    if identity_file is None:
        return config
    settings = config.control_plane
    if not isinstance(settings, Teleport):
        raise click.UsageError("--identity-file is for a cluster; an embedded registry needs none")
    named = settings.model_copy(update={"identity_file": identity_file.absolute()})
    return config.model_copy(update={"control_plane": named})
