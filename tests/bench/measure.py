"""What one process takes from its start to its exit: that process alone, not its parent."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
_KIB = 1024
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """Time and memory of one run."""

    wall_s: float
    cpu_s: float
    """User and system."""
    peak_bytes: int
    starved_s: float = 0.0
    """Of the wall time: its main thread could have run and had no core, because others did."""

    @property
    def undisturbed_s(self) -> float:
        """The wall time without that; on a quiet machine the same."""
        return self.wall_s - self.starved_s


class Failed(RuntimeError):
    """The process did not end well; what it said is in the message."""


def cost_of(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Cost:
    """What the command takes; its stdout and stderr go to `log`. Raises: Failed."""
    with log.open("wb") as said:
        started_s = time.perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=said, stderr=said)
        starved_s, peak_bytes = 0.0, 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            starved_s = starved_s_of(process.pid, starved_s)
            peak_bytes = peak_bytes_of(process.pid, peak_bytes)
            time.sleep(_POLL_S)
        wall_s = time.perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = log.read_text(errors="replace")[-2000:]
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(wall_s, cpu_s, peak_bytes, starved_s)


def starved_s_of(pid: int | str, otherwise_s: float = 0.0) -> float:
    """For how long a process's main thread has waited for a core so far, as Linux tells it."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return otherwise_s


def peak_bytes_of(pid: int | str, otherwise_bytes: int = 0) -> int:
    """The most memory that a process has held so far, as Linux tells it.

    Not `ru_maxrss`: that begins with what the parent held when it started the process.
    """
    return _memory_bytes(pid, "VmHWM") or otherwise_bytes


def resident_bytes_of(pid: int | str) -> int:
    """The memory that a process holds at this moment."""
    return _memory_bytes(pid, "VmRSS") or 0


def _memory_bytes(pid: int | str, what: str) -> int | None:
    """None: the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    shown = [line.split()[1] for line in status.splitlines() if line.startswith(what)]
    return int(shown[0]) * _KIB if shown else None
