"""The queue of change events, with the real SDK against simulated SQS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from discovery.aws import queue as module
from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.events import Change, read_message
from discovery.aws.queue import LONGEST_POSTPONEMENT, WAIT, Message, Queue, open_queue
from discovery.model.codes import ScopeReason
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.queues import Queue as SandboxQueue
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site


class Box:
    """One queue, from both its sides."""

    def __init__(self, site: Site, name: str = "changes", region: str = HOME) -> None:
        self.site = site
        self.inside: SandboxQueue = site.place(region=region).add_queue(name)
        self.url = f"{site.url}/{HUB}/{name}"

    def later(self, **span: float) -> None:
        self.site.aws.world.clock.advance(timedelta(**span))

    def asked(self, operation: str, **where: str) -> list[dict[str, Any]]:
        return [dict(call.members) for call in self.site.aws.calls.of(operation, **where)]


@pytest.fixture
def box(site: Site, monkeypatch: pytest.MonkeyPatch) -> Box:
    """Polls are as long as ever, but for those of the test that says so."""
    monkeypatch.setattr(module, "WAIT", timedelta(seconds=1))
    return Box(site)


@pytest.fixture
async def queue(box: Box) -> AsyncIterator[Queue]:
    async with box.site.cloud() as cloud:
        yield open_queue(cloud, box.url)


async def fault_of(work: Any) -> AwsError:
    with pytest.raises(AwsCallFailed) as caught:
        await work
    return caught.value.error


async def until(box: Box, *, waiting: int) -> None:
    """So many polls wait for a message."""
    for _ in range(1000):
        if box.inside.arrivals.waiting == waiting:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{box.inside.arrivals.waiting} polls wait, not {waiting}")


# -- receiving -----------------------------------------------------------------------------------


async def test_messages_are_received_by_tens_and_deleted(box: Box, queue: Queue) -> None:
    for number in range(12):
        box.inside.send(f"message {number} ü")
    first, second = await queue.receive(), await queue.receive()
    assert [message.body for message in (*first, *second)] == [
        f"message {number} ü" for number in range(12)
    ]
    assert {message.received_count for message in first} == {1}
    assert len({message.message_id for message in (*first, *second)}) == 12
    assert await queue.delete((*first, *second)) == ()
    assert len(box.inside) == 0
    sizes = [len(asked["Entries"]) for asked in box.asked("DeleteMessageBatch")]
    assert sizes == [10, 2]


async def test_nothing_is_received_where_nothing_is(box: Box, queue: Queue) -> None:
    assert await queue.receive() == ()
    assert await queue.delete(()) == ()
    await queue.postpone((), timedelta(seconds=5))
    assert not box.asked("DeleteMessageBatch")


async def test_a_long_poll_waits_as_long_as_sqs_allows(
    box: Box, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", WAIT)
    poll = asyncio.create_task(queue.receive())
    await until(box, waiting=1)
    [asked] = box.asked("ReceiveMessage")
    assert (asked["WaitTimeSeconds"], asked["MaxNumberOfMessages"]) == (20, 10)
    box.inside.send("now")
    [message] = await poll
    assert message.body == "now"
    assert len(box.asked("ReceiveMessage")) == 1


async def test_twenty_silent_seconds_are_no_timeout(box: Box) -> None:
    async with box.site.cloud() as cloud:
        client = await cloud.accounts.own_session(cloud.home_region).clients.get("sqs", HOME)
        other = await cloud.accounts.own_session(cloud.home_region).clients.get("sts", HOME)
        assert client.meta.config.read_timeout >= WAIT.total_seconds() + 10
        assert other.meta.config.read_timeout < client.meta.config.read_timeout


async def test_a_cancelled_poll_leaves_no_connection_and_takes_no_message(
    box: Box, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", WAIT)
    poll = asyncio.create_task(queue.receive())
    await until(box, waiting=1)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    await until(box, waiting=0)
    box.inside.send("for the next one")
    assert [message.body for message in await queue.receive()] == ["for the next one"]


async def test_what_the_world_tells_is_understood_when_it_arrives(box: Box, queue: Queue) -> None:
    box.site.aws.world.events.deliver_to(box.inside)
    cache = box.site.place().add_cache("orders")
    found = [read_message(message.body) for message in await queue.receive()]
    assert len(found) == 2
    assert all(isinstance(each, Change) and each.arns == {cache.arn} for each in found)


# -- deleting, postponing ------------------------------------------------------------------------


async def test_a_message_that_is_not_deleted_comes_again(box: Box, queue: Queue) -> None:
    box.inside.send("again")
    [first] = await queue.receive()
    box.later(seconds=31)
    [second] = await queue.receive()
    assert second.message_id == first.message_id
    assert (first.received_count, second.received_count) == (1, 2)
    assert await queue.delete((second, second)) == ()
    assert len(box.inside) == 0


async def test_what_could_not_be_deleted_is_told(box: Box, queue: Queue) -> None:
    for number in range(11):
        box.inside.send(str(number))
    messages = [*await queue.receive(), *await queue.receive()]
    bad = Message("x", "no receipt", "", 1)
    assert await queue.delete([*messages[:3], bad, *messages[3:], bad]) == (bad, bad)
    assert len(box.inside) == 0


async def test_postponed_messages_are_seen_again_after_that_time(box: Box, queue: Queue) -> None:
    box.inside.send("soon")
    box.inside.send("late")
    soon, late = await queue.receive()
    await queue.postpone((soon,), timedelta(0))
    await queue.postpone((late,), timedelta(days=30))
    [asked] = box.asked("ChangeMessageVisibilityBatch")[1:]
    assert asked["Entries"][0]["VisibilityTimeout"] == LONGEST_POSTPONEMENT.total_seconds()
    assert [message.body for message in await queue.receive()] == ["soon"]
    await queue.delete((soon,))
    box.later(hours=11, minutes=59)
    assert "late" not in [message.body for message in await queue.receive()]
    box.later(minutes=2)
    assert "late" in [message.body for message in await queue.receive()]


async def test_to_postpone_what_is_gone_is_no_failure(box: Box, queue: Queue) -> None:
    box.inside.send("gone")
    [message] = await queue.receive()
    await queue.delete((message,))
    await queue.postpone((message,), timedelta(minutes=1))


async def test_the_queue_says_how_it_is_set_up(box: Box, queue: Queue) -> None:
    box.inside.set_attributes({"VisibilityTimeout": "300"})
    found = await queue.attributes()
    assert (found["VisibilityTimeout"], found["QueueArn"]) == ("300", box.inside.arn)


# -- where, and as whom --------------------------------------------------------------------------


async def test_it_is_read_as_the_agent_itself_in_the_region_of_its_url(box: Box) -> None:
    box.site.member()
    Box(box.site, region="eu-north-1")
    url = f"https://sqs.eu-north-1.amazonaws.com/{HUB}/changes"
    async with box.site.cloud() as cloud:
        await open_queue(cloud, url).attributes()
        await open_queue(cloud, box.url).attributes()
    calls = box.site.aws.calls.of("GetQueueAttributes")
    assert [call.region for call in calls] == ["eu-north-1", HOME]
    assert {call.account_id for call in calls} == {HUB}


async def test_requests_for_the_queue_carry_its_credentials_while_others_are_at_work(
    box: Box, queue: Queue
) -> None:
    box.site.member()
    box.inside.send("x")
    _, found = await asyncio.gather(box.site.scan(), queue.receive())
    assert [message.body for message in found] == ["x"]
    assert {call.account_id for call in box.site.aws.calls.of("ReceiveMessage")} == {HUB}
    assert box.site.asked("DescribeServerlessCaches", account=MEMBER) == 1


# -- trouble -------------------------------------------------------------------------------------

TROUBLE = [
    pytest.param(Effect.DENIED, {}, ScopeReason.DENIED, "allow sqs:ReceiveMessage", id="denied"),
    pytest.param(Effect.THROTTLED, {}, ScopeReason.THROTTLED, "limits the rate", id="throttled"),
    pytest.param(Effect.EXPIRED, {}, ScopeReason.EXPIRED, "renew", id="expired"),
    pytest.param(
        Effect.ERROR,
        {"code": "OverLimit", "status": 403},
        ScopeReason.THROTTLED,
        "nobody else reads",
        id="over limit",
    ),
    pytest.param(
        Effect.ERROR,
        {"code": "KmsAccessDenied"},
        ScopeReason.DENIED,
        "allow kms:Decrypt",
        id="key denied",
    ),
    pytest.param(
        Effect.ERROR, {"code": "KmsDisabled"}, ScopeReason.DENIED, "enable it", id="key disabled"
    ),
    pytest.param(
        Effect.ERROR, {"code": "KmsThrottled"}, ScopeReason.THROTTLED, "KMS", id="key throttled"
    ),
    pytest.param(Effect.INTERNAL, {}, ScopeReason.SERVER_ERROR, "trouble", id="trouble"),
    pytest.param(Effect.HTML, {"status": 200}, ScopeReason.MALFORMED, "proxies", id="a page"),
    pytest.param(Effect.CUT_OFF, {}, ScopeReason.TRUNCATED, "cut short", id="cut off"),
    pytest.param(Effect.RESET, {}, ScopeReason.UNREACHABLE, "did not reach", id="reset"),
]


@pytest.mark.parametrize(("effect", "more", "reason", "advice"), TROUBLE)
async def test_trouble_is_a_fault_with_a_sentence(
    box: Box,
    queue: Queue,
    effect: Effect,
    more: dict[str, Any],
    reason: ScopeReason,
    advice: str,
) -> None:
    box.inside.send("kept")
    box.site.fault(effect, service="sqs", operation="ReceiveMessage", **more)
    fault = await fault_of(queue.receive())
    assert fault.reason is reason
    assert advice in fault.message
    assert "sqs:ReceiveMessage" in fault.message
    assert HUB in fault.message


async def test_a_queue_that_is_not_there_is_told_with_where_it_is_configured(box: Box) -> None:
    async with box.site.cloud() as cloud:
        fault = await fault_of(open_queue(cloud, f"{box.site.url}/{HUB}/other").receive())
        stranger = await fault_of(open_queue(cloud, f"{box.site.url}/{MEMBER}/changes").receive())
    assert fault.reason is ScopeReason.UNREACHABLE
    assert "service.events.queue_url" in fault.message
    assert stranger.reason is ScopeReason.DENIED


async def test_a_url_without_a_region_needs_an_endpoint_of_ones_own(box: Box) -> None:
    async with box.site.cloud() as cloud:
        aws = replace(cloud, endpoints={})
        with pytest.raises(ValueError, match="names no region"):
            open_queue(aws, f"https://sqs.example.com/{HUB}/changes")
        open_queue(aws, f"https://sqs.eu-west-1.api.aws/{HUB}/changes")


async def test_what_failed_once_is_asked_again_by_the_sdk(box: Box, queue: Queue) -> None:
    box.inside.send("x")
    box.site.fault(Effect.INTERNAL, service="sqs", operation="ReceiveMessage", times=1)
    assert [message.body for message in await queue.receive()] == ["x"]
    assert len(box.asked("ReceiveMessage")) == 1 + 1


class Answering:
    """A session whose answers are made up."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def call(self, action: str, **parameters: Any) -> Any:
        del action, parameters
        return self._answer


