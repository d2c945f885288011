"""From a message of the queue to a scope that was looked at again, by the loop's own time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count, pairwise
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.queue import Message
from discovery.model.codes import ScopeReason
from discovery.model.values import Arn, Complete, Failed, Region, Scanned, Scope, Skipped
from discovery.plan.targets import Targets
from discovery.reports.report import Report
from discovery.service.metrics import Metrics
from discovery.service.rescans import MAX_DELIVERIES, RETRY_DELAY, Rescans
from discovery.service.runner import ScheduledRun, SweepRunner
from discovery.service.schedule import Schedule
from discovery.service.supervisor import Supervisor
from discovery.sweep.context import SweepKind
from matchers.regions import RegionList
from tests.support.plan_inputs import ABROAD, ACCOUNT, EAST, WEST, arn_of, cache
from tests.support.plan_state import NOW
from tests.support.report_samples import report
from tests.support.wall_clock import WallClock, wall

__all__ = ["wall"]

pytestmark = pytest.mark.looptime

DEBOUNCE = timedelta(seconds=5)
TARGETS = Targets(
    accounts={
        ACCOUNT: RegionList(
            listed=frozenset(scope.region for scope in (WEST, EAST) if scope.region), complete=True
        )
    },
    accounts_complete=True,
)
_numbers = count()


def message(
    scope: Scope = WEST, name: str = "orders", *, event: str | None = None, deliveries: int = 1
) -> Message:
    number = next(_numbers)
    body = {
        "version": "0",
        "id": event or f"event-{number}",
        "detail-type": "Cache Updated",
        "source": "aws.elasticache",
        "account": scope.account_id,
        "region": scope.region,
        "resources": [arn_of(name, scope)],
        "detail": {"SourceType": "serverless-cache", "SourceArn": arn_of(name, scope)},
    }
    return Message(f"m{number}", f"r{number}", json.dumps(body), deliveries)


@dataclass
class FakeSupervisor:
    """Rounds as they come: what each is about, when, and how it ends."""

    wall: WallClock
    asked: list[tuple[float, set[Scope], frozenset[Arn]]] = field(default_factory=list)
    takes_s: float = 0.0
    fails_times: int = 0
    endings: dict[Scope, Scanned] = field(default_factory=dict)
    error: str | None = None
    without_result: set[Scope] = field(default_factory=set)
    """Scopes that no round has a result for."""

    async def attempt(
        self, kind: SweepKind, work: Callable[[SweepRunner], Awaitable[ScheduledRun | None]]
    ) -> ScheduledRun | None:
        assert kind is SweepKind.RESCAN
        return await work(cast("SweepRunner", self))

    async def rescan(self, scopes: Iterable[Scope], named: frozenset[Arn]) -> ScheduledRun | None:
        every = set(scopes)
        self.asked.append((round(self.wall.passed_s), every, named))
        await asyncio.sleep(self.takes_s)
        if self.fails_times:
            self.fails_times -= 1
            return None
        asked = every - self.without_result
        results = tuple(self.endings.get(scope, read(scope)) for scope in asked)
        return ScheduledRun(SweepKind.RESCAN, self._report(results), TARGETS)

    def _report(self, results: tuple[Scanned, ...]) -> Report:
        return replace(report(), scopes=results, error=self.error)

    @property
    def moments(self) -> list[float]:
        return [moment for moment, _, _ in self.asked]


@dataclass
class FakeQueue:
    """Remembers what was deleted."""

    deleted: list[str] = field(default_factory=list)
    is_broken: bool = False

    async def delete(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        if self.is_broken:
            raise AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, "no way there"))
        self.deleted += [each.message_id for each in messages]
        return ()


def read(scope: Scope, **statuses: str) -> Complete:
    caches = tuple(cache(name, scope, status=status) for name, status in statuses.items())
    return Complete(scope=scope, started_at=NOW, caches=caches)


def unread(scope: Scope) -> Failed:
    return Failed(scope=scope, started_at=NOW, reason=ScopeReason.THROTTLED)


@dataclass
class Bench:
    rescans: Rescans
    supervisor: FakeSupervisor
    queue: FakeQueue
    metrics: Metrics

    async def handle(self, *messages: Message) -> None:
        await self.rescans.handle(messages)

    def counted(self, outcome: str) -> float:
        line = f'cachemuster_events_total{{outcome="{outcome}"}} '
        text = self.metrics.render()[0].decode()
        found = [each for each in text.splitlines() if each.startswith(line)]
        return float(found[0].split()[-1]) if found else 0.0


@pytest.fixture
async def bench(wall: WallClock) -> AsyncIterator[Bench]:
    supervisor, queue, schedule = FakeSupervisor(wall), FakeQueue(), Schedule()
    metrics = Metrics(scope_metrics_limit=10, version="1")
    rescans = Rescans(
        cast("Supervisor", supervisor), schedule, metrics, wall.now, DEBOUNCE, queue, TARGETS
    )
    schedule.start()
    yield Bench(rescans, supervisor, queue, metrics)
    await schedule.stop()


async def test_one_event_one_rescan_and_the_message_is_deleted(bench: Bench) -> None:
    sent = message()
    await bench.handle(sent)
    assert bench.queue.deleted == []
    await asyncio.sleep(60)
    assert bench.supervisor.asked == [(5, {WEST}, frozenset({arn_of("orders")}))]
    assert bench.queue.deleted == [sent.message_id]
    assert (bench.counted("accepted"), bench.counted("acted")) == (1, 1)


async def test_later_events_do_not_restart_the_wait(bench: Bench) -> None:
    for number in range(20):
        await bench.handle(message(name=f"c{number}"))
        await asyncio.sleep(1)
    await asyncio.sleep(60)
    assert bench.supervisor.moments[0] == 5
    spans = [b - a for a, b in pairwise(bench.supervisor.moments)]
    assert min(spans) >= 5
    assert len(bench.supervisor.moments) in (4, 5)
    assert {arn for _, _, named in bench.supervisor.asked for arn in named} == {
        arn_of(f"c{number}") for number in range(20)
    }


@pytest.mark.slow
async def test_a_flood_costs_one_rescan_a_wait(bench: Bench) -> None:
    for _ in range(60):
        await bench.handle(*(message() for _ in range(170)))
        await asyncio.sleep(1)
    await asyncio.sleep(60)
    assert len(bench.supervisor.asked) <= 13
    assert len(bench.queue.deleted) == 60 * 170


async def test_scopes_that_are_due_together_share_a_round(bench: Bench) -> None:
    await bench.handle(message(WEST), message(EAST))
    await asyncio.sleep(60)
    assert [scopes for _, scopes, _ in bench.supervisor.asked] in ([{WEST, EAST}], [{WEST}, {EAST}])
    assert len(bench.queue.deleted) == 2


async def test_touched_while_it_is_scanned_it_is_scanned_again(bench: Bench) -> None:
    bench.supervisor.takes_s = 30
    await bench.handle(message())
    await asyncio.sleep(10)
    late = message(name="carts")
    await bench.handle(late)
    await asyncio.sleep(20)
    assert len(bench.supervisor.asked) == 1  # never two of one scope side by side
    await asyncio.sleep(60)
    assert [named for _, _, named in bench.supervisor.asked] == [
        {arn_of("orders")},
        {arn_of("carts")},
    ]
    assert late.message_id in bench.queue.deleted


async def test_an_event_that_comes_twice_is_acted_upon_once(bench: Bench) -> None:
    await bench.handle(message(event="same"), message(event="same"))
    await asyncio.sleep(30)
    again = message(event="same")
    await bench.handle(again)
    await asyncio.sleep(60)
    assert len(bench.supervisor.asked) == 1
    assert again.message_id in bench.queue.deleted
    assert bench.counted("duplicate") == 1


async def test_delivered_again_while_it_waits_both_receipts_are_no_two_messages(
    bench: Bench,
) -> None:
    first = message()
    await bench.handle(first)
    await bench.handle(replace(first, receipt="newer", received_count=2))
    await asyncio.sleep(60)
    assert bench.queue.deleted == [first.message_id]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("", "malformed"),
        ("[" * 5000, "malformed"),
        ('{"Type": "SubscriptionConfirmation"}', "other"),
        (message(ABROAD).body, "foreign"),
        (message(Scope(ACCOUNT, None)).body, "malformed"),
    ],
)
async def test_what_changes_nothing_is_counted_and_deleted(
    bench: Bench, body: str, outcome: str
) -> None:
    await bench.handle(Message("m", "r", body, 1))
    await asyncio.sleep(60)
    assert bench.supervisor.asked == []
    assert bench.queue.deleted == ["m"]
    assert bench.counted(outcome) == 1


async def test_before_the_first_sweep_events_wait_for_it(bench: Bench) -> None:
    bench.rescans.targets = None
    ours, foreign = message(WEST), message(ABROAD)
    await bench.handle(ours, foreign)
    await asyncio.sleep(600)
    assert bench.supervisor.asked == []
    await bench.rescans.after_sweep(TARGETS, ())
    assert bench.queue.deleted == [foreign.message_id]
    await asyncio.sleep(60)
    assert [scopes for _, scopes, _ in bench.supervisor.asked] == [{WEST}]
    assert ours.message_id in bench.queue.deleted


async def test_a_scope_that_cannot_be_read_leaves_its_message_in_the_queue(bench: Bench) -> None:
    bench.supervisor.endings[WEST] = unread(WEST)
    sent = message()
    await bench.handle(sent)
    await asyncio.sleep(60)
    assert bench.queue.deleted == []
    del bench.supervisor.endings[WEST]
    await bench.handle(replace(sent, received_count=2))
    await asyncio.sleep(60)
    assert len(bench.supervisor.asked) == 2
    assert bench.queue.deleted == [sent.message_id]
    assert bench.counted("duplicate") == 0


async def test_a_poison_message_ends_after_its_retries(bench: Bench) -> None:
    bench.supervisor.endings[WEST] = unread(WEST)
    sent = message()
    with capture_logs() as logs:
        for deliveries in range(1, MAX_DELIVERIES + 1):
            assert bench.queue.deleted == []
            await bench.handle(replace(sent, received_count=deliveries))
            await asyncio.sleep(60)
    assert bench.queue.deleted == [sent.message_id]
    assert [each["event"] for each in logs].count("event.given_up") == 1
    assert (bench.counted("given_up"), bench.counted("retried")) == (1, MAX_DELIVERIES - 1)


async def test_a_control_plane_that_is_down_loses_no_message(bench: Bench) -> None:
    bench.supervisor.error = "the control plane does not answer"
    await bench.handle(message())
    await asyncio.sleep(60)
    assert bench.queue.deleted == []


async def test_a_round_that_came_to_nothing_is_made_again(bench: Bench) -> None:
    bench.supervisor.fails_times = 2
    sent = message()
    await bench.handle(sent)
    await asyncio.sleep(3 * RETRY_DELAY.total_seconds())
    assert bench.supervisor.moments == [5, 35, 65]
    assert bench.queue.deleted == [sent.message_id]


async def test_a_region_that_is_not_enabled_is_done_with(bench: Bench) -> None:
    off = Skipped(scope=WEST, started_at=NOW, reason=ScopeReason.REGION_NOT_ENABLED)
    bench.supervisor.endings[WEST] = off
    await bench.handle(message())
    await asyncio.sleep(60)
    assert len(bench.queue.deleted) == 1


async def test_a_queue_that_does_not_delete_costs_nothing_but_a_line(bench: Bench) -> None:
    bench.queue.is_broken = True
    with capture_logs() as logs:
        await bench.handle(message())
        await asyncio.sleep(60)
    assert "events.not_deleted" in {each["event"] for each in logs}
    bench.queue.is_broken = False
    await bench.handle(message())
    await asyncio.sleep(60)
    assert len(bench.queue.deleted) == 1


async def test_what_is_on_its_way_is_looked_at_again(bench: Bench) -> None:
    bench.supervisor.endings[WEST] = read(WEST, orders="creating")
    await bench.rescans.after_sweep(TARGETS, [read(WEST, orders="creating")])
    await asyncio.sleep(100)
    bench.supervisor.endings[WEST] = read(WEST, orders="available")
    await asyncio.sleep(1000)
    assert bench.supervisor.moments == [15, 45, 105]
    named: list[Any] = [arns for _, _, arns in bench.supervisor.asked]
    assert named == [{arn_of("orders")}] * 3


NEW = Scope(ACCOUNT, Region("ap-east-1"))


def globbed(**more: Any) -> Targets:
    """An account whose globs take more than its list has so far."""
    listed = TARGETS.accounts[ACCOUNT]
    return replace(TARGETS, accounts={ACCOUNT: replace(listed, may_take=("*",), **more)})


async def test_an_event_from_a_region_that_a_glob_takes_is_evidence(bench: Bench) -> None:
    """The list of enabled regions may be of before it was enabled."""
    bench.rescans.targets = globbed()
    sent = message(NEW)
    await bench.handle(sent)
    await asyncio.sleep(60)
    assert [scopes for _, scopes, _ in bench.supervisor.asked] == [{NEW}]
    assert bench.queue.deleted == [sent.message_id]


async def test_read_anew_a_list_without_the_region_settles_it(bench: Bench) -> None:
    bench.rescans.targets = globbed()
    bench.supervisor.without_result.add(NEW)
    sent = message(NEW)
    await bench.handle(sent)
    await asyncio.sleep(60)
    assert bench.queue.deleted == [sent.message_id]
    assert (bench.counted("acted"), bench.counted("retried")) == (1, 0)


async def test_an_event_from_an_excluded_region_is_foreign(bench: Bench) -> None:
    bench.rescans.targets = globbed(excluded=("ap-*",))
    await bench.handle(message(NEW))
    await asyncio.sleep(60)
    assert bench.supervisor.asked == []
    assert bench.counted("foreign") == 1
