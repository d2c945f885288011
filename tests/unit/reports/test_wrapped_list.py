"""Lists with a sign in the margin: nothing is lost, nothing is too wide, styles stay in place."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from discovery.reports.safe_text import escape_unprintable
from discovery.reports.terminal.style import console_for
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run
from discovery.reports.terminal.wrapping import wrapped

WORDS = st.lists(st.text("ab漢é ", max_size=30), max_size=12).map(" ".join).map(escape_unprintable)


def printed(*entries: Entry, indent: int = 4) -> str:
    stream = io.StringIO()
    print_entries(entries, console_for(stream), indent=indent)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a b", ["a b"]),
        ("abc def", ["abc", "def"]),
        ("abcdefgh", ["abcdef", "gh"]),
        ("a bcdefghi j", ["a", "bcdefg", "hi j"]),
        ("abc    def", ["abc", "def"]),
        ("漢漢漢漢 a", ["漢漢漢", "漢 a"]),
    ],
)
def test_lines_are_broken_at_spaces_and_long_words_within(text: str, lines: list[str]) -> None:
    assert [text[start:end] for start, end in wrapped(text, 6)] == lines


@given(WORDS, st.integers(2, 40))
def test_wrapping_loses_only_spaces_and_keeps_the_width(text: str, width: int) -> None:
    places = list(wrapped(text, width))
    for start, end in places:
        assert cell_len(text[start:end]) <= width
    for (_, end), (start, _) in pairwise(places):
        assert end <= start
        assert text[end:start].strip() == ""
    kept = "".join(text[start:end] for start, end in places)
    assert kept.replace(" ", "") == text.replace(" ", "")


def test_lines_stand_beside_the_sign_and_whole_ones_as_they_are() -> None:
    long, command = "word " * 30, "aws " + "x" * 100
    one = Entry((("! x", "bold"),), ((run(long),),), ((command, "cyan"),))
    first, *rest = printed(one).splitlines()
    assert first.startswith("! x word word")
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == f"    {command}"
    assert max(map(len, (first, *rest[:-1]))) <= 80


def test_every_run_keeps_its_style_over_a_break() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=12, color_system="standard")
    line = (run("red red red", "red"), run(" plain"))
    print_entries([Entry((("!", ""),), (line,))], console, indent=4)
    assert stream.getvalue() == "!   \x1b[31mred red\x1b[0m\n    \x1b[31mred\x1b[0m\n    plain\n"


def test_thousands_are_all_there_in_their_order() -> None:
    found = printed(*(Entry((("=", ""),), ((run(f"c-{n}"),),)) for n in range(5_000)))
    assert [line.split()[1] for line in found.splitlines()] == [f"c-{n}" for n in range(5_000)]
