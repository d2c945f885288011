"""The page in a real browser: it renders, filters, prints, and nothing of it leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.reports.html.selection import anchor_of
from discovery.reports.report import Report
from discovery.reports.view import Format
from tests.bench.fleet_report import fleet_report
from tests.property.test_reports_hostile import INJECTIONS, saying
from tests.support.browser import CHROMIUM, Browser, browsing
from tests.support.rendered import rendered
from tests.support.report_samples import REFUSED, full_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.xdist_group("chromium"),
]

FULL = full_report(guard=REFUSED, endpoints={"sts": "http://127.0.0.1:4566"})
SHOWN = "[...document.querySelectorAll('#listing tbody tr')].filter(r => r.offsetParent).length"
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"

Written = Callable[[Report], str]


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser that must have had nothing to complain of, and asked for the page alone."""
    async with browsing(tmp_path / "profile") as browser:
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
    assert await filtered(browser, words="PAY") == 1
    assert await filtered(browser, words="eu-west-1 444455556666") == 1
    assert await filtered(browser, words="444455556666/eu-west-1") == 1
    assert await filtered(browser, words="mine-elasticache-serverless") == 1
    assert await filtered(browser, words="nobody") == 0
    assert await browser.ask("shown.textContent") == "0 of 12 rows"
    assert await filtered(browser, words="", plan="someone") == 2
    assert await filtered(browser, plan="", login="not-ready") == 2
    assert await filtered(browser, login="", finding="DEFAULT_USER_OPEN") == 2
    await browser.ask("document.querySelector('#filter button').click()")
    assert await filtered(browser) == len(FULL.items)
    assert await browser.ask("shown.textContent") == "12 rows"


async def test_the_keyboard_suffices(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    seen = []
    for _ in range(24):
        for kind in ("keyDown", "keyUp"):
            await browser.do(
                "Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9
            )
        seen.append(await browser.ask("document.activeElement.id || document.activeElement.hash"))
    assert seen[0] == "#caches"
    assert {"#coverage", "filter-words", "filter-plan", "filter-finding"} <= set(seen)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await browser.ask(outline) == "solid"


async def test_a_row_leads_to_its_part(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    one = next(one for one in FULL.items if one.cache == "payments")
    await browser.ask("document.documentElement.style.scrollBehavior = 'auto'")
    await browser.ask(f"document.querySelector('#listing a[href=\"#{anchor_of(one)}\"]').click()")
    top = await browser.ask("document.querySelector(':target').getBoundingClientRect().top")
    assert 0 <= top < 450
    assert await browser.ask("document.querySelector(':target h4').textContent") == "payments"


async def test_repairs_have_a_button_that_copies(browser: Browser, written: Written) -> None:
    await browser.open(written(FULL))
    buttons, blocks = await browser.ask(
        "[document.querySelectorAll('button.copy').length, document.querySelectorAll('pre').length]"
    )
    assert buttons == blocks == 4


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
        "[...document.querySelectorAll('article')].filter(e => "
        "getComputedStyle(e).contentVisibility !== 'visible').length"
    )
    assert hidden == 0


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


async def test_twenty_thousand_caches_show_and_filter(browser: Browser, written: Written) -> None:
    report = fleet_report(20_000)
    await browser.open(written(replace(report, guard=REFUSED)))
    assert await browser.ask("shown.textContent") == "20000 rows"
    assert await filtered(browser, words="payments-19888") == 1
