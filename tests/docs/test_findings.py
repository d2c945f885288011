"""The reference's table of findings is the one in the code; `UPDATE_GOLDEN=1` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from discovery.model.codes import FindingCode
from discovery.plan.iam.finding_table import FINDINGS, markdown

REFERENCE = Path(__file__).parents[2] / "deploy" / "reference" / "README.md"
BEGIN, END = "<!-- findings -->", "<!-- /findings -->"


def test_the_table_of_findings_is_the_one_of_the_code() -> None:
    before, rest = REFERENCE.read_text("utf-8").split(f"{BEGIN}\n")
    documented, after = rest.split(END)
    if os.environ.get("UPDATE_GOLDEN"):
        documented = f"\n{markdown()}\n"
        REFERENCE.write_text(f"{before}{BEGIN}\n{documented}{END}{after}", "utf-8")
    assert documented.strip() == markdown().strip()


def test_every_code_has_one_row_of_four_cells() -> None:
    _, _, *rows = markdown().splitlines()
    assert [row.split("`")[1] for row in rows] == [code.value for code in FINDINGS]
    assert {row.split("`")[1] for row in rows} == {code.value for code in FindingCode}
    assert all(row.count("|") == 5 for row in rows)
