"""Growth and shards: what is measured, and how it is shown."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import growth, shards
from tests.bench.figures import AGAIN, FIRST
from tests.bench.growth import series
from tests.bench.growth_lines import MEASURES, SWEEPS, Costs, Line, World, lines
from tests.bench.growth_picture import picture
from tests.bench.measure import MIB, Cost, Failed
from tests.bench.shards import Row
from tests.bench.together import cost_together

SERIES = series(World(40, 2, 400), 3, 8000)


def costs() -> Costs:
    """Each sweep takes a second, and 10 ms more for each account."""
    return {
        (world, sweep): Cost(1 + world.accounts / 100, 1 + world.accounts / 100, 64 * MIB)
        for each in SERIES
        for world in each.worlds
        for sweep in SWEEPS
    }


def test_one_thing_doubles_and_all_else_stays() -> None:
    assert [[each.size(world) for world in each.worlds] for each in SERIES] == [
        [40, 80, 160, 320],
        [2, 4, 8, 16],
        [400, 800, 1600, 3200],
        [1000, 2000, 4000, 8000],
    ]
    for each in SERIES:
        others = [
            {name: getattr(world, name) for name in ("accounts", "regions") if name != each.what}
            for world in each.worlds
        ]
        assert all(other == others[0] for other in others)


def test_a_straight_line_is_not_off() -> None:
    line = Line.through([(1, 3.0), (2, 5.0), (4, 9.0)])
    assert (line.start, line.slope, line.off) == pytest.approx((1, 2, 0))


def test_growth_with_the_square_is_far_off() -> None:
    assert Line.through([(n, float(n * n)) for n in (1, 2, 4, 8)]).off > 0.5


def test_the_table_has_its_rows() -> None:
    rows = [line.strip("|\n ").split(" | ") for line in lines(SERIES, costs())]
    assert len(rows) == 2 + 4 * 5
    assert rows[2] == ["40 accounts", *("1.40", "1.40", "64") * 2]
    assert rows[6] == ["**one more, off**", *("10.00 ms, 0%", "10.00 ms, 0%", "0.00 KiB, 0%") * 2]


def test_the_picture_has_a_panel_for_each_series_and_figure() -> None:
    drawn = ElementTree.fromstring(picture(SERIES, costs()))
    name = "{http://www.w3.org/2000/svg}"
    points = drawn.findall(f"{name}circle")
    assert len(points) == len(SWEEPS) + 4 * 4 * len(MEASURES) * len(SWEEPS)
    texts = [each.text for each in drawn.findall(f"{name}text")]
    assert {"accounts", "regions", "caches", "registrations", *(m.unit for m in MEASURES)} <= {
        *texts
    }
    width, height = float(drawn.get("width", 0)), float(drawn.get("height", 0))
    for point in points:
        assert 0 < float(point.get("cx", -1)) < width
        assert 0 < float(point.get("cy", -1)) < height


@pytest.mark.slow
def test_worlds_are_swept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "growth.svg"
    assert growth.main(["--quick", "--only", "registrations", "--picture", str(file)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| 32 registrations",
        "| 64 registrations",
        "| **one more, off**",
    ]
    assert file.read_text().startswith("<svg ")


def test_what_processes_take_together(tmp_path: Path) -> None:
    """The second one has a child that holds 32 MiB until it is told to end."""
    child = "import sys; held = b'x' * (32 << 20); print(flush=True); sys.stdin.read()"
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=-1, stdout=-1)\n"
        "child.stdout.readline(); time.sleep(0.3); child.communicate()"
    )
    commands = [[sys.executable, "-c", code] for code in ("pass", parent)]
    cost = cost_together(commands, {}, tmp_path)
    assert cost.peak_bytes > 32 * MIB
    assert cost.wall_s > 0.3
    assert cost.cpu_s > 0


def test_a_process_that_fails_is_named_and_ends_the_others(tmp_path: Path) -> None:
    codes = ("raise SystemExit('no luck')", "import time; time.sleep(60)")
    with pytest.raises(Failed, match="no luck"):
        cost_together([[sys.executable, "-c", code] for code in codes], {}, tmp_path)


def row(processes: int, what: str, registered: dict[str, str]) -> Row:
    return Row(processes, what, Cost(1, 1, MIB), 9, registered)


def test_other_registrations_are_told() -> None:
    same = [row(1, FIRST, {"a": "1"}), row(2, AGAIN, {"a": "1"})]
    assert shards.is_same(same)
    assert list(shards.lines(same))[-1].endswith("1 databases, the same after every sweep\n")
    other = [*same, row(2, AGAIN, {"a": "2"})]
    assert not shards.is_same(other)
    assert "NOT the same" in list(shards.lines(other))[-1]


@pytest.mark.slow
def test_shards_register_what_one_process_does(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--accounts", "4", "--regions", "1", "--caches", "12", "--latency-ms", "0"]
    assert shards.main(arguments) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 1 + 4 + 1
    assert rows[-1] == "registered: 12 databases, the same after every sweep"
