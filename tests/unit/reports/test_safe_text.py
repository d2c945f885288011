"""Nothing that comes from a tag may act on a terminal."""

import pytest

from discovery.reports.safe_text import escape_unprintable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("orders-eu", "orders-eu", id="plain"),
        pytest.param("x[/bold]y", "x[/bold]y", id="markup-is-text"),
        pytest.param("Zürich 東京", "Zürich 東京", id="letters-of-the-world"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="escape"),
        pytest.param("\x9b31m", r"\x9b31m", id="eight-bit-escape"),
        pytest.param("a\nb\rc\td", r"a\x0ab\x0dc\x09d", id="line-ends-and-tabs"),
        pytest.param("\x7f\x00", r"\x7f\x00", id="delete-and-null"),
        pytest.param("a\u202eb\u2066c", r"a\u202eb\u2066c", id="bidi"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="zero-width"),
        pytest.param("a\u2028b\u2029", r"a\u2028b\u2029", id="line-separators"),
        pytest.param("a\u00a0b\u3000", r"a\xa0b\u3000", id="spaces-that-are-none"),
        pytest.param("\ud800", r"\ud800", id="surrogate"),
        pytest.param("\ue000\U0010ffff", r"\ue000\U0010ffff", id="private-and-unassigned"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag-characters"),
        pytest.param("a\ufe0f\u3164", r"a\ufe0f\u3164", id="invisible-letters"),
        pytest.param("e\u0301", "e\u0301", id="an-accent"),
        pytest.param(
            "e" + "\u0301" * 4, "e\u0301\u0301" + r"\u0301\u0301", id="a-tower-of-accents"
        ),
        pytest.param(r"C:\x1b", r"C:\x1b", id="a-backslash-stays"),
    ],
)
def test_only_what_shows_is_printed(text: str, shown: str) -> None:
    assert escape_unprintable(text) == shown


def test_a_monster_is_cut_in_the_middle() -> None:
    cut = shortened("prefix-" + "m" * 256 + "-suffix", 40)
    assert len(cut) == 40
    assert cut.startswith("prefix-")
    assert cut.endswith("-suffix")
    assert "…" in cut


def test_what_fits_is_not_cut() -> None:
    assert shortened("orders", 6) == "orders"


def test_the_cut_counts_what_is_shown() -> None:
    assert len(shortened("\x1b" * 50, 30)) == 30
