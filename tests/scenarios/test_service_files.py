"""`cachemuster run` whose files are removed or replaced by somebody while it runs."""

from __future__ import annotations

import pytest

from tests.scenarios.test_service import BUSY, QUIET, wait_for_sweeps
from tests.support.scenario import Scenario
from tests.support.service_process import service_process, until

pytestmark = pytest.mark.slow

TEN_SECONDS = {**BUSY, "jitter": "0s"}


@pytest.fixture
def served(scenario: Scenario) -> Scenario:
    scenario.configure(service=TEN_SECONDS)
    scenario.cache("orders")
    return scenario


def test_a_registry_removed_under_run_fails_the_round_and_takes_no_write(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        served.lose_registry()
        served.cache("carts")
        wait_for_sweeps(service, 2)
        last = service.named("sweep.finished")[-1]
        assert (last["outcome"], last["create"]) == ("failed", 0)
        assert "was removed while process" in last["error"]
        assert "restart the service" in last["error"]
        assert not served.registry_file.exists()
        assert service.ended() == 0
    assert served.sweep(exits=4).document["summary"]["create"] == 2, "into a new one, and said"


def test_a_state_file_removed_under_run_ends_no_round_well(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        served.forget()
        (broke,) = service.until("sweep.broke")
        assert "state file" in broke["why"]
        assert "was removed while process" in broke["why"]
        assert not served.state_file.exists()
        assert "state: REPLACED" in until(lambda: service.get("/readyz")[1])
        assert service.ended() == 0


def test_a_lock_removed_under_run_lets_no_second_service_in(served: Scenario) -> None:
    with service_process(served) as service:
        wait_for_sweeps(service)
        (served.directory / "cachemuster.db.run.lock").unlink()
        (noticed,) = service.until("state.lock_replaced")
        assert noticed["path"].endswith("cachemuster.db.run.lock")
        late = served.run("run")
        assert late.code == 75, late
        assert f"process {service.process.pid}" in late.err
        assert service.ended() == 0


def test_where_a_second_service_was_quicker_the_first_one_writes_nothing(served: Scenario) -> None:
    with service_process(served) as first:
        wait_for_sweeps(first)
        (served.directory / "cachemuster.db.run.lock").unlink()
        served.configure(service=QUIET)
        with service_process(served) as second:
            (broke,) = first.until("sweep.broke", error_code="Locked")
            assert f"process {second.process.pid}" in broke["why"]
            assert second.ended() == 0
        assert first.ended() == 0
