"""Texts as they were last agreed on. `UPDATE_GOLDEN=1 pytest tests/golden` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

_HERE = Path(__file__).parent


def assert_golden(name: str, text: str) -> None:
    """`text` equals the committed file `name`."""
    file = _HERE / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode())  # with its line ends
    assert file.exists(), f"{name} is not committed yet: UPDATE_GOLDEN=1 writes it"
    assert text == file.read_bytes().decode()
