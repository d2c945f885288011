"""Take the pictures of the documentation: `python -m tests.support.screenshots [FOLDER]`.

They show made-up fleets, so that they are the same wherever they are taken, but for the fonts.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from discovery.model.codes import Reason
from discovery.reports.html.page import write_page
from discovery.reports.html.status_page import write_status_page
from discovery.reports.view import View
from tests.bench.fleet_report import fleet_report
from tests.support.browser import CHROMIUM, chromium, new_page
from tests.support.png_palette import with_palette
from tests.support.status_samples import fleet_status, sweeps_over_time

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "reports"
LIMIT: Final = 80 * 1024
"""Bytes of a picture: a clone holds every version of it for good."""

_NAMES: Final = ("payments", "checkout", "search", "identity", "games", "web", "edge")
_OWNERS: Final = ("team-orders", "team-web", None)


_SETTLED: Final = """new Promise(done => setTimeout(
    () => requestAnimationFrame(() => requestAnimationFrame(() => done(true))), 1000
))"""
"""What scrolled has come to rest, and what came into view is drawn."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is photographed, and on what screen."""

    name: str
    write: Callable[[TextIO], None]
    width: int
    height: int
    dark: bool = False
    fragment: str = ""
    """Where in the page."""


def _report(stream: TextIO) -> None:
    found = fleet_report(268)
    accounts: list[str] = sorted({item.scope.account_id for item in found.items})
    items = (
        replace(item, owner=_OWNERS[number % len(_OWNERS)])
        for number, item in enumerate(found.items)
    )
    named = dict(zip(map(str, accounts), _NAMES, strict=False))
    refused = sum(item.reason is Reason.GUARD_COUNT for item in found.items)
    message = (
        f"{refused} removals within 60 min, but deregistration.max_count is 5; none of them was "
        f"made. Look at them, then run a sweep with --allow-mass-removal {refused}"
    )
    guard = replace(found.guard, removals=refused, limit=5, message=message)
    report = replace(found, items=tuple(items), account_names=named, guard=guard)
    write_page(report, stream, View(title="audit", findings=True))


def _status(stream: TextIO) -> None:
    write_status_page(fleet_status(), sweeps_over_time(), stream)


PICTURES: Final = (
    Picture("report.png", _report, 960, 840),
    Picture("pictures.png", _report, 960, 700, fragment="#pictures"),
    Picture("phone.png", _report, 390, 760, dark=True),
    Picture("caches.png", _report, 960, 560, fragment="#verdict=not-ready&region=eu-west-1"),
    Picture("status.png", _status, 960, 700),
)


async def take(folder: Path) -> None:
    """Write every picture to `folder`. Raises: ValueError when one is too large."""
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "page.html"
        with chromium(Path(place) / "profile") as address:
            await _take(address, page, folder)


async def _take(address: str, page: Path, folder: Path) -> None:
    async with new_page(address) as browser:
        for picture in PICTURES:
            with page.open("w", encoding="ascii") as stream:
                picture.write(stream)
            await browser.look(dark=picture.dark, width=picture.width, height=picture.height)
            await browser.open("about:blank")  # else a fragment alone loads nothing
            await browser.open(page.as_uri() + picture.fragment)
            await browser.ask(_SETTLED)
            shown = with_palette(await browser.picture())
            if len(shown) > LIMIT:
                raise ValueError(f"{picture.name} has {len(shown)} bytes, more than {LIMIT}")
            (folder / picture.name).write_bytes(shown)


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    asyncio.run(take(Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
