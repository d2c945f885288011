"""`cachemuster run` as its operator sees it: signals, turns, a new configuration, trouble."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import LISTING, Scenario
from tests.support.service_process import ServiceProcess, service_process, until

pytestmark = pytest.mark.slow

QUIET = {"interval": "1h", "jitter": "0s", "listen": "127.0.0.1:0"}
BUSY = {**QUIET, "interval": "10s"}


@pytest.fixture
def served(scenario: Scenario) -> Scenario:
    scenario.configure(service=QUIET)
    scenario.cache("orders")
    return scenario


def wait_for_sweeps(service: ServiceProcess, count: int = 1) -> None:
    service.until("sweep.finished", count, kind="sweep")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_sweeps_at_once_and_a_signal_ends_it_with_0(
    served: Scenario, number: signal.Signals
) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        assert len(served.registry) == 1
        assert service.get("/healthz")[0] == 200
        until(lambda: service.get("/readyz")[0] == 200)
        status, page = service.get("/metrics")
        assert (status, "orders" in page) == (200, False)
        assert service.ended(number) == 0
    assert service.events[-1]["event"] == "service.stopped"
    assert served.sweep().writes == 0


def test_between_sweeps_others_have_their_turn(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        served.cache("carts")
        assert served.sweep().document["summary"]["create"] == 1
        assert served.run("pause", "--for", "1h").code == 0
        assert service.ended() == 0


def test_a_second_service_on_the_same_state_is_refused(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        late = served.run("run")
        assert late.code == 75, late
        assert f"process {service.process.pid}" in late.err
        assert service.ended() == 0


def test_a_new_configuration_is_taken_between_sweeps_a_bad_one_is_not(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        good = served.settings
        served.cli.configure("version: 1\ngroup: prod\nmatcher: []\n")
        service.send(signal.SIGHUP)
        (refused,) = service.until("configuration.refused")
        assert "did you mean" in refused["why"]
        served.settings = good
        served.configure(service=BUSY, matchers=[{"name": "none", "names": ["nothing-*"]}])
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        wait_for_sweeps(service, 2)
        assert service.ended() == 0
    assert served.state.pending_removals
    assert {miss.reason.value for miss in served.state.pending_removals.values()} == {"UNMATCHED"}


def test_stopped_in_the_scan_it_ends_soon_and_forgets_nothing(served: Scenario) -> None:
    served.fault(Effect.LATENCY, delay_s=60, **LISTING)
    with service_process(served) as service:
        until(lambda: served.aws.calls.of("DescribeServerlessCaches"))
        assert service.ended() == 0
    served.healed()
    assert served.registry == {}
    assert served.sweep().document["summary"]["create"] == 1


def test_stopped_before_it_has_started_it_ends_with_0(served: Scenario) -> None:
    served.fault(Effect.LATENCY, service="sts", delay_s=60)
    with service_process(served) as service:
        until(lambda: served.aws.calls.of("GetCallerIdentity"))
        assert service.ended() == 0


def test_a_second_signal_ends_it_at_once(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        service.send(signal.SIGTERM)
        service.send(signal.SIGTERM)
        assert service.process.wait(timeout=10) in (0, 143)


def test_a_scope_that_hangs_is_not_in_the_sweep_and_holds_up_nothing(scenario: Scenario) -> None:
    aws = {"regions": ["eu-central-1", "us-east-1"], "scope_timeout": "5m"}
    scenario.configure(service={**QUIET, "sweep_timeout": "10s"}, aws=aws)
    scenario.cache("orders")
    scenario.fault(Effect.LATENCY, delay_s=120, region="us-east-1", **LISTING)
    with service_process(scenario) as service:
        (finished,) = service.until("sweep.finished", kind="sweep")
        assert finished["scopes"] == {"complete": 1, "skipped": 1}
        assert finished["create"] == 1
        service.until("sweep.unfinished", scopes=1)
        assert service.ended() == 0


def test_a_control_plane_that_is_down_loses_and_repeats_nothing(served: Scenario) -> None:
    served.configure(service=BUSY)
    served.registry_file.mkdir()  # so it cannot be opened
    with service_process(served) as service:
        (finished,) = service.until("sweep.finished", kind="sweep")
        assert finished["outcome"] == "failed"
        status, page = until(lambda: _not_ready(service))
        assert (status, "control plane" in page) == (503, True)
        assert service.get("/healthz")[0] == 200
        served.registry_file.rmdir()
        wait_for_sweeps(service, 2)
        assert service.ended() == 0
    assert len(served.registry) == 1
    assert served.sweep().writes == 0


def test_a_control_plane_that_goes_down_later_leaves_it_ready_and_says_so(served: Scenario) -> None:
    served.configure(service=BUSY)
    with service_process(served) as service:
        wait_for_sweeps(service)
        until(lambda: service.get("/readyz") == (200, "ready\n"))
        aside = served.registry_file.rename(served.directory / "aside")
        wait_for_sweeps(service, 2)
        until(lambda: "the last sweep did not come to its end" in service.get("/readyz")[1])
        assert service.get("/readyz")[0] == 200
        aside.rename(served.registry_file)
        wait_for_sweeps(service, 3)
        until(lambda: service.get("/readyz") == (200, "ready\n"))
        assert service.ended() == 0


def _not_ready(service: ServiceProcess) -> tuple[int, str] | None:
    status, page = service.get("/readyz")
    return (status, page) if "control plane" in page else None


def test_state_of_something_else_ends_it_with_78(served: Scenario) -> None:
    served.sweep()
    served.configure(group="other")
    with service_process(served) as service:
        assert service.process.wait(timeout=30) == 78
    assert "--rebind-state" in service.output


def test_a_port_in_use_is_said_and_nothing_is_begun(served: Scenario, tmp_path: Path) -> None:
    with service_process(served) as first:
        wait_for_sweeps(first)
        port = first.address.rpartition(":")[2]
        other = {**QUIET, "listen": f"127.0.0.1:{port}"}
        served.configure(service=other, state={"path": str(tmp_path / "other.db")})
        run = served.run("run")
        assert run.code == 1, run
        assert "service.listen" in run.err
        assert first.ended() == 0


def test_paused_it_scans_and_writes_nothing(served: Scenario) -> None:
    served.sweep()
    served.run("pause", "--for", "1h")
    served.cache("carts")
    with service_process(served) as service:
        (finished,) = service.until("sweep.finished", kind="sweep")
        assert finished["paused_until"] is not None
        assert service.ended() == 0
    assert len(served.registry) == 1
