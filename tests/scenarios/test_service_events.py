"""Change events, from a queue of the simulated AWS to a registered database."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.event_delivery import Delivery, Envelope
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.queues import Queue
from tests.support.scenario import FRANKFURT, HUB, LISTING, VIRGINIA, Scenario
from tests.support.service_process import ServiceProcess, service_process, until

pytestmark = pytest.mark.slow

VISIBLE_AGAIN = {"VisibilityTimeout": "2"}


@pytest.fixture
def queue(scenario: Scenario) -> Queue:
    """A queue that no event reaches yet, and a service that sweeps once an hour."""
    made = scenario.region().add_queue("changes", VISIBLE_AGAIN)
    url = scenario.cli.environment["AWS_ENDPOINT_URL"]
    scenario.configure(
        aws={"regions": [FRANKFURT, VIRGINIA]},
        deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
        service={
            "interval": "1h",
            "jitter": "0s",
            "listen": "127.0.0.1:0",
            "events": {"queue_url": f"{url}/{HUB}/changes", "debounce": "0s"},
        },
    )
    return made


def connect(scenario: Scenario, queue: Queue, **how: Any) -> None:
    scenario.aws.world.events.deliver_to(queue, Delivery(**how))


@contextmanager
def service_after_a_sweep(scenario: Scenario) -> Iterator[ServiceProcess]:
    """A service that has swept once, and ends well."""
    with service_process(scenario) as service:
        service.until("sweep.finished", kind="sweep")
        yield service
        assert service.ended() == 0


def caches(scenario: Scenario) -> set[str]:
    labels = (database.labels["cachemuster/arn"] for database in scenario.registry.values())
    return {label.rpartition(":")[2] for label in labels}


def rescanned(service: ServiceProcess, count: int = 1) -> None:
    service.until("sweep.finished", count, kind="rescan")


@pytest.mark.parametrize("envelope", Envelope)
def test_a_new_cache_is_registered_and_its_message_deleted(
    scenario: Scenario, queue: Queue, envelope: Envelope
) -> None:
    scenario.cache("carts", region=VIRGINIA)
    connect(scenario, queue, envelope=envelope)
    with service_after_a_sweep(scenario) as service:
        calls = len(scenario.aws.calls.of("DescribeServerlessCaches"))
        scenario.cache("orders")
        until(lambda: "orders" in caches(scenario))
        until(lambda: not len(queue))
        asked = scenario.aws.calls.of("DescribeServerlessCaches")[calls:]
        assert {call.region for call in asked} == {FRANKFURT}, "the scope alone is scanned"
        rescanned(service)
    assert caches(scenario) == {"orders", "carts"}


def test_a_cache_that_is_deleted_goes_by_the_rules(scenario: Scenario, queue: Queue) -> None:
    connect(scenario, queue)
    for name in ("orders", "carts", "prices"):
        scenario.cache(name)
    with service_after_a_sweep(scenario) as service:
        scenario.gone("orders")
        until(lambda: caches(scenario) == {"carts", "prices"})
        rescanned(service)
    assert len(scenario.state.removals) == 1


def test_after_a_reload_it_listens_on(scenario: Scenario, queue: Queue) -> None:
    connect(scenario, queue)
    with service_after_a_sweep(scenario) as service:
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        scenario.cache("orders")
        until(lambda: "orders" in caches(scenario))
        rescanned(service)


def test_tags_that_change_are_seen_though_the_tagging_api_lags(
    scenario: Scenario, queue: Queue
) -> None:
    cache = scenario.cache("orders", tags={"team": "a"})
    scenario.cache("carts", tags={"team": "a"})
    connect(scenario, queue)
    with service_after_a_sweep(scenario):
        scenario.region().set_tags(cache.arn, {"team": "b"}, lag=timedelta(hours=1))
        until(lambda: any(each.labels["team"] == "b" for each in scenario.registry.values()))


def test_users_that_change_are_read_anew(scenario: Scenario, queue: Queue) -> None:
    scenario.cache("orders", group="people")
    connect(scenario, queue)
    with service_after_a_sweep(scenario):
        (database,) = scenario.registry.values()
        assert database.labels["cachemuster/iam-auth"] == "ready"
        scenario.region().add_user_group("people", users=())
        until(
            lambda: [
                each.labels["cachemuster/iam-auth"] for each in scenario.registry.values()
            ] == ["not-ready"]
        )  # fmt: skip


def test_a_scope_that_cannot_be_read_keeps_its_message(scenario: Scenario, queue: Queue) -> None:
    connect(scenario, queue)
    with service_after_a_sweep(scenario) as service:
        fault = scenario.fault(Effect.ERROR, code="AccessDenied", **LISTING)
        scenario.cache("orders")
        rescanned(service)
        assert len(queue)
        assert caches(scenario) == set()
        scenario.aws.faults.remove(fault)
        scenario.aws.world.clock.advance(timedelta(seconds=3))
        until(lambda: caches(scenario) == {"orders"})
        until(lambda: not len(queue))


def test_what_means_nothing_changes_nothing(scenario: Scenario, queue: Queue) -> None:
    foreign = {
        "version": "0",
        "id": "1",
        "source": "aws.elasticache",
        "detail-type": "Cache Deleted",
        "account": "999999999999",
        "region": FRANKFURT,
        "resources": [],
        "detail": {"SourceType": "serverless-cache", "SourceIdentifier": "orders"},
    }
    scenario.cache("orders")
    with service_after_a_sweep(scenario) as service:
        calls = len(scenario.aws.calls.of("DescribeServerlessCaches"))
        for body in ("", "null", "[" * 10_000, '{"Type": "Notification"}', json.dumps(foreign)):
            queue.send(body)
        until(lambda: not len(queue))
        assert len(scenario.aws.calls.of("DescribeServerlessCaches")) == calls
        _, page = service.get("/metrics")
        assert 'cachemuster_events_total{outcome="malformed"} 4.0' in page
        assert 'cachemuster_events_total{outcome="foreign"} 1.0' in page


def test_a_flood_is_a_few_scans(scenario: Scenario, queue: Queue) -> None:
    service = {**scenario.settings["service"]}
    events = {**service["events"], "debounce": "2s"}
    scenario.configure(service={**service, "events": events})
    connect(scenario, queue)
    scenario.cache("orders")
    with service_after_a_sweep(scenario) as living_one:
        calls = len(scenario.aws.calls.of("DescribeServerlessCaches"))
        (body,) = _one_event(scenario, queue)
        for number in range(2_000):
            queue.send(body.replace('"id": "', f'"id": "{number}-'))
        until(lambda: not len(queue))
        until(lambda: living_one.named("sweep.finished", kind="rescan"))
        assert len(scenario.aws.calls.of("DescribeServerlessCaches")) - calls <= 10
        assert caches(scenario) == {"orders"}


def _one_event(scenario: Scenario, queue: Queue) -> tuple[str, ...]:
    """The text of an event that the world emits."""
    scenario.aws.world.events.stop_delivering_to(queue)
    other = scenario.region().add_queue("other")
    connect(scenario, other)
    scenario.tag("orders", {"a": "b"})
    scenario.aws.world.events.publish_due()
    return other.bodies[:1]


def test_a_queue_that_is_gone_stops_nothing(scenario: Scenario, queue: Queue) -> None:
    del scenario.region().queues["changes"]
    scenario.cache("orders")
    with service_after_a_sweep(scenario) as service:
        (shown,) = service.until("events.unreadable")
        assert "queue" in shown["why"]
        assert caches(scenario) == {"orders"}
        scenario.region().queues["changes"] = queue
        connect(scenario, queue)
        scenario.cache("carts")
        until(lambda: caches(scenario) == {"orders", "carts"})


def test_an_event_from_a_region_enabled_since_the_list_was_read(
    scenario: Scenario, queue: Queue
) -> None:
    scenario.configure(aws={"regions": ["*"]})
    connect(scenario, queue)
    with service_after_a_sweep(scenario) as service:
        scenario.aws.world.account(HUB).enable("eu-south-1")
        abroad = scenario.region("eu-south-1")
        scenario.aws.world.events.deliver_to(queue, Delivery())
        abroad.add_cache("orders")
        until(lambda: "orders" in caches(scenario))
        until(lambda: not len(queue))
        rescanned(service)


def test_a_reload_reads_the_list_of_regions_anew(scenario: Scenario, queue: Queue) -> None:
    scenario.configure(
        aws={"regions": ["*"]}, service={**scenario.settings["service"], "interval": "10s"}
    )
    scenario.sweep()
    with service_after_a_sweep(scenario) as service:
        service.until("sweep.finished", 2, kind="sweep")
        asked = len(scenario.aws.calls.of("DescribeRegions"))
        scenario.aws.world.account(HUB).enable("eu-south-1")
        scenario.cache("orders", "eu-south-1")
        service.until("sweep.finished", 3, kind="sweep")
        assert len(scenario.aws.calls.of("DescribeRegions")) == asked, "the list serves for a day"
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        until(lambda: "orders" in caches(scenario))
