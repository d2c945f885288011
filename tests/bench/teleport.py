"""The benchmark of the control plane: listing many databases, and writing some.

    python -m tests.bench.teleport --databases 5000 --created 500

The simulated Teleport runs in a process of its own, behind the Proxy's TLS routing. The client's
process creates the databases, lists them all, looks up the names of some more and creates those;
its time and memory are its own. Writes go four at once and look-ups as many as in a sweep.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.teleport.client import WRITES_AT_ONCE, Teleport
from discovery.model.values import ResourceName
from discovery.sandbox.teleport.roles import bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from discovery.sweep.current_state import look_up_all
from tests.bench.measure import MIB, peak_bytes_of, resident_bytes_of
from tests.support.teleport_site import GROUP, registration

_LISTINGS = 3


def _serve(directory: Path, pipe: Connection) -> None:
    """A cluster with a bot's identity, until the other side hangs up."""
    teleport = SimulatedTeleport()
    teleport.cluster.write_web_ca(directory / "web-ca.pem")
    bot = teleport.cluster.issue("bot-cachemuster", bot_role(GROUP), lifetime=timedelta(hours=1))
    bot.write(directory / "identity")
    with teleport.serve_in_thread() as at:
        pipe.send(at.proxy)
        pipe.recv()


@contextmanager
def _teleport(directory: Path) -> Iterator[Settings]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(directory, theirs))
    process.start()
    try:
        identity = str(directory / "identity")
        values = {"kind": "teleport", "address": ours.recv(), "route": "proxy"}
        os.environ["SSL_CERT_FILE"] = str(directory / "web-ca.pem")
        yield Settings.model_validate({**values, "identity_file": identity})
    finally:
        ours.send("enough")
        process.join(timeout=30)


async def _measured(settings: Settings, databases: int, created: int) -> Mapping[str, Any]:
    async with Teleport(settings, clock=lambda: datetime.now(UTC)) as client:
        names = [f"c{number:05}" for number in range(databases + created)]
        filled_s = await _created(client, names[:databases])
        before_bytes = resident_bytes_of("self")
        listed_s = []
        for _ in range(_LISTINGS):
            began_s = time.perf_counter()
            found = len(await client.list_databases())
            listed_s.append(time.perf_counter() - began_s)
        grown_mib = (resident_bytes_of("self") - before_bytes) / MIB
        new = [ResourceName(name) for name in names[databases:]]
        began_s = time.perf_counter()
        await look_up_all(client, new)
        looked_up_s = time.perf_counter() - began_s
        created_s = await _created(client, new)
    return {
        "databases": found,
        "list_s": round(min(listed_s), 3),
        "list_grows_mib": round(grown_mib, 1),
        "created": created,
        "look_ups_per_s": round(created / looked_up_s),
        "writes_per_s": round(created / created_s),
        "writes_per_s_while_filling": round(databases / filled_s),
        "peak_mib": round(peak_bytes_of("self") / MIB),
    }


async def _created(client: Teleport, names: Sequence[str]) -> float:
    """How long it took until all of them were registered, in seconds."""
    slots = asyncio.Semaphore(WRITES_AT_ONCE)

    async def create(name: str) -> None:
        async with slots:
            await client.create(registration(name))

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(create(name))
    return time.perf_counter() - began_s


def measured(databases: int, created: int) -> Mapping[str, Any]:
    """One round."""
    with tempfile.TemporaryDirectory() as directory, _teleport(Path(directory)) as settings:
        return asyncio.run(_measured(settings, databases, created))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.teleport", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--databases", type=int, default=5000)
    parser.add_argument("--created", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = measured(asked.databases, asked.created)
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.writelines(
            f"{name.replace('_', ' ')}: {value}\n" for name, value in found.items()
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
