"""Every link on a page leads to a file of the repository, and to a heading in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

ROOMS = ("deploy", "discovery", "matchers", "state", "tests")
PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *(page for room in ROOMS for page in (ROOT / room).rglob("*.md")),
    )
    if "golden" not in page.parts
)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> frozenset[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    links = LINK.findall(re.sub(r"`[^`\n]*`", "`", prose(page)))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [path for path, _ in targets if not path.exists()] == []
    assert [each for each in targets if each[1] and each[1] not in anchors(each[0])] == []


def test_there_are_pages_with_links() -> None:
    assert {ROOT / "README.md", ROOT / "deploy" / "README.md"} <= set(PAGES)
    assert len(LINK.findall(prose(ROOT / "README.md"))) > 10
