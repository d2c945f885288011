"""`cachemuster sandbox`: the simulated AWS and Teleport alone, to play with."""

from __future__ import annotations

import asyncio
import shlex
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from discovery.cli.options import common, with_common
from discovery.cli.streams import stderr_line, stderr_lines
from discovery.reports.exit import Exit
from discovery.sandbox import agent_world
from discovery.sandbox.agent_world import AgentWorld, environment, latencies, publish_changes
from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.demo import build_demo
from discovery.sandbox.generated_world import MOST_ACCOUNTS, REGIONS, Size, Spread, generate
from discovery.sandbox.teleport.calls import CallLog as TeleportCallLog
from discovery.sandbox.teleport.demo import (
    DemoIdentities,
    build_cluster,
    issue,
    keep_fresh,
    section,
)
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from discovery.sandbox.world_file import read_world

T = TypeVar("T")

HOST = "127.0.0.1"
"""Loopback only: whoever reaches it can change everything in it."""


_CALLS_KEPT = 1000
"""As many as `/_sandbox/calls` shows; a fleet's sweep makes a hundred thousand."""


class PortTaken(click.ClickException):
    """Nothing can listen where the sandbox was told to."""


@click.command(name="sandbox", short_help="Run the simulated AWS and Teleport alone.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The simulated AWS listens there instead of on a free port.",
)
@click.option(
    "--teleport-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The simulated Teleport's Proxy Service listens there instead of on a free port.",
)
@click.option(
    "--world",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The cloud that this YAML file describes.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, MOST_ACCOUNTS),
    metavar="N",
    help="A generated cloud of N accounts.",
)
@click.option(
    "--regions",
    type=click.IntRange(1, len(REGIONS)),
    metavar="N",
    help="Regions of every account of it.  [default: 5]",
)
@click.option(
    "--caches",
    type=click.IntRange(min=0),
    metavar="N",
    help="Caches in all of it.  [default: 1000]",
)
@click.option(
    "--spread",
    type=click.Choice([spread.value for spread in Spread]),
    help="Caches in every scope, or in one of five.  [default: typical]",
)
@click.option("--seed", type=int, metavar="N", help="Another seed, another cloud.  [default: 0]")
@click.option(
    "--latency-ms",
    type=click.FloatRange(0, 60_000),
    default=0.0,
    metavar="MS",
    help="Time a call takes, on average: half in the nearest region, half as much again in the "
    "farthest.",
)
@with_common
def command(
    port: int,
    teleport_port: int,
    file: Path | None,
    accounts: int | None,
    regions: int | None,
    caches: int | None,
    spread: str | None,
    seed: int | None,
    latency_ms: float,
) -> Exit:
    """Run a simulated AWS and a simulated Teleport on 127.0.0.1 until Ctrl-C, and print what leads
    to them: variables for AWS, and parts of a configuration.

    AWS speaks the wire formats of STS, ElastiCache Serverless, the tagging API, SQS, Organizations
    and parts of EC2; an unmodified AWS CLI or SDK can create, tag and delete caches in it, and a
    queue tells of every change. What is in it: a small demonstration, a generated organization, or
    what a file says.

    For an agent without keys, as in a pod: POST {} as application/json to /_sandbox/web-identity
    of the AWS URL answers a token, for the file of AWS_WEB_IDENTITY_TOKEN_FILE, and a role.

    Teleport is a cluster behind one TLS port, as its Proxy Service has it, and a port of its Auth
    Service, with a bot's identity file that is kept fresh, and a person's for adopt and release.
    As in a real one, what is read follows what is written in steps of a second.

    \b
    A file for --world; only ids and names must be there:
      organization: {units: [{id: ou-ab12-00000001, accounts: ["222233334444"]}]}
      accounts:
        - id: "111122223333"
          regions:
            - name: eu-central-1
              users: [{id: app, access_string: "on ~* +@read"}]
              groups: [{id: people, users: [app]}]
              caches:
                - {name: orders, group: people, tags: {env: prod}, age: 90d}
                - {name: carts, engine: redis, version: "7", status: modifying}
        - id: "222233334444"
          roles:
            - {name: cachemuster, trusted: ["111122223333"], external_id: demo}

    \b
    Examples:
      cachemuster sandbox
      cachemuster sandbox --port 4566 > sandbox.env
      . ./sandbox.env && aws elasticache describe-serverless-caches
      cachemuster sandbox --accounts 100 --caches 1000 --latency-ms 100
    """
    common()
    numbers = {"regions": regions, "caches": caches, "spread": spread, "seed": seed}
    demo = _cloud(file, accounts, {name: n for name, n in numbers.items() if n is not None})
    asyncio.run(_serve(demo, port, teleport_port, latency_ms / 1000))
    return Exit.DONE


