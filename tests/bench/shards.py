"""One process for all accounts, and shards side by side, as an indexed Job of n pods runs them.

    python -m tests.bench.shards --shards 2

Each shard has its own state; the registry is one for all. Both register into an empty registry and
then sweep again; what is registered has to be the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery.control_plane.embedded.control_plane import EmbeddedReader
from discovery.sandbox.generated_world import Size, Spread
from tests.bench.cloud import COMMAND, Cloud, running, write_configuration
from tests.bench.figures import AGAIN, FIRST
from tests.bench.measure import MIB, Cost, Failed
from tests.bench.together import cost_together


@dataclass(frozen=True, slots=True)
class Row:
    """One sweep of the whole world, by one process or several."""

    processes: int
    what: str
    cost: Cost
    calls: int
    registered: Mapping[str, Any]
    """What is registered after it, by name."""


def measured(size: Size, latency_ms: float, shards: int) -> Sequence[Row]:
    """A first and an unchanged sweep, by one process and by so many. Raises: Failed."""
    with running(size, latency_ms) as cloud:
        return [row for processes in (1, shards) for row in _rows(size, cloud, processes)]


def _rows(size: Size, cloud: Cloud, processes: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        registry = Path(directory) / "registry.db"
        commands = [_command(size, Path(directory), shard, processes) for shard in range(processes)]
        for what in (FIRST, AGAIN):
            cloud.counted()
            cost = cost_together(commands, cloud.environment, Path(directory))
            calls = sum(cloud.counted().values())
            yield Row(processes, what, cost, calls, _registered(registry))


def _command(size: Size, directory: Path, shard: int, shards: int) -> Sequence[str]:
    own = directory / f"shard-{shard}"
    own.mkdir()
    file = write_configuration(size, own)
    configuration = json.loads(file.read_text())
    configuration["control_plane"]["path"] = str(directory / "registry.db")
    file.write_text(json.dumps(configuration))
    report = ("--format", "json", "-o", str(own / "report.json"))
    part = ("--shard", f"{shard}/{shards}") if shards > 1 else ()
    return (*COMMAND, "sweep", "-c", str(file), *part, *report)


def _registered(registry: Path) -> Mapping[str, Any]:
    databases = asyncio.run(EmbeddedReader(registry).list_databases())
    return {
        database.name: (database.labels, database.description, database.spec)
        for database in databases
    }


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table that is printed."""
    heads = "".join(f"{head:>8}" for head in ("wall s", "quiet s", "CPU s", "MiB", "calls"))
    yield f"{'':<24}{'processes':>10}{heads}\n"
    for row in rows:
        cost = row.cost
        yield (
            f"{row.what:<24}{row.processes:>10}{cost.wall_s:>8.2f}{cost.undisturbed_s:>8.2f}"
            f"{cost.cpu_s:>8.2f}{cost.peak_bytes / MIB:>8.0f}{row.calls:>8}\n"
        )
    same = "the same" if is_same(rows) else "NOT the same"
    yield f"registered: {len(rows[0].registered)} databases, {same} after every sweep\n"


def is_same(rows: Sequence[Row]) -> bool:
    """Whether all sweeps left the same registered."""
    return all(row.registered == rows[0].registered for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when the shards registered anything else than one process."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.shards", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--regions", type=int, default=5)
    parser.add_argument("--caches", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=100.0)
    parser.add_argument("--shards", type=int, default=2)
    asked = parser.parse_args(arguments)
    size = Size(asked.accounts, asked.regions, asked.caches, Spread.TYPICAL)
    try:
        rows = measured(size, asked.latency_ms, asked.shards)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(lines(rows))
    return 0 if is_same(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
