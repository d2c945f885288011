"""What code and pages cite stands in this repository: rules, sections of pages, functions.

Three forms: a rule by its number (`R3`), a section as page and heading (`aws/README: STS`), and on
the page of the architecture a function by its file.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "discovery": "discovery/README.md",
    "aws": "discovery/aws/README.md",
    "control_plane": "discovery/control_plane/README.md",
    "teleport": "discovery/control_plane/teleport/README.md",
    "state": "state/README.md",
}
ARCHITECTURE = PAGES["discovery"]

SECTION = re.compile(r"(?<![\w/])(\w+)/README:\s+(?=(.{1,60}))")
RULE = re.compile(r"(?<![\w.$%{<-])R([1-9]\d?)(?![\w}>-])")
FUNCTION = re.compile(r"`([\w/]+\.py):(\w+)`")
MODULE = re.compile(r"`([\w/]+\.(?:py|json|proto))`")
ELSEWHERE = re.compile(
    r"\b[Dd]esign\s+(?:[§]|\\u00a7|R\d)|\b[Rr]eference\s+(?:[\w-]+(?:\.md)?\s+)?[§]"
    r"|(?<![\w/-])(?:aws-elasticache|teleport-api|teleport-discovery)(?:\.md|\s+[§])"
    r"|(?<!html\s)[§]\d|\.\.[/]shared\b|/work[/]"
)
"""Papers that only the people of one day had."""

TEXT = {".css", ".js", ".json", ".md", ".proto", ".py", ".pyi", ".toml", ".txt", ".yaml", ".yml"}
LEADERS = re.compile(r"\n[ \t]*(?://|#+|\*|>)?[ \t]*")
"""Where a line of prose was wrapped, in a docstring, comment or page."""


@cache
def files() -> tuple[str, ...]:
    if not (ROOT / ".git").exists():
        pytest.skip("which files belong to the repository, only git knows")
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(
        name for name in listed.split("\0") if Path(name).suffix in TEXT and (ROOT / name).is_file()
    )


@cache
def flowing(name: str) -> str:
    """The text of a file as one line."""
    return LEADERS.sub(" ", (ROOT / name).read_text("utf-8"))


@cache
def headings(page: str) -> frozenset[str]:
    text = (ROOT / page).read_text("utf-8")
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r"^#{2,3} (.+?)\s*$", without_code, re.MULTILINE))


def is_heading(page: str, rest: str) -> bool:
    """True when the text after the colon begins with a heading of the page, in whole words."""
    return any(
        rest.startswith(heading) and not re.match(r"\w", rest[len(heading) :])
        for heading in headings(page)
    )


def prose(name: str) -> Iterator[str]:
    """Comments and strings of a module, everything of a page: R1 in code may be any name."""
    if not name.endswith(".py"):
        yield flowing(name)
        return
    text = (ROOT / name).read_text("utf-8")
    if not RULE.search(text):
        return  # most modules, which need not be parsed
    yield from re.findall(r"#.*", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


@pytest.mark.slow
def test_every_section_that_is_cited_exists() -> None:
    missing = [
        f"{name}: {page}/README: {rest}"
        for name in files()
        for page, rest in SECTION.findall(flowing(name))
        if page not in PAGES or not is_heading(PAGES[page], rest)
    ]
    assert not missing


@pytest.mark.slow
def test_sections_are_cited_at_all() -> None:
    """So that the test above does not pass because it finds nothing."""
    cited = {page for name in files() for page, _ in SECTION.findall(flowing(name))}
    assert cited >= {"discovery", "aws", "control_plane", "teleport"}


@pytest.mark.slow
def test_every_rule_that_is_cited_exists() -> None:
    known = {heading.split()[0] for heading in headings(ARCHITECTURE) if RULE.match(heading)}
    assert known == {f"R{number}" for number in range(1, 13)}
    cited = {
        (name, f"R{number}")
        for name in files()
        if not name.startswith("tests/golden/")
        for text in prose(name)
        for number in RULE.findall(text)
    }
    assert not {each for each in cited if each[1] not in known}
    assert {rule for _, rule in cited} == known


def test_every_rule_names_what_holds_it() -> None:
    text = (ROOT / ARCHITECTURE).read_text("utf-8")
    rules = re.findall(r"^### R\d+ .*?(?=^###? )", text, re.DOTALL | re.MULTILINE)
    assert len(rules) == 12
    assert [rule.splitlines()[0] for rule in rules if not FUNCTION.search(rule)] == []


def test_every_function_on_the_page_exists() -> None:
    text = (ROOT / ARCHITECTURE).read_text("utf-8")
    named = FUNCTION.findall(text)
    assert named
    assert [each for each in named if not is_defined(*each)] == []


def is_defined(path: str, name: str) -> bool:
    if not (ROOT / path).is_file():
        return False
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return any(isinstance(each, kinds) and each.name == name for each in ast.walk(tree))


@pytest.mark.parametrize("page", sorted(PAGES.values()))
def test_every_file_on_a_page_exists(page: str) -> None:
    """By its path from the top, from the package, or from the page."""
    text = (ROOT / page).read_text("utf-8")
    here = (ROOT / page).parent
    linked = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", re.sub(r"`[^`\n]*`", "`", text))
    named = MODULE.findall(text) if page in (ARCHITECTURE, PAGES["state"]) else []
    assert [each for each in linked if "://" not in each and not (here / each).exists()] == []
    places = (ROOT, ROOT / "discovery", here)
    assert [each for each in named if not any((place / each).is_file() for place in places)] == []


@pytest.mark.slow
def test_nothing_is_cited_that_is_not_here() -> None:
    found = [
        f"{name}: {match[0]}" for name in files() for match in ELSEWHERE.finditer(flowing(name))
    ]
    assert not found