def _cloud(file: Path | None, accounts: int | None, numbers: Mapping[str, Any]) -> AgentWorld:
    if file is not None and accounts is not None:
        raise click.UsageError("--world and --accounts are two clouds: give one of them.")
    if numbers and accounts is None:
        raise click.UsageError(f"--{next(iter(numbers))} belongs to --accounts, which is missing.")
    if file is not None:
        return read_world(file)
    if accounts is not None:
        size = {"regions": 5, "caches": 1000, **numbers}
        return generate(
            Size(accounts=accounts, **size | {"spread": Spread(size.get("spread", "typical"))})
        )
    return build_demo()


async def _serve(demo: AgentWorld, port: int, teleport_port: int, latency_s: float) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    aws = SimulatedAws(demo.world, latencies=latencies(demo, latency_s), calls=CallLog(_CALLS_KEPT))
    teleport = SimulatedTeleport(build_cluster(), calls=TeleportCallLog(_CALLS_KEPT))
    async with (
        _listening(aws.serve(host=HOST, port=port), port, "--port") as url,
        _listening(
            teleport.serve(host=HOST, port=teleport_port), teleport_port, "--teleport-port"
        ) as at,
    ):
        _tell_of_aws(demo, url)
        with tempfile.TemporaryDirectory(prefix="cachemuster-sandbox-") as directory:
            badges = issue(teleport.cluster, Path(directory))
            _tell_of_teleport(at, badges)
            fresh = asyncio.create_task(keep_fresh(teleport.cluster, badges))
            await stopped.wait()
            fresh.cancel()


def _tell_of_aws(demo: AgentWorld, url: str) -> None:
    for name, value in {**environment(demo, url), **agent_world.external_ids(demo)}.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    stderr_line(f"The simulated AWS listens on {url}. Ctrl-C ends it, and all that is in it.")
    stderr_line(f"It tells of changes in the queue {publish_changes(demo, url)}: put that into")
    stderr_line("service.events.queue_url, and `cachemuster run` sees them within seconds.")
    stderr_line("Put this into a configuration:")
    stderr_lines(("", *agent_world.section(demo).splitlines()))


def _tell_of_teleport(at: Addresses, badges: DemoIdentities) -> None:
    stderr_line("")
    stderr_line(f"The simulated Teleport listens on {at.proxy} (its Auth Service on {at.auth}).")
    stderr_line("Put this into a configuration, too:")
    stderr_lines(("", *section(at.proxy, badges.bot).splitlines(), ""))
    stderr_line(f"A person's identity, for adopt and release: {badges.person}")
    stderr_line(f"What the cluster holds: curl --cacert {badges.web_ca} {at.control}state")


@asynccontextmanager
async def _listening(
    served: AbstractAsyncContextManager[T], port: int, option: str
) -> AsyncIterator[T]:
    """Where it listens. Raises: PortTaken."""
    async with AsyncExitStack() as stack:
        try:
            at = await stack.enter_async_context(served)
        except OSError as error:
            raise PortTaken(
                f"The sandbox cannot listen on {HOST}:{port}: {error.strerror}. Nothing was "
                f"started. Name another {option}, or leave it out to take a free one."
            ) from error
        yield at
