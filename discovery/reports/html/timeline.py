"""How counts went over time: areas that step from sweep to sweep, and the numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from state.records import SweepRecord, Total

WIDTH: Final = 1_000
HEIGHT: Final = 100
"""Units of the drawing, which the page stretches to the room that there is."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is counted: its name in the totals, its words, and the fill that stands for it."""

    total: Total
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Area:
    """One of the areas that lie on one another."""

    line: Line
    points: str
    """Corners of the area, in units of the drawing."""
    last: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A picture of counts over time, with the same as words and as numbers."""

    title: str
    lines: tuple[Line, ...]
    areas: tuple[Area, ...]
    most: int
    """The count at the upper edge."""
    first_at: datetime
    last_at: datetime
    rows: tuple[tuple[datetime, tuple[int, ...]], ...]
    """When, and the count of each line."""

    @property
    def alternative(self) -> str:
        """What the picture shows, in words."""
        columns = zip(*(values for _, values in self.rows), strict=True)
        counts = (
            f"{line.words}: {values[0]} at first, {values[-1]} now, "
            f"between {min(values)} and {max(values)}"
            for line, values in zip(self.lines, columns, strict=True)
        )
        return (
            f"{self.title}, from {_moment(self.first_at)} to {_moment(self.last_at)}. "
            + "; ".join(counts)
        )


READINESS: Final = (
    Line(Total.READY, "ready", "ready"),
    Line(Total.UNKNOWN, "unknown", "unknown"),
    Line(Total.NOT_READY, "not ready", "not-ready"),
)
REGISTRATIONS: Final = (Line(Total.REGISTRATIONS, "registrations", "info"),)
UNREAD: Final = (Line(Total.UNREAD_SCOPES, "unread scopes", "not-ready"),)


def timelines(sweeps: Sequence[SweepRecord]) -> tuple[Timeline, ...]:
    """Draw readiness, registrations and unread scopes; nothing before the second sweep."""
    counted = [(sweep.finished_at, sweep.totals) for sweep in sweeps if sweep.totals is not None]
    if len(counted) < 2:
        return ()
    return (
        _timeline("Ready for IAM login", READINESS, counted),
        _timeline("Registrations", REGISTRATIONS, counted),
        _timeline("Unread scopes", UNREAD, counted),
    )


def _timeline(
    title: str, lines: tuple[Line, ...], counted: Sequence[tuple[datetime, Mapping[str, int]]]
) -> Timeline:
    rows = tuple((at, tuple(totals.get(line.total, 0) for line in lines)) for at, totals in counted)
    most = max(1, *(sum(values) for _, values in rows))
    places = _places([at for at, _ in rows])
    below = [0] * len(rows)
    areas = []
    for index, line in enumerate(lines):
        above = [low + values[index] for low, (_, values) in zip(below, rows, strict=True)]
        areas.append(Area(line, _points(places, below, above, most), rows[-1][1][index]))
        below = above
    return Timeline(title, lines, tuple(areas), most, rows[0][0], rows[-1][0], rows)


def _places(moments: Sequence[datetime]) -> list[float]:
    first, span = moments[0], (moments[-1] - moments[0]).total_seconds()
    if span <= 0:  # a clock that was set back: evenly then
        return [WIDTH * number / (len(moments) - 1) for number in range(len(moments))]
    return [WIDTH * (at - first).total_seconds() / span for at in moments]


def _points(places: Sequence[float], below: Sequence[int], above: Sequence[int], most: int) -> str:
    """Corners of an area: a count holds until the next one."""
    corners = _steps(places, above) + _steps(places, below)[::-1]
    return " ".join(f"{x:.1f},{HEIGHT * (1 - count / most):.1f}" for x, count in corners)


def _steps(places: Sequence[float], counts: Sequence[int]) -> list[tuple[float, int]]:
    corners = [(places[0], counts[0])]
    for place, before, count in zip(places[1:], counts, counts[1:]):  # noqa: B905 - one less
        corners += [(place, before), (place, count)]
    return corners


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
