"""The table of members beside the code is the one of the code; `UPDATE_GOLDEN=1` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.aws_members import MEMBERS, table

README = Path(__file__).parents[2] / "discovery" / "aws" / "README.md"
BEGIN, END = "<!-- members -->", "<!-- /members -->"


def test_the_table_of_members_is_the_one_of_the_code() -> None:
    before, rest = README.read_text("utf-8").split(f"{BEGIN}\n")
    documented, after = rest.split(END)
    if os.environ.get("UPDATE_GOLDEN"):
        documented = f"\n{table()}\n\n"
        README.write_text(f"{before}{BEGIN}\n{documented}{END}{after}", "utf-8")
    assert documented.strip() == table()


def test_every_member_is_named_once() -> None:
    named = [(member.action, member.path) for member in MEMBERS]
    assert len(named) == len(set(named))
