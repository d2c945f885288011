"""`cachemuster version`: print versions for a bug report."""

from __future__ import annotations

import platform
import sqlite3
from importlib import metadata

import click

from discovery.cli.options import with_common

_LIBRARIES = ("aioboto3", "botocore")


@click.command(name="version")
@with_common
def command() -> None:
    """Print the versions of cachemuster and of its main dependencies.

    \b
    Examples:
      cachemuster version
      cachemuster version | head -1         the version alone
      cachemuster version >> report.txt     into a bug report
    """
    rows = [
        ("cachemuster", metadata.version("cachemuster")),
        ("python", platform.python_version()),
        *((name, metadata.version(name)) for name in _LIBRARIES),
        ("sqlite", sqlite3.sqlite_version),
    ]
    for name, version in rows:
        click.echo(f"{name} {version}")
