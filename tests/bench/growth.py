"""How what a sweep takes grows: with accounts, regions, caches and registrations, one at a time.

    python -m tests.bench.growth --picture growth.svg

The smallest world is the same for accounts, regions and caches; each then doubles while all else
stays. Registrations are those in the control plane: those of the world's caches and, half and half,
some of the agent's group in accounts that it does not sweep, and some of nobody known. A line is
fitted to each row of points; "off" is the largest distance of a point from it, in percent of the
line there.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.values import Database, ResourceName
from discovery.sandbox.generated_world import Size
from tests.bench.cloud import COMMAND, running, write_configuration
from tests.bench.growth_lines import SWEEPS, Costs, Series, World, lines
from tests.bench.growth_picture import picture
from tests.bench.measure import Cost, Failed
from tests.bench.together import cost_together

LATENCY_MS = 20.0


def series(smallest: World, doublings: int, most: int) -> Sequence[Series]:
    """Every series, from the smallest world on; `most` registrations in the last one."""
    factors = [2**power for power in range(doublings + 1)]
    accounts, regions, caches = smallest.accounts, smallest.regions, smallest.caches
    listed = [most // factor for factor in reversed(factors)]
    return (
        Series("accounts", [World(accounts * by, regions, caches) for by in factors]),
        Series("regions", [World(accounts, regions * by, caches) for by in factors]),
        Series("caches", [World(accounts, regions, caches * by) for by in factors]),
        Series("registrations", [World(accounts, regions, caches, n - caches) for n in listed]),
    )


def measured(wanted: Sequence[Series], rounds: int) -> Costs:
    """Each world once a round; the median of each figure. Raises: Failed."""
    worlds = dict.fromkeys(world for each in wanted for world in each.worlds)
    found: dict[tuple[World, str], list[Cost]] = {}
    for _ in range(rounds):
        for world in worlds:
            sys.stderr.write(
                f"{world.accounts} accounts × {world.regions} regions, {world.caches} caches, "
                f"{world.registrations} registrations\n"
            )
            for what, cost in _swept(world):
                found.setdefault((world, what), []).append(cost)
    return {place: _median(costs) for place, costs in found.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        round(statistics.median(cost.peak_bytes for cost in costs)),
        statistics.median(cost.starved_s for cost in costs),
    )


def _swept(world: World) -> Iterator[tuple[str, Cost]]:
    size = Size(world.accounts, world.regions, world.caches)
    with running(size, LATENCY_MS) as cloud, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        file = write_configuration(size, directory)
        asyncio.run(_register(directory / "registry.db", world.others))
        report = ("--format", "json", "-o", str(directory / "report.json"))
        command = (*COMMAND, "sweep", "-c", str(file), *report)
        for what in SWEEPS:
            yield what, cost_together([command], cloud.environment, directory)


async def _register(registry: Path, count: int) -> None:
    async with Embedded(registry) as control_plane, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(control_plane.create(_other(number)))


def _other(number: int) -> Database:
    """A database of the agent's group in an account that is not swept, or of nobody known."""
    cache, account, region = f"cache-{number}", f"{number % 100:012}", "eu-central-1"
    ours = {
        "managed-by": "cachemuster",
        "cachemuster/group": "bench",
        "cachemuster/arn": f"arn:aws:elasticache:{region}:{account}:serverlesscache:{cache}",
    }
    return Database(
        name=ResourceName(f"other-{number}"),
        labels={"teleport.dev/origin": "dynamic", "env": "prod", **(ours if number % 2 else {})},
        description=f"ElastiCache Serverless cache in {region}",
        spec={
            "protocol": "redis",
            "uri": f"{cache}-abc123.serverless.euc1.cache.amazonaws.com:6379",
            "aws": {
                "region": region,
                "account_id": account,
                "elasticache_serverless": {"cache_name": cache},
            },
        },
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=1, help="of several, the median")
    parser.add_argument("--quick", action="store_true", help="tiny worlds, to see that it works")
    parser.add_argument("--only", action="append", help="one of the series; may be repeated")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write an SVG picture there")
    asked = parser.parse_args(arguments)
    every = series(World(2, 1, 8), 1, 64) if asked.quick else series(World(40, 2, 400), 3, 8000)
    wanted = [each for each in every if asked.only is None or each.what in asked.only]
    try:
        costs = measured(wanted, asked.rounds)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(lines(wanted, costs))
    if asked.picture is not None:
        asked.picture.write_text(picture(wanted, costs), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
