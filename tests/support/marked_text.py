"""A text with a mark in it, for tests that care where a problem is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.config.load import parse_config
from discovery.config.model import Config
from discovery.config.problems import ConfigError

BASE = Path("/etc/cachemuster")
MARK = "▸"
HEAD = "version: 1\ngroup: prod\n"


def read(text: str) -> Config:
    """The configuration in `text`."""
    return parse_config(text, file="c.yaml", base=BASE)


def refusal(text: str) -> ConfigError:
    """The error that `text` gives."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def place_of_mark(text: str) -> tuple[int, int]:
    """Line and column, from 1, of the character behind the mark."""
    before, found, _ = text.partition(MARK)
    assert found
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def refused_at(marked: str, path: str, message: str) -> None:
    """Asserts that the marked place is refused with this path and message, and nothing else."""
    line, column = place_of_mark(marked)
    error = refusal(marked.replace(MARK, ""))
    place = f"{path}: " if path else ""
    assert [str(p) for p in error.problems] == [f"c.yaml:{line}:{column}: {place}{message}"]
