"""`cachemuster sandbox`: the simulated cloud alone, for the AWS CLI to play with."""

from __future__ import annotations

import asyncio
import shlex
import signal

import click

from discovery.cli.options import common, with_common
from discovery.cli.streams import say
from discovery.reports.exit import Exit
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.demo import build_demo, environment

HOST = "127.0.0.1"
"""Loopback only: whoever reaches it can change everything in it."""


class PortTaken(click.ClickException):
    """Nothing can listen where the sandbox was told to."""


@click.command(name="sandbox", short_help="Run the simulated AWS alone, for the AWS CLI.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Listen there instead of on a free port.",
)
@with_common
def command(port: int) -> Exit:
    """Run a simulated AWS on 127.0.0.1 until Ctrl-C, and print the variables that lead to it.

    It speaks the wire formats of STS, ElastiCache Serverless, the tagging API and parts of EC2;
    an unmodified AWS CLI or SDK can create, tag and delete caches in it.

    \b
    Examples:
      cachemuster sandbox
      cachemuster sandbox --port 4566 > sandbox.env
      . ./sandbox.env && aws elasticache describe-serverless-caches
    """
    common()
    asyncio.run(_serve(port))
    return Exit.DONE


async def _serve(port: int) -> None:
    demo = build_demo()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        async with SimulatedAws(demo.world).serve(host=HOST, port=port) as url:
            for name, value in environment(demo, url).items():
                click.echo(f"export {name}={shlex.quote(value)}")
            say(f"The simulated AWS listens on {url}. Ctrl-C ends it, and all that is in it.")
            await stopped.wait()
    except OSError as error:
        raise PortTaken(
            f"The sandbox cannot listen on {HOST}:{port}: {error.strerror}. Nothing was started. "
            "Name another --port, or leave it out to take a free one."
        ) from error
