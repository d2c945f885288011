"""Files as earlier versions left them."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

FIRST_VERSION = Path(__file__).with_name("state_of_first_version.sql")
LAST_SWEEP = datetime(2026, 11, 30, 13, 54, tzinfo=UTC)
"""When the last sweep recorded there was over, by its agent's clock."""
HUB, FRANKFURT = "111122223333", "eu-central-1"


def write_state(path: Path, registry: Path, dump: Path = FIRST_VERSION) -> None:
    """The dumped state file stands at `path`, and belongs to that embedded registry."""
    text = dump.read_text("utf-8").replace("@REGISTRY@", str(registry))
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript(text)


def name_of(cache: str) -> str:
    """The generated name of a cache in the first region of the dump."""
    return f"{cache}-elasticache-serverless-{FRANKFURT}-{HUB}"
