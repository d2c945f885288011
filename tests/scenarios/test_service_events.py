"""Change events, from a queue of the simulated AWS to a registered database."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.emission import Delivery, Envelope
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.queues import Queue
from tests.scenarios.living import Living, living, until
from tests.scenarios.tale import FRANKFURT, HUB, LISTING, VIRGINIA, Tale

VISIBLE_AGAIN = {"VisibilityTimeout": "2"}


@pytest.fixture
def queue(tale: Tale) -> Queue:
    """A queue that no event reaches yet, and a service that sweeps once an hour."""
    made = tale.region().add_queue("changes", VISIBLE_AGAIN)
    url = tale.rig.environment["AWS_ENDPOINT_URL"]
    tale.configure(
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


def connect(tale: Tale, queue: Queue, **how: Any) -> None:
    tale.aws.world.events.deliver_to(queue, Delivery(**how))


@contextmanager
def swept(tale: Tale) -> Iterator[Living]:
    """A service that has swept once, and ends well."""
    with living(tale) as service:
        service.until("sweep.finished", kind="sweep")
        yield service
        assert service.ended() == 0


def caches(tale: Tale) -> set[str]:
    labels = (database.labels["cachemuster/arn"] for database in tale.registry.values())
    return {label.rpartition(":")[2] for label in labels}


def rescanned(service: Living, count: int = 1) -> None:
    service.until("sweep.finished", count, kind="rescan")


@pytest.mark.parametrize("envelope", Envelope)
def test_a_new_cache_is_registered_and_its_message_deleted(
    tale: Tale, queue: Queue, envelope: Envelope
) -> None:
    tale.cache("carts", region=VIRGINIA)
    connect(tale, queue, envelope=envelope)
    with swept(tale) as service:
        calls = len(tale.aws.calls.of("DescribeServerlessCaches"))
        tale.cache("orders")
        until(lambda: "orders" in caches(tale))
        until(lambda: not len(queue))
        asked = tale.aws.calls.of("DescribeServerlessCaches")[calls:]
        assert {call.region for call in asked} == {FRANKFURT}, "the scope alone is scanned"
        rescanned(service)
    assert caches(tale) == {"orders", "carts"}


def test_a_cache_that_is_deleted_goes_by_the_rules(tale: Tale, queue: Queue) -> None:
    connect(tale, queue)
    for name in ("orders", "carts", "prices"):
        tale.cache(name)
    with swept(tale) as service:
        tale.gone("orders")
        until(lambda: caches(tale) == {"carts", "prices"})
        rescanned(service)
    assert len(tale.memory.removals) == 1


def test_after_a_reload_it_listens_on(tale: Tale, queue: Queue) -> None:
    connect(tale, queue)
    with swept(tale) as service:
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        tale.cache("orders")
        until(lambda: "orders" in caches(tale))
        rescanned(service)


def test_tags_that_change_are_seen_though_the_tagging_api_lags(tale: Tale, queue: Queue) -> None:
    cache = tale.cache("orders", tags={"team": "a"})
    tale.cache("carts", tags={"team": "a"})
    connect(tale, queue)
    with swept(tale):
        tale.region().set_tags(cache.arn, {"team": "b"}, lag=timedelta(hours=1))
        until(lambda: any(each.labels["team"] == "b" for each in tale.registry.values()))


def test_users_that_change_are_read_anew(tale: Tale, queue: Queue) -> None:
    tale.cache("orders", group="people")
    connect(tale, queue)
    with swept(tale):
        (database,) = tale.registry.values()
        assert database.labels["cachemuster/iam-auth"] == "ready"
        tale.region().add_user_group("people", users=())
        until(
            lambda: [
                each.labels["cachemuster/iam-auth"] for each in tale.registry.values()
            ] == ["not-ready"]
        )  # fmt: skip


def test_a_scope_that_cannot_be_read_keeps_its_message(tale: Tale, queue: Queue) -> None:
    connect(tale, queue)
    with swept(tale) as service:
        fault = tale.fault(Effect.ERROR, code="AccessDenied", **LISTING)
        tale.cache("orders")
        rescanned(service)
        assert len(queue)
        assert caches(tale) == set()
        tale.aws.faults.remove(fault)
        tale.aws.world.clock.advance(timedelta(seconds=3))
        until(lambda: caches(tale) == {"orders"})
        until(lambda: not len(queue))


def test_what_means_nothing_changes_nothing(tale: Tale, queue: Queue) -> None:
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
    tale.cache("orders")
    with swept(tale) as service:
        calls = len(tale.aws.calls.of("DescribeServerlessCaches"))
        for body in ("", "null", "[" * 10_000, '{"Type": "Notification"}', json.dumps(foreign)):
            queue.send(body)
        until(lambda: not len(queue))
        assert len(tale.aws.calls.of("DescribeServerlessCaches")) == calls
        _, page = service.get("/metrics")
        assert 'cachemuster_events_total{outcome="malformed"} 4.0' in page
        assert 'cachemuster_events_total{outcome="foreign"} 1.0' in page


def test_a_flood_is_a_few_scans(tale: Tale, queue: Queue) -> None:
    service = {**tale.settings["service"]}
    events = {**service["events"], "debounce": "2s"}
    tale.configure(service={**service, "events": events})
    connect(tale, queue)
    tale.cache("orders")
    with swept(tale) as living_one:
        calls = len(tale.aws.calls.of("DescribeServerlessCaches"))
        (body,) = _one_event(tale, queue)
        for number in range(2_000):
            queue.send(body.replace('"id": "', f'"id": "{number}-'))
        until(lambda: not len(queue))
        until(lambda: living_one.named("sweep.finished", kind="rescan"))
        assert len(tale.aws.calls.of("DescribeServerlessCaches")) - calls <= 10
        assert caches(tale) == {"orders"}


def _one_event(tale: Tale, queue: Queue) -> tuple[str, ...]:
    """The text of an event that the world emits."""
    tale.aws.world.events.stop_delivering_to(queue)
    other = tale.region().add_queue("other")
    connect(tale, other)
    tale.tag("orders", {"a": "b"})
    tale.aws.world.events.settle()
    return other.bodies[:1]


def test_a_queue_that_is_gone_stops_nothing(tale: Tale, queue: Queue) -> None:
    del tale.region().queues["changes"]
    tale.cache("orders")
    with swept(tale) as service:
        (told,) = service.until("events.unreadable")
        assert "queue" in told["why"]
        assert caches(tale) == {"orders"}
        tale.region().queues["changes"] = queue
        connect(tale, queue)
        tale.cache("carts")
        until(lambda: caches(tale) == {"orders", "carts"})


def test_an_event_from_a_region_enabled_since_the_list_was_read(tale: Tale, queue: Queue) -> None:
    tale.configure(aws={"regions": ["*"]})
    connect(tale, queue)
    with swept(tale) as service:
        tale.aws.world.account(HUB).enable("eu-south-1")
        abroad = tale.region("eu-south-1")
        tale.aws.world.events.deliver_to(queue, Delivery())
        abroad.add_cache("orders")
        until(lambda: "orders" in caches(tale))
        until(lambda: not len(queue))
        rescanned(service)


def test_a_reload_reads_the_list_of_regions_anew(tale: Tale, queue: Queue) -> None:
    tale.configure(aws={"regions": ["*"]}, service={**tale.settings["service"], "interval": "10s"})
    tale.sweep()
    with swept(tale) as service:
        service.until("sweep.finished", 2, kind="sweep")
        asked = len(tale.aws.calls.of("DescribeRegions"))
        tale.aws.world.account(HUB).enable("eu-south-1")
        tale.cache("orders", "eu-south-1")
        service.until("sweep.finished", 3, kind="sweep")
        assert len(tale.aws.calls.of("DescribeRegions")) == asked, "the list serves for a day"
        service.send(signal.SIGHUP)
        service.until("configuration.reloaded")
        until(lambda: "orders" in caches(tale))
