"""The page in a real browser: it renders, filters, prints, and nothing of it leaves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.reports.html.anchors import anchor_of
from discovery.reports.html.status_page import write_status_page
from discovery.reports.report import Report
from discovery.reports.view import Format
from tests.bench.fleet_report import fleet_report
from tests.property.test_reports_hostile import INJECTIONS, saying
from tests.support.browser import CHROMIUM, Browser, chromium, new_page
from tests.support.rendered import rendered
from tests.support.report_samples import REFUSED, full_report
from tests.support.status_samples import fleet_status, sweeps_over_time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.xdist_group("chromium"),
]

FULL = full_report(guard=REFUSED, endpoints={"sts": "http://127.0.0.1:4566"})
SHOWN = (
    "[...document.querySelectorAll('#listing details.cache')]"
    ".filter(r => !r.hidden && r.parentElement.parentElement.open).length"
)
"""Caches that are seen: neither filtered away nor in a group that is closed."""
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"

Written = Callable[[Report], str]


@pytest.fixture(scope="module")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The browser of all tests; each has a page and a profile of its own."""
    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browser(devtools: str, tmp_path: Path) -> AsyncIterator[Browser]:
    """A page that must have had nothing to complain of, and was asked for alone."""
    async with new_page(devtools) as browser:
        await browser.look()
        yield browser
    assert browser.said == []
    assert all(address.startswith(tmp_path.as_uri()) for address in browser.asked)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a report's page and tells its address."""

    def write(report: Report) -> str:
        file = tmp_path / "report.html"
        file.write_text(rendered(Format.HTML, report), "ascii")
        return file.as_uri()

    return write


async def filtered(browser: Browser, **choices: str) -> int:
    """How many rows are seen once the fields hold these values."""
    for name, value in choices.items():
        field = f"document.getElementById('filter-{name}')"
        event = "new Event('input', {bubbles: true})"
        await browser.ask(f"{field}.value = {value!r}, {field}.dispatchEvent({event})")
    await browser.ask("new Promise(done => setTimeout(done, 120))")
    found = await browser.ask(SHOWN)
    assert isinstance(found, int)
    return found


