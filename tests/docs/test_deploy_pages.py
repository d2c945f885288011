"""deploy/README.md leads to every page, and every page has what a stranger needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DEPLOY, ROOT, invocations, parse, shell_lines

INDEX = (DEPLOY / "README.md").read_text("utf-8")
PAGES = sorted(DEPLOY.glob("*/README.md"))


def test_the_index_leads_to_every_page() -> None:
    linked = set(re.findall(r"^\| \[`[a-z]+`\]\(([a-z]+/README\.md)\) \|", INDEX, re.MULTILINE))
    assert linked == {str(page.relative_to(DEPLOY)) for page in PAGES}


@pytest.mark.parametrize(
    "page", sorted(DEPLOY.rglob("*.md")), ids=lambda page: str(page.relative_to(DEPLOY))
)
class TestPage:
    def test_every_file_that_it_points_to_is_there(self, page: Path) -> None:
        text = page.read_text("utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (page.parent / target).exists(), target
        for target in re.findall(r"(?<![\w/.-])deploy/[a-z]+(?:/[\w./-]*\w)?", text):
            is_a_copy = "overlays/prod" in target
            assert is_a_copy or (ROOT / target).exists(), target

    def test_every_line_of_cachemuster_is_one_that_it_takes(self, page: Path) -> None:
        for line in shell_lines(page.read_text("utf-8")):
            for words in invocations(line):
                parse(words)

    def test_no_block_is_left_open_and_no_row_is_broken(self, page: Path) -> None:
        text = page.read_text("utf-8")
        assert text.count("```") % 2 == 0
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            rows = [re.sub(r"`[^`]*`", "", row).count("|") for row in table.splitlines()]
            assert len(set(rows)) == 1, table


@pytest.mark.parametrize("name", ["systemd", "docker", "kubernetes", "iam"])
def test_a_page_goes_there_and_back(name: str) -> None:
    text = (DEPLOY / name / "README.md").read_text("utf-8").lower()
    assert re.search("see that it works|it works when", text)
    assert "upgrade" in text
    assert "undo" in text
