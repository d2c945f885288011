"""deploy/monitoring in Prometheus's own hands: rules, their tests, the dashboard, a real scrape."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from discovery.config.fields import HostPort
from discovery.service.health import HealthState, serve_health
from discovery.service.heartbeat import Heartbeat
from discovery.service.metrics import Metrics
from discovery.sweep.context import SweepKind
from tests.support.promtool import needs_promtool, promtool
from tests.support.report_samples import REFUSED, carried_out, full_report

HERE = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = yaml.safe_load((HERE / "alerts.yaml").read_text("utf-8"))
ALERTS = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((HERE / "dashboard.json").read_text("utf-8"))
QUERIES = [
    target["expr"].replace("$instance", ".*").replace("$__rate_interval", "5m")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
PROMETHEUS = shutil.which("prometheus")

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.slow]


@needs_promtool
class TestRules:
    def test_the_files_are_in_order(self) -> None:
        assert "SUCCESS" in promtool("check", "config", "prometheus.yaml", cwd=HERE)

    def test_every_alert_fires_when_it_should(self) -> None:
        assert "SUCCESS" in promtool("test", "rules", "alerts.test.yaml", cwd=HERE)

    @pytest.mark.parametrize("expression", ["vector(1) > 1", "vector(1)"], ids=["never", "always"])
    def test_an_alert_that_never_or_always_fires_would_be_noticed(
        self, expression: str, tmp_path: Path
    ) -> None:
        dull = {"expr": expression, "for": "0s"}
        group = {"name": "dull", "rules": [{**rule, **dull} for rule in _rules()]}
        (tmp_path / "alerts.yaml").write_text(json.dumps({"groups": [group]}), "utf-8")
        shutil.copy(HERE / "alerts.test.yaml", tmp_path)
        with pytest.raises(AssertionError) as complaint:
            promtool("test", "rules", "alerts.test.yaml", cwd=tmp_path)
        assert set(re.findall(r"alertname: (\w+)", str(complaint.value))) == set(ALERTS)

    def test_the_dashboard_asks_questions_that_can_be_asked(self, tmp_path: Path) -> None:
        records = [{"record": f"q:{number}", "expr": each} for number, each in enumerate(QUERIES)]
        rules = {"groups": [{"name": "dashboard", "rules": records}]}
        (tmp_path / "rules.yaml").write_text(json.dumps(rules), "utf-8")
        assert f"{len(QUERIES)} rules found" in promtool(
            "check", "rules", "rules.yaml", cwd=tmp_path
        )


def _rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


@asynccontextmanager
async def scraping(target: HostPort, place: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with the configuration of the page, but for its target and its haste."""
    assert PROMETHEUS is not None
    config = yaml.safe_load((HERE / "prometheus.yaml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "100ms", "evaluation_interval": "100ms"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [str(target)]}]
    (place / "prometheus.yaml").write_text(json.dumps(config), "utf-8")
    shutil.copy(HERE / "alerts.yaml", place)
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = "{}:{}".format(*found.getsockname())
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS,
        f"--config.file={place / 'prometheus.yaml'}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


async def asked(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    """Prometheus's answer, once it is up. Raises: AssertionError for a refusal."""
    while True:
        try:
            answer = await client.get(f"/api/v1/{path}", params=query)
        except httpx.TransportError:
            await asyncio.sleep(0.05)  # it is starting
            continue
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]
        await asyncio.sleep(0.05)


async def values(client: httpx.AsyncClient, expression: str) -> list[float]:
    found = await asked(client, "query", query=expression)
    return [float(each["value"][1]) for each in found["result"]]


async def seen(client: httpx.AsyncClient, expression: str, value: float) -> None:
    """Prometheus has scraped it; the test's own timeout bounds the wait."""
    while await values(client, expression) != [value]:  # noqa: ASYNC110 - it is Prometheus's doing
        await asyncio.sleep(0.05)


@pytest.mark.skipif(PROMETHEUS is None, reason="no Prometheus here: apt-get install prometheus")
async def test_prometheus_scrapes_the_service_and_the_dashboard_shows_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    metrics = Metrics(scope_metrics_limit=500, version="1.2.3")
    health = HealthState(heartbeat=Heartbeat(), max_age=timedelta(hours=1))
    async with (
        serve_health(HostPort("127.0.0.1", 0), health, metrics) as target,
        scraping(target, tmp_path) as client,
    ):
        await seen(client, 'up{job="cachemuster"}', 1)
        found = full_report(finished_at=now, started_at=now, guard=REFUSED)
        metrics.record_run(carried_out(found, failed="payments"), kind=SweepKind.SWEEP)
        metrics.record_run(carried_out(found, failed="payments"), kind=SweepKind.RESCAN)
        metrics.count_events("accepted", 3)
        metrics.set_waiting(2, since=now)
        metrics.set_identity_expiry(now + timedelta(hours=1))
        await seen(client, "cachemuster_guard_refused", 1)
        assert await _silent(client) <= {"increase(", "rate("}
        firing = await asked(client, "rules", type="alert")
        rules = [rule for group in firing["groups"] for rule in group["rules"]]
        assert [rule["name"] for rule in rules] == ALERTS
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


async def _silent(client: httpx.AsyncClient) -> set[str]:
    """The functions of those questions of the dashboard that have no answer yet."""
    return {
        (re.search(r"(increase|rate)\(", query) or ["nothing"])[0]
        for query in QUERIES
        if not await values(client, query)
    }
