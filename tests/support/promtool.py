"""Prometheus's own checker, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool here: apt-get install prometheus"
)


def promtool(*words: str, said: bytes = b"", cwd: Path | None = None) -> str:
    """What it prints, standard error included. Raises: AssertionError when it complains."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *words],
        input=said,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        timeout=60,
        check=False,
    )
    text = done.stdout.decode()
    assert done.returncode == 0, text
    return text
