"""The benchmark measures what it says: the pattern's calls, and the sweeps beside it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.agent_world import environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.demo import EXTERNAL_ID
from discovery.sandbox.generated_world import Size, Spread, generate
from tests.bench import pattern, reports, without
from tests.bench.cloud import write_configuration
from tests.bench.figures import AGAIN, FIRST, PATTERN, TICK, Figures, Run
from tests.bench.measure import MIB, Cost
from tests.bench.sweep import measured, median


@pytest.mark.slow
async def test_the_pattern_is_that_of_teleports_discovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = Size(4, 5, 40, Spread.TYPICAL)
    demo = generate(size)
    aws = SimulatedAws(demo.world)
    file = write_configuration(size, tmp_path)
    monkeypatch.setenv("EXTERNAL_ID", EXTERNAL_ID)
    async with aws.serve() as url:
        for name, value in environment(demo, url).items():
            monkeypatch.setenv(name, value)
        assert await pattern.discovered(file) == 40
    asked = Counter(call.operation for call in aws.calls)
    assert asked == {
        "GetCallerIdentity": 1,
        "AssumeRole": 3,
        "DescribeServerlessCaches": 20,
        "DescribeSubnets": 4,
        "ListTagsForResource": 40,
    }
    [scope] = {(call.account_id, call.region) for call in aws.calls.of("DescribeSubnets")[:1]}
    order = [call.operation for call in aws.calls if (call.account_id, call.region) == scope]
    assert [name for name in order if name not in ("AssumeRole", "GetCallerIdentity")] == [
        "DescribeServerlessCaches",
        "DescribeSubnets",
        *["ListTagsForResource"] * 10,
    ]


async def test_the_pattern_has_five_scopes_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = most = 0

    async def fetched(_session: object) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return 1

    size = Size(1, 17, 0)
    demo = generate(size)
    file = write_configuration(size, tmp_path)
    monkeypatch.setattr(pattern, "_fetched", fetched)
    async with SimulatedAws(demo.world).serve() as url:
        for name, value in environment(demo, url).items():
            monkeypatch.setenv(name, value)
        assert await pattern.discovered(file) == 17
    assert most == 5


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_one_round() -> None:
    figures = measured(Size(2, 2, 8, Spread.EVEN), 0, pattern=False)
    first, again, tick = figures.runs
    assert [run.what for run in figures.runs] == [FIRST, AGAIN, TICK]
    assert (first.writes, again.writes, tick.writes) == (8, 0, 0)
    assert first.calls["elasticache:DescribeServerlessCaches"] == 4
    assert 0 < again.state_bytes < 32 * 1024, "an unchanged sweep rewrites a few pages of state"
    assert sum(tick.calls.values()) < sum(again.calls.values())
    assert all(run.cost.cpu_s > 0 < run.cost.wall_s for run in figures.runs)
    assert all(10 << 20 < run.cost.peak_bytes < 200 << 20 for run in figures.runs)
    assert figures.ratios == {}, "there is nothing to compare with"
    assert json.loads(json.dumps(figures.document()))["runs"][0]["calls"] == first.calls


def figures_of(pattern_s: float, *sweeps_s: float) -> Figures:
    whats = (PATTERN, FIRST, AGAIN, TICK)
    runs = [
        Run(what=what, cost=Cost(wall_s, 1.0, 1), calls={})
        for what, wall_s in zip(whats, (pattern_s, *sweeps_s), strict=True)
    ]
    world = {"spread": "typical"}
    return Figures(world=world, runs=runs, sandbox_cpu_s=1, sandbox_peak_bytes=1)


def test_what_is_too_slow_is_named() -> None:
    figures = figures_of(30, 2.5, 1.5, 0.5)
    assert figures.ratios == {FIRST: 12.0, AGAIN: 20.0, TICK: 60.0}
    assert [line.partition(":")[0] for line in figures.too_slow(1)] == [FIRST, AGAIN]
    assert figures.too_slow(0.5) == []


def test_of_several_rounds_the_median() -> None:
    rounds = [figures_of(30, 5, 1, 1), figures_of(20, 9, 2, 1), figures_of(40, 6, 9, 1)]
    assert [run.cost.wall_s for run in median(rounds).runs] == [30, 6, 2, 1]


def test_every_form_of_a_report_is_measured() -> None:
    shown = list(reports.lines(40))
    forms = [
        line.rpartition(" s (")[0].rstrip(" .0123456789").strip() for line in shown if "CPU" in line
    ]
    tables = ["table", "table --full", "table --summary"]
    assert forms == [*tables, "json", "markdown", "html", "csv"] * 2
    assert all(line.endswith("MiB written") for line in shown if "CPU" in line)


@pytest.mark.parametrize("what", [each for each in without.WITHOUT if each != "nothing"])
def test_what_is_taken_out_is_there(what: str) -> None:
    """An assignment to a name that nothing reads any more takes nothing out."""
    undoing = without.WITHOUT[what]
    namespace: dict[str, Any] = {}
    exec("".join(re.findall(r"^(?:import|from) .*\n", undoing, re.M)), namespace)
    targets = re.findall(r"^([A-Za-z_]+(?:[.]\w+)+) = ", undoing, re.M)
    assert targets
    for target in targets:
        eval(target, namespace)


def test_a_row_for_everything_that_is_taken_out() -> None:
    rows = list(without.lines({what: [Cost(2, 1, MIB)] for what in without.WITHOUT}))
    assert [row[:30].strip() for row in rows[1:]] == list(without.WITHOUT)
