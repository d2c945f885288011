"""The reference has every action, reason and exit code of the program, and no other."""

from __future__ import annotations

import re

import pytest

from discovery.model.codes import REASONS_OF, Action, Reason
from discovery.reports.exit import Exit
from discovery.reports.item_csv import COLUMNS
from discovery.reports.needs import NeedKind
from tests.docs.pages import DEPLOY

REFERENCE = (DEPLOY / "reference" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("action", list(Action))
def test_the_table_of_reasons_is_the_one_of_the_codes(action: Action) -> None:
    (row,) = re.findall(rf"^\| `{action.value}` \|[^|]*\|([^|]*)\|$", REFERENCE, re.MULTILINE)
    documented = re.findall(r"`(\w+)`", row)
    assert set(documented) == {reason.value for reason in REASONS_OF[action]}
    assert len(documented) == len(set(documented))


def test_every_reason_has_one_meaning() -> None:
    _, _, rest = REFERENCE.partition("| reason | means |")
    section, _, _ = rest.partition("\n## ")
    documented = re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \|$", section, re.MULTILINE)
    assert sorted(documented) == sorted(reason.value for reason in Reason)


def test_every_exit_code_is_in_its_table() -> None:
    table = REFERENCE[REFERENCE.index("| exit | means |") :]
    cells = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    documented = {int(code) for cell in cells for code in cell.split(",")}
    assert documented == {int(code) for code in Exit}


def test_the_columns_of_the_csv_are_in_their_order() -> None:
    _, _, rest = REFERENCE.partition("| column | holds |")
    cells = re.findall(r"^\| (`[^|]+`) \|", rest, re.MULTILINE)
    documented = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert documented[: len(COLUMNS)] == list(COLUMNS)


def test_every_kind_of_need_is_named() -> None:
    (row,) = re.findall(r"^\| `needs` \|([^|]*)\|$", REFERENCE, re.MULTILINE)
    of_items = {kind.value for kind in NeedKind} - {NeedKind.UNREAD, NeedKind.PARTLY_READ}
    assert set(re.findall(r"`([\w-]+)`", row)) == of_items
