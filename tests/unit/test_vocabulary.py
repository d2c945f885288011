"""No class, function or module bears a word that the vocabulary has retired."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("retired_words.txt")
ROOMS = ("discovery", "matchers", "state")


def retired() -> frozenset[str]:
    """The words that are nobody's any more: those above the heading of what is still in use."""
    lines = LIST.read_text("utf-8").splitlines()
    words = [line.split("#")[0].split() for line in lines]
    kept = {line.split("=")[1].strip() for line in lines if line.startswith("# still in use =")}
    return frozenset(word for line in words for word in line) - kept


def names_in(room: str) -> Iterator[tuple[str, str]]:
    """Where it is, and the name of each module, class and function."""
    for path in sorted((ROOT / room).rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if path.stem.endswith("_pb2"):
            continue
        yield where, path.parent.name if path.stem == "__init__" else path.stem
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{where}:{node.lineno}", node.name


def test_no_retired_word_is_a_name() -> None:
    words = retired()
    assert [each for room in ROOMS for each in names_in(room) if each[1].strip("_") in words] == []


def test_words_still_in_use_are_in_use() -> None:
    """So that the list of exceptions gets shorter as they are renamed."""
    lines = LIST.read_text("utf-8").splitlines()
    kept = {line.split("=")[1].strip() for line in lines if line.startswith("# still in use =")}
    used = {name.strip("_") for room in ROOMS for _, name in names_in(room)}
    assert kept <= used


def test_the_list_is_read() -> None:
    assert {"Ground", "enrollment", "Wanted"} <= retired()
