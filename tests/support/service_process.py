"""A service that lives: the real command in a process of its own, watched by what it logs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.command_line import SCRIPT
from tests.support.scenario import Scenario

Event = Mapping[str, Any]


def until(true: Callable[[], Any], what: str = "that") -> Any:
    """The first true answer, looked for twenty times a second for half a minute."""
    for _ in range(600):
        found = true()
        if found:
            return found
        threading.Event().wait(0.05)
    pytest.fail(f"it did not come to {what}")


@dataclass
class ServiceProcess:
    """One `cachemuster run`."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def told(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def events(self) -> list[Event]:
        lines = [line for line in self.told.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines if line.endswith("}")]

    def named(self, event: str, **fields: Any) -> list[Event]:
        """The events of this name that hold these fields."""
        return [
            each
            for each in self.events
            if each["event"] == event and fields.items() <= each.items()
        ]

    def until(self, event: str, count: int = 1, **fields: Any) -> list[Event]:
        """These events, once there are so many."""

        def found() -> list[Event]:
            assert self.process.poll() is None or self.named(event, **fields), self.told
            events = self.named(event, **fields)
            return events if len(events) >= count else []

        events: list[Event] = until(found, f"{count} {event} {fields}:\n{self.told}")
        return events

    @property
    def address(self) -> str:
        """Where health and metrics are served."""
        found = until(lambda: re.search(r"served on (http://[0-9.:]+[0-9])", self.told))
        return str(found[1])

    def get(self, page: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.address}{page}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, once it was told to stop."""
        self.send(number)
        return self.process.wait(timeout=30)


@contextmanager
def service_process(
    scenario: Scenario,
    *arguments: str,
    stdin: IO[Any] | int = subprocess.DEVNULL,
    files: int | None = None,
    **environment: str,
) -> Iterator[ServiceProcess]:
    """A service on the tale's configuration; it has ended when the context has. `files`: how many
    it may have open at once."""
    limited = ("bash", "-c", f'ulimit -n {files}; exec "$@"', "bash") if files else ()
    log = scenario.directory / f"service-{len(list(scenario.directory.glob('service-*.log')))}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*limited, *SCRIPT, "run", *arguments],
            cwd=scenario.directory,
            env={**scenario.rig.environment, **scenario.environment, **environment},
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=sink,
        )
    try:
        yield ServiceProcess(process, log)
    finally:
        process.kill()
        process.wait(timeout=30)
    assert "Traceback" not in log.read_text(), log.read_text()
