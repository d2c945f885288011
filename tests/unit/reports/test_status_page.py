"""The page of what state remembers: its pictures over time say what the sweeps counted."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.reports.html.status_page import write_status_page
from discovery.reports.html.timeline import HEIGHT, WIDTH, timelines
from discovery.reports.status import Status
from state.records import SweepRecord, Total
from tests.support.rendered import Read, read
from tests.support.status_samples import AT, fleet_status, sweep, sweeps_over_time
from tests.unit.reports.test_status import NOTHING, STATUS


def markup(status: Status, sweeps: tuple[SweepRecord, ...] = ()) -> str:
    stream = io.StringIO()
    write_status_page(status, sweeps, stream)
    return stream.getvalue()


def said(page: Read) -> str:
    return " ".join(page.said(outside=frozenset({"style", "script"})).split())


@pytest.mark.parametrize(
    ("status", "sweeps"),
    [
        pytest.param(NOTHING, (), id="nothing-yet"),
        pytest.param(STATUS, (), id="no-totals"),
        pytest.param(fleet_status(), sweeps_over_time(), id="fleet"),
    ],
)
def test_it_is_whole_and_needs_nothing_from_anywhere(
    status: Status, sweeps: tuple[SweepRecord, ...]
) -> None:
    text = markup(status, sweeps)
    page = read(text)
    assert text.isascii()
    assert not page.unbalanced
    assert not {"link", "img", "iframe", "form"} & {tag.name for tag in page.tags}
    assert not [tag for tag in page.tags if {"src", "style"} & tag.attributes.keys()]
    assert all(tag.attributes.get("aria-label") for tag in page.named("svg"))
    assert all("scope" in tag.attributes for tag in page.named("th"))


def test_what_aws_and_teleport_say_is_only_shown() -> None:
    text = markup(STATUS)
    assert "AWS said no\\x1b[2J." in said(read(text))
    assert "\x1b" not in text


def test_before_the_second_sweep_nothing_went_over_time() -> None:
    words = "Pictures over time begin with the second sweep"
    assert words in said(read(markup(STATUS)))
    assert words in said(read(markup(STATUS, sweeps_over_time(1))))
    assert words not in said(read(markup(STATUS, sweeps_over_time(2))))


def test_sweeps_that_counted_nothing_are_left_out() -> None:
    first, *rest = sweeps_over_time(3)
    drawn = timelines([replace(first, totals=None), *rest])
    assert [len(one.rows) for one in drawn] == [2, 2, 2]
    assert timelines([replace(one, totals=None) for one in (first, *rest)]) == ()


def test_a_picture_says_in_words_what_it_shows() -> None:
    sweeps = [
        sweep(AT, **{Total.UNREAD_SCOPES: 0}),
        sweep(AT + timedelta(hours=1), **{Total.UNREAD_SCOPES: 4}),
        sweep(AT + timedelta(hours=2), **{Total.UNREAD_SCOPES: 1}),
    ]
    assert timelines(sweeps)[2].alternative == (
        "Unread scopes, from 2026-11-23 09:24 UTC to 2026-11-23 11:24 UTC. "
        "unread scopes: 0 at first, 1 now, between 0 and 4"
    )


def test_a_count_holds_until_the_next_sweep() -> None:
    sweeps = [
        sweep(AT + timedelta(hours=hour), **{Total.REGISTRATIONS: count})
        for hour, count in ((0, 2), (1, 4), (4, 1))
    ]
    points = timelines(sweeps)[1].areas[0].points.split()
    upper = points[: len(points) // 2]
    assert upper == ["0.0,50.0", "250.0,50.0", "250.0,0.0", "1000.0,0.0", "1000.0,75.0"]


@pytest.mark.slow
@given(st.lists(st.tuples(*[st.integers(0, 9_999)] * 4), min_size=2, max_size=20))
def test_areas_lie_on_one_another_and_within_the_drawing(counts: list[tuple[int, ...]]) -> None:
    names = (Total.READY, Total.NOT_READY, Total.UNKNOWN, Total.REGISTRATIONS)
    sweeps = [
        sweep(AT + timedelta(minutes=minute), **dict(zip(names, values, strict=True)))
        for minute, values in enumerate(counts)
    ]
    for one in timelines(sweeps):
        assert one.most >= 1
        assert [area.last for area in one.areas] == list(one.rows[-1][1])
        corners = [
            tuple(map(float, corner.split(",")))
            for area in one.areas
            for corner in area.points.split()
        ]
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)
        upper = [area.points.split()[: len(area.points.split()) // 2] for area in one.areas]
        lower = [area.points.split()[len(area.points.split()) // 2 :][::-1] for area in one.areas]
        assert lower[1:] == upper[:-1]


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    sweeps = [sweep(AT, ready=1), sweep(AT - timedelta(days=1), ready=2), sweep(AT, ready=3)]
    assert timelines(sweeps)[0].rows[-1][1][0] == 3


def test_the_numbers_are_those_of_the_state() -> None:
    status = fleet_status()
    found = dict(re.findall(r"<dt>([^<]+)</dt><dd><b>([^<]+)</b>", markup(status)))
    assert found == {
        "Registrations": str(len(status.state.registrations)),
        "Caches": "90",
        "Unread scopes": "1",
        "Waiting to be removed": "0",
        "Sweeps": "30",
    }
    labels = [str(tag.attributes["aria-label"]) for tag in read(markup(status)).named("svg")]
    judged = [cache.iam for cache in status.state.caches.values()]
    ready = sum(one is not None and one.verdict == "ready" for one in judged)
    assert labels[0].startswith(f"Bar: {ready} ready, ")
