"""`cachemuster completion`: print the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from discovery.cli.options import with_common

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@with_common
def command(shell: str) -> None:
    """Print the completion script of SHELL for commands and options.

    \b
    Examples:
      cachemuster completion bash > /etc/bash_completion.d/cachemuster
      cachemuster completion zsh > "${fpath[1]}/_cachemuster"
      cachemuster completion fish > ~/.config/fish/completions/cachemuster.fish
    """
    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(root, {}, "cachemuster", "_CACHEMUSTER_COMPLETE").source())
