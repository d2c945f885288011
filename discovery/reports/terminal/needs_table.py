"""Print how much needs somebody, counted by kind and reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.cells import cell_len
from rich.console import Console

from discovery.reports.needs import Need
from discovery.reports.terminal.style import heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

TITLE: Final = "Needs attention"
NEED_STYLES: Final = {"!": "bold red", "-": "red", "?": "yellow"}


def print_needs(needs: Iterable[Need], console: Console) -> None:
    """Print a line for each kind, the most pressing first; nothing where nobody is needed."""
    listed = tuple(needs)
    if not listed:
        return
    console.print(heading(TITLE))
    print_entries(map(need_entry, listed), console, indent=indent_of(listed))
    console.print()


def need_entry(need: Need) -> Entry:
    """Lay out one kind: how many, and how many for each reason."""
    margin = run(f"{need.sign} {need.count:>6} {need.words}", NEED_STYLES[need.sign])
    reasons = ", ".join(f"{code} {count}" for code, count in need.reasons)
    return Entry((margin,), ((run(reasons),),))


def indent_of(needs: Iterable[Need]) -> int:
    """Return where the reasons begin: two columns behind the longest words."""
    return 11 + max(cell_len(need.words) for need in needs)
