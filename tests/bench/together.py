"""What several processes take side by side, with every process that they start."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.measure import Cost, Failed, starved_s_of

_POLL_S = 0.05
_POLLS_BETWEEN_LOOKS = 3
"""Memory is not looked at in every poll: the kernel walks every page for it."""
_KIB = 1024


class Runner:
    """One process under way, and what it has taken when it has ended."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._began_s = time.perf_counter()
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                command, env=dict(environment), stdout=said, stderr=said
            )
        self.pid = self._process.pid
        self.wall_s = self.cpu_s = self.starved_s = 0.0

    def has_ended(self) -> bool:
        """Whether it has; then its times are known. Raises: Failed, when it did not end well."""
        if self._process.returncode is not None:
            return True
        self.starved_s = starved_s_of(self.pid, self.starved_s)
        ended, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not ended:
            return False
        self.wall_s = time.perf_counter() - self._began_s
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise Failed(f"a process ended with {self._process.returncode}:\n{tail}")
        return True

    def end(self) -> None:
        """End it, if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()


def cost_together(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str], directory: Path
) -> Cost:
    """Wall time until the last one ends, the CPU time of all, and the most that all held at once.

    Memory is proportional: a page that two processes share counts once. What they say goes to files
    in `directory`. Raises: Failed, when one does not end well.
    """
    runners = [
        Runner(command, environment, directory / f"stderr-{number}.log")
        for number, command in enumerate(commands)
    ]
    peak_bytes, polls = 0, 0
    try:
        while sum(runner.has_ended() for runner in runners) < len(runners):
            if polls % _POLLS_BETWEEN_LOOKS == 0:
                held_bytes = sum(_held_bytes(pid) for each in runners for pid in _tree(each.pid))
                peak_bytes = max(peak_bytes, held_bytes)
            polls += 1
            time.sleep(_POLL_S)
    finally:
        for runner in runners:
            runner.end()
    last = max(runners, key=lambda runner: runner.wall_s)
    return Cost(last.wall_s, sum(each.cpu_s for each in runners), peak_bytes, last.starved_s)


def _tree(pid: int) -> Iterator[int]:
    """The process and all that it started, as far as they still run."""
    yield pid
    try:
        threads = [thread / "children" for thread in Path(f"/proc/{pid}/task").iterdir()]
        children = [int(child) for thread in threads for child in thread.read_text().split()]
    except OSError:  # it has just ended
        return
    for child in children:
        yield from _tree(child)


def _held_bytes(pid: int) -> int:
    """Its share of memory; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * _KIB for line in lines if line.startswith("Pss:")), 0)