async def test_it_shows_what_it_holds(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    assert await browser.ask("document.title") == "cachemuster audit, 2026-11-23 09:24 UTC"
    assert await browser.ask(SHOWN) == len(FULL.items)
    drawn: list[Any] = await browser.ask(
        "[...document.querySelectorAll('rect')].map(r => r.getBoundingClientRect())"
        ".map(r => r.width * r.height)"
    )
    assert len(drawn) >= 7
    assert min(drawn) > 10


async def test_it_filters(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    assert await filtered(browser, text="PAYMENTS") == 1
    assert await filtered(browser, text="eu-west-1 444455556666") == 1
    assert await filtered(browser, text="444455556666/eu-west-1") == 1
    assert await filtered(browser, text="mine-elasticache-serverless") == 1
    assert await filtered(browser, text="nobody") == 0
    assert await browser.ask("shown.textContent") == "0 of 12 caches"
    assert await filtered(browser, text="", action="blocked") == 1
    assert await filtered(browser, action="", verdict="not-ready") == 2
    assert await filtered(browser, verdict="", finding="DEFAULT_USER_OPEN") == 2
    assert await filtered(browser, finding="", account="444455556666") == 1
    assert await filtered(browser, account="", region="us-east-1") == 2
    await browser.ask("document.querySelector('#filter button').click()")
    assert await filtered(browser) == len(FULL.items)
    assert await browser.ask("shown.textContent") == "12 caches"


async def test_what_is_filtered_stands_in_the_address(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    await filtered(browser, text="a & b", verdict="not-ready")
    assert await browser.ask("location.hash") == "#text=a+%26+b&verdict=not-ready"
    await browser.ask("document.querySelector('#filter button').click()")
    await filtered(browser)
    assert await browser.ask("location.hash") == ""


@pytest.mark.parametrize(
    ("fragment", "seen"),
    [
        pytest.param("verdict=not-ready&account=111122223333", 2, id="two"),
        pytest.param("needs=conflict", 1, id="needs"),
        pytest.param("text=PAYMENTS", 1, id="text"),
        pytest.param("account=999999999999", 0, id="an-account-that-is-not-in-it"),
        pytest.param("nonsense=1", 12, id="nonsense"),
    ],
)
async def test_an_address_that_somebody_was_sent_shows_the_same(
    browser: Browser, written: Written, fragment: str, seen: int
) -> None:
    await browser.open(f"{written(FULL)}#{fragment}")
    assert await browser.ask(SHOWN) == seen


async def test_what_needs_somebody_leads_to_those_caches(
    browser: Browser, written: Written
) -> None:
    await browser.open(written(fleet_report(300)))
    assert await browser.ask(SHOWN) == 0
    link = "document.querySelector('.needs a[href=\"#needs=conflict\"]')"
    count = int(await browser.ask(f"{link}.querySelector('b').textContent"))
    await browser.ask(f"{link}.click()")
    await browser.ask("new Promise(done => setTimeout(done, 50))")
    assert await browser.ask(SHOWN) == count


async def test_the_keyboard_suffices(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    seen = []
    for _ in range(40):
        for kind in ("keyDown", "keyUp"):
            await browser.do(
                "Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9
            )
        seen.append(await browser.ask("document.activeElement.id || document.activeElement.hash"))
    assert seen[0] == "#caches"
    assert {"#coverage", "filter-text", "filter-action", "filter-finding"} <= set(seen)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await browser.ask(outline) == "solid"


async def test_a_link_opens_the_part_of_a_cache(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    one = next(one for one in FULL.items if one.cache == "payments")
    await browser.ask("document.documentElement.style.scrollBehavior = 'auto'")
    assert not await browser.ask(f"document.getElementById('{anchor_of(one)}').checkVisibility()")
    await browser.ask(f"location.hash = '{anchor_of(one)}'")
    await browser.ask("new Promise(done => setTimeout(done, 50))")
    top = await browser.ask("document.querySelector(':target').getBoundingClientRect().top")
    assert 0 <= top < 800
    assert await browser.ask("document.querySelector(':target').checkVisibility()")
    assert await browser.ask("document.querySelector(':target h4').textContent") == "payments"


async def test_a_finding_leads_to_its_commands(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    link = "[...document.querySelectorAll('a')].find(a => a.textContent === 'Repair commands')"
    await browser.ask(f"{link}.click()")
    await browser.ask("new Promise(done => setTimeout(done, 50))")
    assert await browser.ask("document.querySelector(':target pre').checkVisibility()")


async def test_repairs_have_a_button_that_copies(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    buttons, blocks = await browser.ask(
        "[document.querySelectorAll('button.copy').length, document.querySelectorAll('pre').length]"
    )
    assert buttons == blocks == 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_it_fits_a_phone(browser: Browser, written: Written, dark: bool) -> None:
    await browser.look(width=360, height=740, dark=dark)
    for report in (FULL, fleet_report(300), saying("x" * 400)):
        await browser.open(written(report))
        assert await browser.ask(TOO_WIDE) == 0
        size = await browser.ask("parseFloat(getComputedStyle(document.body).fontSize)")
        assert size >= 16


async def test_it_is_dark_where_the_reader_likes_it_dark(
    browser: Browser, written: Written
) -> None:
    await browser.open(written(FULL))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await browser.ask(ground)
    await browser.look(dark=True)
    dark = await browser.ask(ground)
    assert light == "rgb(251, 250, 247)"
    assert dark == "rgb(20, 23, 27)"


async def test_it_prints_light_and_without_its_controls(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    assert (await browser.print()).startswith(b"%PDF-")
    await browser.do("Emulation.setEmulatedMedia", media="print", features=[])
    seen = await browser.ask(
        "[...document.querySelectorAll('nav, form, .copy')].filter(e => e.offsetParent).length"
    )
    assert seen == 0
    hidden = await browser.ask(
        "[...document.querySelectorAll('details.cache')].filter(e => "
        "getComputedStyle(e).contentVisibility !== 'visible').length"
    )
    assert hidden == 0


@pytest.mark.parametrize("caches", [268, 5_000])
async def test_it_prints_on_few_pages(browser: Browser, written: Written, caches: int) -> None:
    await browser.open(written(fleet_report(caches)))
    sheets = len(re.findall(rb"/Type\s*/Page\b", await browser.print()))
    assert 2 <= sheets < 10


async def test_what_needs_somebody_is_printed_though_it_is_not_open(
    browser: Browser, written: Written
) -> None:
    await browser.open(written(fleet_report(300)))
    await browser.do("Emulation.setEmulatedMedia", media="print", features=[])
    rows = "[...document.querySelectorAll('.pressing details.cache')]"
    heights = await browser.ask(f"{rows}.map(r => r.getBoundingClientRect().height)")
    printed = sum(height > 0 for height in heights)
    assert 20 < printed < len(heights)


@pytest.mark.parametrize("caches", [268, 5_000, 20_000])
async def test_it_opens_fast(browser: Browser, written: Written, caches: int) -> None:
    """By the CPU time of the page, so that what else the machine does counts for nothing."""
    await browser.do("Performance.enable", timeDomain="threadTicks")
    await browser.open(written(fleet_report(caches)))
    found = await browser.do("Performance.getMetrics")
    seconds = {each["name"]: each["value"] for each in found["metrics"]}
    assert 0 < seconds["TaskDuration"] < 2


async def test_it_is_readable_without_a_script(browser: Browser, written: Written) -> None:
    await browser.do("Emulation.setScriptExecutionDisabled", value=True)
    await browser.open(written(FULL))
    assert await browser.ask(SHOWN) == len(FULL.items)
    assert await browser.ask("document.getElementById('filter').offsetParent") is None
    assert "--user-ids-to-add" in await browser.ask("document.body.textContent")


async def test_hostile_text_is_only_shown(browser: Browser, written: Written) -> None:
    """As many elements as a page of plain words has, and no script of anybody else's ran."""
    count = "document.querySelectorAll('*:not(code)').length"
    await browser.open(written(saying("plain")))
    plain = await browser.ask(count)
    for text in (*INJECTIONS, " ".join(INJECTIONS)):
        await browser.open(written(saying(text.replace("alert(1)", "window.taken=1"))))
        assert await browser.ask(f"[{count}, typeof window.taken]") == [plain, "undefined"], text


async def test_of_twenty_thousand_caches_those_that_need_somebody_show_and_filter(
    browser: Browser, written: Written
) -> None:
    report = fleet_report(20_000)
    await browser.open(written(replace(report, guard=REFUSED)))
    assert await browser.ask("shown.textContent") == "2000 caches"
    assert await filtered(browser, needs="conflict") == await browser.ask(
        "Number(document.querySelector('.needs a[href=\"#needs=conflict\"] b').textContent)"
    )


@pytest.mark.parametrize("width", [1280, 360])
async def test_the_status_page_draws_what_happened_over_time(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    await browser.look(width=width)
    file = tmp_path / "status.html"
    with file.open("w", encoding="ascii") as stream:
        write_status_page(fleet_status(), sweeps_over_time(), stream)
    await browser.open(file.as_uri())
    assert await browser.ask(TOO_WIDE) == 0
    areas = await browser.ask(
        "[...document.querySelectorAll('polygon')].map(p => p.getBoundingClientRect().height)"
    )
    assert len(areas) == 5
    assert max(areas) > 50
