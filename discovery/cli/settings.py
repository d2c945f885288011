"""Which configuration a command works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from discovery.cli.options import Common
from discovery.config.load import load_config, readable_again
from discovery.config.model import Config
from discovery.config.problems import ConfigError, Problem

VARIABLE: Final = "CACHEMUSTER_CONFIG"
USUAL: Final = Path("cachemuster.yaml")
_SOURCE: Final = "cachemuster.source"

_HOW_TO_MAKE_ONE: Final = (
    "there is no configuration: -c/--config and CACHEMUSTER_CONFIG name none, and there is no "
    "./cachemuster.yaml. A first one needs two lines, `version: 1` and `group: trial`: it reads "
    "the account of your AWS credentials and writes a registry into a local file. "
    "`cachemuster quickstart --keep DIR` leaves a larger one to look at"
)


def configuration_path(common: Common) -> Path:
    """The file named by `-c`, else by the environment, else the usual one in this directory. What
    can be read but once, such as a pipe, has been read.

    Raises: ConfigError that says how to make one, or why it cannot be read.
    """
    found = chosen(common.config)
    if found is None:
        raise ConfigError([Problem(_HOW_TO_MAKE_ONE)], str(USUAL))
    return found


def chosen(named: Path | None) -> Path | None:
    """The same, where `-c` names `named`; None when there is none. What can be read but once is
    read once for a command. Raises: ConfigError."""
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
    """The configuration, read and checked. Raises: ConfigError with every problem."""
    return load_config(configuration_path(common))
