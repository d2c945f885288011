"""Which names of accounts are fit to be shown and to stand in labels."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.account_name import LONGEST, usable_name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("payments", "payments"),
        (" payments ", "payments"),
        ("Paiements (é) 支払い", "Paiements (é) 支払い"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), None),
        ("", None),
        ("  ", None),
        ("pay\nments", None),
        ("pay\u202ements", None),
        ("pay\u200bments", None),
        ("\x1b[2J", None),
        ("\ud800", None),
        (None, None),
        (7, None),
        (["payments"], None),
    ],
)
def test_a_name_is_short_and_printable(value: Any, name: str | None) -> None:
    assert usable_name(value) == name
