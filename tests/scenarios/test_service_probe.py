"""`service.probe`: logins beside the sweeps, and what is remembered of them."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.test_probe import CONNECT, WRONGPASS, answering
from tests.support.resp_server import RespServer
from tests.support.scenario import HUB, Scenario
from tests.support.service_process import service_process

pytestmark = pytest.mark.slow

SERVICE = {"interval": "1h", "jitter": "0s", "listen": "127.0.0.1:0"}


@pytest.fixture
def probed(scenario: Scenario) -> Scenario:
    scenario.cache("orders", group="people")
    scenario.aws.world.account(HUB).add_role("teleport-connect", trusted=[HUB])
    scenario.configure(
        matchers=[{"name": "all", "connect": {"assume_role_arn": CONNECT}}],
        service={**SERVICE, "probe": {"interval": "1m", "concurrency": 2}},
    )
    return scenario


def run_one_round(scenario: Scenario, server: RespServer) -> str:
    """The service's metrics after its first sweep and its first round of logins."""
    with answering(scenario, server), service_process(scenario) as service:
        (finished,) = service.until("probe.finished")
        assert sum(finished[each] for each in ("proved", "refused", "unreachable")) == 1
        metrics = service.get("/metrics")[1]
        assert service.ended() == 0
    assert "X-Amz" not in service.output
    return metrics


def outcomes(scenario: Scenario) -> list[str]:
    """Of logins, as the history has them, the newest first."""
    entries = json.loads(scenario.run("history", "--format", "json").out)["entries"]
    return [each["reason"] for each in entries if each["event"] == "probed"]


def test_a_cache_that_was_registered_by_the_same_sweep_is_probed_after_it(
    probed: Scenario,
) -> None:
    metrics = run_one_round(probed, RespServer())
    assert 'cachemuster_probed_caches{outcome="proved"} 1.0' in metrics
    assert "cachemuster_probe_last_timestamp_seconds " in metrics
    explained = json.loads(probed.run("explain", "orders", "--format", "json").out)
    probe = explained["caches"][0]["probe"]
    assert (probe["outcome"], probe["user"], probe["step"]) == ("proved", "app", "ping")
    assert "last logins: 1 proved" in probed.run("status").out
    assert json.loads(probed.run("status", "--format", "json").out)["probes"] == {"proved": 1}
    assert outcomes(probed) == []


def test_an_outcome_that_changes_is_in_the_history_once(probed: Scenario) -> None:
    for server in (RespServer(), RespServer(WRONGPASS), RespServer(WRONGPASS), RespServer()):
        run_one_round(probed, server)
    assert outcomes(probed) == ["PROVED", "REFUSED"]
    (explained,) = json.loads(probed.run("explain", "orders", "--format", "json").out)["caches"]
    assert explained["last"]["reason"] == "NEW"


def test_a_round_changes_neither_plan_nor_label(probed: Scenario) -> None:
    run_one_round(probed, RespServer(WRONGPASS))
    audited = probed.audit()
    assert audited.verdicts == {"orders": "keep/UNCHANGED"}
    assert audited.item("orders")["iam"]["probe"] is None
    assert "last login" in probed.run("explain", "orders").out


def test_without_the_setting_no_login_is_tried(probed: Scenario) -> None:
    probed.configure(service=SERVICE)
    with answering(probed, RespServer()) as server, service_process(probed) as service:
        service.until("sweep.finished")
        metrics = service.get("/metrics")[1]
        assert service.ended() == 0
    assert server.told == []
    assert "cachemuster_probed_caches{" not in metrics
