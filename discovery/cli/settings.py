"""Find the configuration that a command works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from discovery.cli.options import Common
from discovery.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    from discovery.config.model import Config

VARIABLE: Final = "CACHEMUSTER_CONFIG"
"""Environment variable that names the configuration."""
USUAL: Final = Path("cachemuster.yaml")
"""Configuration in the current directory, when nothing else names one."""
_SOURCE: Final = "cachemuster.source"

_HOW_TO_MAKE_ONE: Final = (
    "there is no configuration: -c/--config and CACHEMUSTER_CONFIG name none, and there is no "
    "./cachemuster.yaml. A first one needs two lines, `version: 1` and `group: trial`: it reads "
    "the account of your AWS credentials and writes a registry into a local file. "
    "`cachemuster quickstart --keep DIR` leaves a larger one to look at"
)


def configuration_path(common: Common) -> Path:
    """Find the configuration: `-c`, else the environment, else `./cachemuster.yaml`.

    What can be read only once, such as a pipe, has been read. Raises: ConfigError that says how to
    make one, or why it cannot be read.
    """
    found = find_configuration(common.config)
    if found is None:
        raise ConfigError([Problem(_HOW_TO_MAKE_ONE)], str(USUAL))
    return found


def find_configuration(named: Path | None) -> Path | None:
    """Find the configuration where `-c` names `named`; None when there is none.

    What can be read only once is read once per command. Raises: ConfigError.
    """
    from discovery.config.load import readable_again

    variable = os.environ.get(VARIABLE)
    usual = USUAL if USUAL.exists() else None
    path = named or (Path(variable) if variable else usual)
    context = click.get_current_context(silent=True)
    if path is None or context is None:
        return path and readable_again(path)
    source: Path = context.meta.get(_SOURCE) or readable_again(path)
    context.meta[_SOURCE] = source
    return source


def configuration(common: Common) -> Config:
    """Read and check the configuration. Raises: ConfigError with every problem."""
    from discovery.config.load import load_config

    return load_config(configuration_path(common))


def configuration_as(path: Path, identity_file: Path | None) -> Config:
    """Read the configuration, with the operator's identity in place of the agent's.

    Raises: ConfigError; click.UsageError, when the control plane has no identities.
    """
    from discovery.config.control_plane import Teleport
    from discovery.config.load import load_config

    config = load_config(path)
    if identity_file is None:
        return config
    settings = config.control_plane
    if not isinstance(settings, Teleport):
        raise click.UsageError("--identity-file is for a cluster; an embedded registry needs none")
    named = settings.model_copy(update={"identity_file": identity_file.absolute()})
    return config.model_copy(update={"control_plane": named})
