"""Serve the simulated AWS and Teleport, and print how to reach them."""

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

from discovery.cli.interruption import handle_signal
from discovery.cli.streams import stderr_line, stderr_lines
from discovery.probe.variables import SANDBOX_CACHES
from discovery.sandbox import agent_world
from discovery.sandbox.agent_world import AgentWorld, environment, latencies, publish_changes
from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.data_plane.client_files import CA_FILE, write_client_files
from discovery.sandbox.data_plane.server import SimulatedCaches
from discovery.sandbox.demo import build_demo
from discovery.sandbox.generated_world import Size, Spread, generate
from discovery.sandbox.teleport.calls import CallLog as TeleportCallLog
from discovery.sandbox.teleport.demo import (
    DemoIdentities,
    build_cluster,
    issue,
    keep_fresh,
    section,
)
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport

T = TypeVar("T")

HOST = "127.0.0.1"
"""Loopback only: whoever reaches it can change everything in it."""


_CALLS_KEPT = 1000
"""As many as `/_sandbox/calls` shows; the sweep of many accounts makes a hundred thousand."""


class PortTaken(click.ClickException):
    """The sandbox cannot listen on the port that was named."""


def choose_cloud(file: Path | None, accounts: int | None, numbers: Mapping[str, Any]) -> AgentWorld:
    """The simulated cloud: of a file, generated from numbers, or the demonstration.

    Raises: click.UsageError for options that exclude each other.
    """
    if file is not None and accounts is not None:
        raise click.UsageError("--world and --accounts are two clouds: give one of them.")
    if numbers and accounts is None:
        raise click.UsageError(f"--{next(iter(numbers))} belongs to --accounts, which is missing.")
    if file is not None:
        from discovery.sandbox.world_file import read_world

        return read_world(file)
    if accounts is not None:
        size = {"regions": 5, "caches": 1000, **numbers}
        return generate(
            Size(accounts=accounts, **size | {"spread": Spread(size.get("spread", "typical"))})
        )
    return build_demo()


async def serve(demo: AgentWorld, port: int, teleport_port: int, latency_s: float) -> None:
    """Serve the simulated AWS and Teleport until SIGINT or SIGTERM. Raises: PortTaken."""
    stopped = asyncio.Event()
    with (
        handle_signal(signal.SIGINT, stopped.set),
        handle_signal(signal.SIGTERM, stopped.set),
    ):
        await _serve_until(stopped, demo, port, teleport_port, latency_s)


async def _serve_until(
    stopped: asyncio.Event, demo: AgentWorld, port: int, teleport_port: int, latency_s: float
) -> None:
    aws = SimulatedAws(demo.world, latencies=latencies(demo, latency_s), calls=CallLog(_CALLS_KEPT))
    caches = SimulatedCaches(demo.world)
    aws.controls.append(caches.controls)
    teleport = SimulatedTeleport(build_cluster(), calls=TeleportCallLog(_CALLS_KEPT))
    async with (
        _serve_or_refuse(aws.serve(host=HOST, port=port), port, "--port") as url,
        _serve_or_refuse(
            teleport.serve(host=HOST, port=teleport_port), teleport_port, "--teleport-port"
        ) as at,
        caches.serve(host=HOST) as data_plane,
    ):
        with tempfile.TemporaryDirectory(prefix="cachemuster-sandbox-") as directory:
            hosts = write_client_files(caches, data_plane, Path(directory))
            _print_aws(demo, url, hosts)
            _print_caches(data_plane, hosts.parent / CA_FILE)
            identities = issue(teleport.cluster, Path(directory))
            _print_teleport(at, identities)
            fresh = asyncio.create_task(keep_fresh(teleport.cluster, identities))
            await stopped.wait()
            fresh.cancel()


def _print_aws(demo: AgentWorld, url: str, hosts: Path) -> None:
    caches = {SANDBOX_CACHES: str(hosts)}
    variables = {**environment(demo, url), **agent_world.external_ids(demo), **caches}
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    stderr_line(f"The simulated AWS listens on {url}. Ctrl-C ends it, and all that is in it.")
    stderr_line(f"It tells of changes in the queue {publish_changes(demo, url)}: put that into")
    stderr_line("service.events.queue_url, and `cachemuster run` sees them within seconds.")
    stderr_line("Put this into a configuration:")
    stderr_lines(("", *agent_world.section(demo).splitlines()))


def _print_caches(address: str, ca_file: Path) -> None:
    host, _, port = address.rpartition(":")
    stderr_line("")
    stderr_line(f"Its caches take IAM logins on {address}, with their endpoint's host as SNI:")
    stderr_line(f"redis-cli -h {host} -p {port} --tls --cacert {ca_file} --sni HOST \\")
    stderr_line('  --user USER --pass "$(cachemuster token CACHE USER --region REGION)" PING')


def _print_teleport(at: Addresses, identities: DemoIdentities) -> None:
    stderr_line("")
    stderr_line(f"The simulated Teleport listens on {at.proxy} (its Auth Service on {at.auth}).")
    stderr_line("Put this into a configuration, too:")
    stderr_lines(("", *section(at.proxy, identities.bot).splitlines(), ""))
    stderr_line(f"A person's identity, for adopt and release: {identities.person}")
    stderr_line(f"What the cluster holds: curl --cacert {identities.web_ca} {at.control}state")


@asynccontextmanager
async def _serve_or_refuse(
    served: AbstractAsyncContextManager[T], port: int, option: str
) -> AsyncIterator[T]:
    """Enter `served`; yields where it listens. Raises: PortTaken."""
    async with AsyncExitStack() as stack:
        try:
            at = await stack.enter_async_context(served)
        except OSError as error:
            raise PortTaken(
                f"The sandbox cannot listen on {HOST}:{port}: {error.strerror}. Nothing was "
                f"started. Name another {option}, or leave it out to take a free one."
            ) from error
        yield at
