"""The picture of `tests.bench.growth`: a panel for each thing that grows and each figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.bench.growth_lines import MEASURES, SWEEPS, Costs, Measure, Series, line_of

_COLORS = dict(zip(SWEEPS, ("#1f5fa8", "#c2571a"), strict=True))
_WIDTH, _HEIGHT = 210, 130
"""Of a panel."""
_LEFT, _TOP, _GAP_X, _GAP_Y = 74, 62, 26, 34
_INK, _PALE = "#333", "#d8d8d8"


def picture(found: Sequence[Series], costs: Costs) -> str:
    """Draw it as SVG; panels of one row have one scale."""
    width = _LEFT + len(found) * (_WIDTH + _GAP_X)
    height = _TOP + len(MEASURES) * (_HEIGHT + _GAP_Y) + 12
    panels = [
        part
        for row, measure in enumerate(MEASURES)
        for column, each in enumerate(found)
        for part in _panel(each, measure, costs, (column, row), _highest(found, measure, costs))
    ]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
            f'fill="{_INK}">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *_legend(),
            *panels,
            "</svg>\n",
        )
    )


def _legend() -> Iterator[str]:
    yield _text(_LEFT, 20, "What a sweep takes, one thing growing at a time", "start", bold=True)
    for number, sweep in enumerate(SWEEPS):
        x = _LEFT + number * 110
        yield _circle(x + 4, 36, sweep)
        yield _text(x + 13, 40, sweep, "start")
    words = "lines: nearest to the points; ±: how far the farthest point is from its line"
    yield _text(_LEFT + 290, 40, words, "start")


def _highest(found: Sequence[Series], measure: Measure, costs: Costs) -> float:
    """Return a round number above every point of a row."""
    worlds = {world for each in found for world in each.worlds}
    most = max(measure.read(cost) for (world, _), cost in costs.items() if world in worlds)
    step = math.pow(10, math.floor(math.log10(most)))
    return next(step * by for by in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * by >= most)


def _panel(
    each: Series, measure: Measure, costs: Costs, place: tuple[int, int], highest: float
) -> Iterator[str]:
    column, row = place
    left, bottom = _LEFT + column * (_WIDTH + _GAP_X), _TOP + row * (_HEIGHT + _GAP_Y) + _HEIGHT
    widest = each.size(each.worlds[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x / widest * (_WIDTH - 8), bottom - y / highest * _HEIGHT

    for tick in (0, highest / 2, highest):
        _, y = at(0, tick)
        yield f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="{_PALE}"/>'
        if column == 0:
            yield _text(left - 6, y + 4, f"{tick:g}", "end")
    if column == 0:
        middle = bottom - _HEIGHT / 2
        yield (
            f'<text x="20" y="{middle}" text-anchor="middle" font-weight="bold" '
            f'transform="rotate(-90 20 {middle})">{measure.unit}</text>'
        )
    for world in each.worlds:
        x, _ = at(each.size(world), 0)
        yield f'<path d="M{x:.1f} {bottom}v4" stroke="{_INK}"/>'
        yield _text(x, bottom + 15, _short(each.size(world)), "middle")
    if row == len(MEASURES) - 1:
        yield _text(left + _WIDTH / 2, bottom + 33, each.what, "middle", bold=True)
    for number, sweep in enumerate(SWEEPS):
        line = line_of(each, sweep, measure, costs)
        (x1, y1), (x2, y2) = at(0, line.start), at(widest, line.start + line.slope * widest)
        color = _COLORS[sweep]
        yield f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{color}" opacity=".6"/>'
        for world in each.worlds:
            yield _circle(*at(each.size(world), measure.read(costs[world, sweep])), sweep)
        yield _text(
            left + 6 + number * 46, bottom - _HEIGHT + 12, f"±{line.off:.0%}", "start", color
        )


def _short(number: int) -> str:
    return str(number) if number < 1000 else f"{number / 1000:g}k"


def _circle(x: float, y: float, sweep: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_COLORS[sweep]}"/>'


def _text(
    x: float, y: float, text: str, anchor: str, color: str = _INK, *, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{weight}>{text}</text>'
    )
