"""What is said of the one thing over which this program stumbled (R8). Pure."""

from __future__ import annotations

import traceback
from pathlib import PurePath


def defect(what: str, verb: str, error: Exception) -> str:
    """A sentence for a person: what could not be `verb`ed, and where in the program to look.

    The error's own text is left out, since it may repeat anything that was being read.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"{what} could not be {verb} ({type(error).__name__}{where}), a defect of cachemuster that "
        "stops nothing else; report it with this message"
    )
