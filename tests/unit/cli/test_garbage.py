"""The garbage collector waits for the work to begin, and never looks at what the start made."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import gc
from discovery.model.garbage import AT_START, AT_WORK, collect_from_now_on, collect_late

usual = gc.get_threshold()
collect_from_now_on()
assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, 0), "nothing began here"
collect_late()
assert gc.get_threshold() == AT_START
collect_from_now_on()
assert gc.get_threshold() == AT_WORK
frozen = gc.get_freeze_count()
assert frozen > 1000
collect_from_now_on()
assert gc.get_freeze_count() == frozen, "what the work made can be garbage"
"""


def test_what_the_start_made_is_set_aside_once_the_work_begins() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert said.stderr == ""
