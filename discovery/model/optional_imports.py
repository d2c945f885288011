"""Import a library without one that it uses wherever that is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_if_not_installed(library: str) -> Iterator[None]:
    """Let imports of `library` fail within the block, unless it has been imported before."""
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]  # says so to the import system
    try:
        yield
    finally:
        del sys.modules[library]