ENTRY = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, ()),
        ({"Messages": None}, ()),
        ({"Messages": []}, ()),
        ({"Messages": [{"Body": "b"}, {"ReceiptHandle": ""}]}, ()),
        ({"Messages": [ENTRY]}, (Message("m", "r", "b", 1),)),
        ({"Messages": [{"ReceiptHandle": "r"}]}, (Message("", "r", "", 1),)),
        *(
            ({"Messages": [{**ENTRY, "Attributes": attributes}]}, (Message("m", "r", "b", count),))
            for attributes, count in [
                (None, 1),
                ({}, 1),
                ({"ApproximateReceiveCount": "7"}, 7),
                ({"ApproximateReceiveCount": "0"}, 1),
                ({"ApproximateReceiveCount": "-3"}, 1),
                ({"ApproximateReceiveCount": "٣"}, 1),
                ({"ApproximateReceiveCount": "9" * 5000}, 1),
            ]
        ),
    ],
)
async def test_odd_answers_are_read_as_far_as_they_go(
    answer: Any, expected: tuple[Message, ...]
) -> None:
    assert await Queue(Answering(answer), "https://x").receive() == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({}, "ab"),
        ({"Successful": [{"Id": "1"}]}, "a"),
        ({"Successful": [{"Id": "0"}, {"Id": "1"}, {"Id": "7"}, {}]}, ""),
        ({"Successful": None, "Failed": [{"Id": "0"}]}, "ab"),
    ],
)
async def test_only_what_is_said_to_be_gone_is_gone(answer: Any, kept: str) -> None:
    messages = [Message(name, name, "", 1) for name in "ab"]
    left = await Queue(Answering(answer), "https://x").delete(messages)  # type: ignore[arg-type]
    assert "".join(message.message_id for message in left) == kept


async def test_a_body_that_is_hostile_arrives_as_it_is(box: Box, queue: Queue) -> None:
    body = json.dumps({"x": "\ud800", "y": "\u202e"})
    box.inside.send(body)
    [message] = await queue.receive()
    assert message.body == body
