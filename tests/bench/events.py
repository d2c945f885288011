"""The benchmark: from a cache that becomes available to its registered database, by events.

    python -m tests.bench.events --creations 200 --debounce 1s --latency-ms 50

A real `cachemuster run` in a process of its own listens to a queue of the simulated AWS. Caches are
created there through the API, one after another in several regions; each is `creating` for a while
and then available. The time between that moment and the database standing in the registry is what
a person waits. The interval of whole sweeps is an hour, so nothing but events brings it about.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3

from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.world import World

REGIONS = (
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "ap-south-1",
)
"""Enough for 200 caches, of which a region holds 40."""
ACCOUNT = "111122223333"
CREATING = timedelta(seconds=1)
_BETWEEN_S = 0.25
_POLL_S = 0.005
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each database took, in seconds, from available to registered."""

    seconds: Sequence[float]

    def share(self, percent: float) -> float:
        """The time within which so many percent of them were registered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def document(self) -> Mapping[str, Any]:
        return {
            "creations": len(self.seconds),
            "p50_s": round(self.share(50), 3),
            "p99_s": round(self.share(99), 3),
            "max_s": round(max(self.seconds), 3),
        }


def measured(creations: int, debounce: str, latency_ms: float) -> Waits:
    """One round. Raises: RuntimeError, when the service does not come so far."""
    world = World(delays=Delays(creating=CREATING))
    hub = world.account(ACCOUNT, regions=REGIONS)
    key = hub.add_key("cachemuster")
    world.events.deliver_to(hub.region(REGIONS[0]).add_queue("changes"))
    latencies = dict.fromkeys(REGIONS, latency_ms / 1000)
    with (
        SimulatedAws(world, latencies=latencies).serve_in_thread() as url,
        tempfile.TemporaryDirectory() as directory,
    ):
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        _configure(Path(directory), f"{url}/{ACCOUNT}/changes", debounce)
        with _service(Path(directory), environment):
            return _waits(Path(directory), environment, creations)


def _configure(directory: Path, queue_url: str, debounce: str) -> None:
    configuration = {
        "version": 1,
        "group": "bench",
        "aws": {"regions": list(REGIONS)},
        "service": {
            "interval": "1h",
            "jitter": "0s",
            "listen": "127.0.0.1:0",
            "events": {"queue_url": queue_url, "debounce": debounce},
        },
    }
    (directory / "cachemuster.yaml").write_text(json.dumps(configuration))


@contextmanager
def _service(directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """A service that has swept once."""
    log = directory / "service.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "discovery.cli", "run", "--log-format", "json"],
            cwd=directory,
            env=dict(environment),
            stdout=said,
            stderr=said,
        )
    try:
        deadline_s = time.monotonic() + _LONGEST_S
        while "sweep.finished" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"the service did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _waits(directory: Path, environment: Mapping[str, str], creations: int) -> Waits:
    """Creates one cache after another, and looks who is registered all the while."""
    clients = [_client(region, environment) for region in REGIONS]
    chance = random.Random(creations)
    available_at: dict[str, float] = {}
    registered_at: dict[str, float] = {}
    next_at = time.monotonic()
    with closing(sqlite3.connect(f"file:{directory / 'registry.db'}?mode=ro", uri=True)) as file:
        while len(registered_at) < creations:
            now = time.monotonic()
            if now >= next_at and len(available_at) < creations:
                name = f"c{len(available_at)}"
                client = clients[chance.randrange(len(clients))]
                client.create_serverless_cache(ServerlessCacheName=name, Engine="valkey")
                available_at[name] = time.monotonic() + CREATING.total_seconds()
                next_at = now + _BETWEEN_S
            for (name,) in file.execute("SELECT name FROM databases"):
                registered_at.setdefault(name.partition("-")[0], time.monotonic())
            if available_at and now > max(available_at.values()) + _LONGEST_S:
                raise RuntimeError(f"only {len(registered_at)} of {creations} were registered")
            time.sleep(_POLL_S)
    return Waits([registered_at[name] - at for name, at in available_at.items()])


def _client(region: str, environment: Mapping[str, str]) -> Any:
    return boto3.client(
        "elasticache",
        region_name=region,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 0 unless something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.events", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--creations", type=int, default=200)
    parser.add_argument("--debounce", default="1s")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = measured(asked.creations, asked.debounce, asked.latency_ms).document()
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(
            f"{found['creations']} caches, debounce {asked.debounce}, {asked.latency_ms:g} ms a "
            f"call: registered after p50 {found['p50_s']} s, p99 {found['p99_s']} s, at most "
            f"{found['max_s']} s\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
