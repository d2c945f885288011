"""The message about a defect of this program that concerns one thing only (R8). Pure."""

from __future__ import annotations

import traceback
from pathlib import PurePath


def defect(what: str, verb: str, error: Exception) -> str:
    """Write a sentence about a defect: what could not be `verb`ed, and where in the program.

    The error's own text is left out, since it may repeat anything that was being read.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"{what} could not be {verb} ({type(error).__name__}{where}), a defect of cachemuster that "
        "stops nothing else; report it with this message"
    )
