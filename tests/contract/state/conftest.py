from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.store import Store

ROOT = Path(__file__).parents[3]
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def plain_user() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """A directory, and a way to run Python there as somebody whom permissions bind."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        directory.chmod(0o755)
        as_root = os.geteuid() == 0
        if as_root:
            os.chown(directory, NOBODY, NOBODY)

        def run(code: str) -> str:
            # Imports come first: the interpreter may be where only root may read.
            drop = f"import os; os.setgid({NOBODY}); os.setuid({NOBODY})\n" if as_root else ""
            done = subprocess.run(
                [sys.executable, "-c", "import state.store, encodings.idna\n" + drop + code],
                cwd=directory,
                env={"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        yield directory, run
        directory.chmod(0o755)
