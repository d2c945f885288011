"""SIGHUP with a configuration that cannot take the place of the one in force: the old one stays,
and the service lives."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.scenarios.test_service import BUSY, QUIET, wait_for_sweeps
from tests.support.scenario import HUB, LISTING, Scenario
from tests.support.service_process import service_process, until

pytestmark = pytest.mark.slow

TEN_SECONDS = {**BUSY, "jitter": "0s"}
TELEPORT = {
    "kind": "teleport",
    "address": "127.0.0.1:1",
    "identity_file": "/nonexistent/identity",
}
Change = Callable[[Scenario], None]


def unreadable_registry(scenario: Scenario, name: str) -> None:
    (scenario.directory / name).mkdir()
    scenario.configure(control_plane={"kind": "embedded", "path": name})


CHANGES: dict[str, tuple[Change, str]] = {
    "group": (
        lambda scenario: scenario.configure(group="other"),
        "group: remembered prod, configured other",
    ),
    "registry path": (
        lambda scenario: scenario.configure(control_plane={"kind": "embedded", "path": "other.db"}),
        "cluster: remembered",
    ),
    "registry that does not answer": (
        lambda scenario: unreadable_registry(scenario, "other.db"),
        "control_plane was changed, and what it names now does not answer",
    ),
    "kind of control plane": (
        lambda scenario: scenario.configure(control_plane=TELEPORT),
        "control plane: remembered embedded, configured teleport",
    ),
    "state file": (
        lambda scenario: scenario.configure(state={"path": "other.db"}),
        "state.path cannot change while the service runs",
    ),
    "secret": (
        lambda scenario: scenario.configure(
            matchers=[
                {
                    "name": "all",
                    "connect": {
                        "assume_role_arn": f"arn:aws:iam::{HUB}:role/connect",
                        "external_id": "file:/nonexistent/secret",
                    },
                }
            ]
        ),
        "/nonexistent/secret",
    ),
    "profile": (
        lambda scenario: scenario.configure(aws={"profile": "nobody"}),
        "nobody",
    ),
}


@pytest.fixture
def served(scenario: Scenario) -> Scenario:
    scenario.configure(service=TEN_SECONDS)
    scenario.cache("orders")
    return scenario


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_a_reload_that_does_not_fit_the_state_is_refused_and_the_service_goes_on(
    served: Scenario, change: Change, words: str
) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        change(served)
        service.send(signal.SIGHUP)
        (refused,) = service.until("configuration.refused")
        assert words in refused["why"]
        assert "the configuration in force stays" in refused["next"]
        served.cache("carts")
        wait_for_sweeps(service, len(service.named("sweep.finished")) + 1)
        assert service.ended() == 0
    assert len(served.registry) == 2


def test_a_reload_while_the_first_sweep_binds_the_state_is_refused_too(scenario: Scenario) -> None:
    """When the configuration was read, the state file belonged to nobody yet."""
    scenario.configure(service={**QUIET, "sweep_timeout": "10s"})
    scenario.cache("orders")
    scenario.fault(Effect.LATENCY, delay_s=3, **LISTING)
    with service_process(scenario) as service:
        until(lambda: scenario.aws.calls.of("DescribeServerlessCaches"))
        scenario.configure(group="other")
        service.send(signal.SIGHUP)
        wait_for_sweeps(service)
        (refused,) = service.until("configuration.refused")
        assert "group: remembered prod, configured other" in refused["why"]
        assert service.ended() == 0


def test_a_control_plane_that_is_down_does_not_keep_a_reload_from_being_taken(
    served: Scenario,
) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        aside = served.registry_file.rename(served.directory / "aside")
        served.registry_file.mkdir()
        served.configure(matchers=[{"name": "none", "names": ["nothing-*"]}])
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        served.registry_file.rmdir()
        aside.rename(served.registry_file)
        assert service.ended() == 0


class TestEarlyAndLate:
    """SIGHUP before there is anything to reload, and after."""

    def test_in_the_first_half_second_it_ends_nothing(self, served: Scenario) -> None:
        with service_process(served) as service:
            until(lambda: ignores_hangups(service.process.pid))
            assert "pydantic" not in libraries(service.process.pid), "no library is loaded before"
            while service.process.poll() is None and not service.named("sweep.finished"):
                service.send(signal.SIGHUP)
                threading.Event().wait(0.02)
            assert service.process.poll() is None, service.output
            assert service.ended() == 0

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stopped_in_the_first_half_second_it_ends_with_0(
        self, served: Scenario, number: signal.Signals
    ) -> None:
        with service_process(served) as service:
            until(lambda: ignores_hangups(service.process.pid))
            assert service.ended(number) == 0
        assert not served.registry_file.exists()

    def test_started_as_a_module_it_ends_nothing_either(self, served: Scenario) -> None:
        cli, command = served.cli, (sys.executable, "-m", "discovery", "run")
        with subprocess.Popen(command, env=cli.environment, cwd=cli.directory) as process:
            until(lambda: ignores_hangups(process.pid))
            process.terminate()
        assert process.returncode == 0

    def test_while_it_stops_it_costs_no_exit_code(self, served: Scenario) -> None:
        with service_process(served) as service:
            wait_for_sweeps(service)
            service.send(signal.SIGTERM)
            while service.process.poll() is None:
                service.send(signal.SIGHUP)
                threading.Event().wait(0.001)
            assert service.process.returncode == 0


def ignores_hangups(pid: int) -> bool:
    """Whether the program's first lines have run. What is ignored may be inherited, what is caught
    cannot: SIGTERM tells that they have."""
    return _has("SigIgn:", signal.SIGHUP, pid) and _has("SigCgt:", signal.SIGTERM, pid)


def _has(what: str, number: signal.Signals, pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    signals = next(line for line in status.splitlines() if line.startswith(what))
    return bool(int(signals.split()[1], 16) & (1 << (number - 1)))


def libraries(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()
