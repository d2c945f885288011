"""Amazon SQS, asked as boto3 asks it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import md5
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.long_poll import Notification
from discovery.sandbox.aws.queues import Queue
from tests.support.simulated_aws import HUB, MEMBER, REGION, Cloud, message, refusal


class Asked:
    """One queue of the hub, and a client for it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.client = cloud.client("sqs")
        self.url = self.client.create_queue(QueueName="changes")["QueueUrl"]
        self.queue: Queue = cloud.region.queues["changes"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def receive(self, **more: Any) -> list[dict[str, Any]]:
        asked = {"MaxNumberOfMessages": 10, **more}
        found: list[dict[str, Any]] = self.client.receive_message(QueueUrl=self.url, **asked).get(
            "Messages", []
        )
        return found

    def bodies(self, **more: Any) -> list[str]:
        return [each["Body"] for each in self.receive(**more)]

    def later(self, **span: float) -> None:
        self.cloud.world.clock.advance(timedelta(**span))

    def set(self, **attributes: str) -> None:
        self.client.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def refused(self, operation: str, **members: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            getattr(self.client, operation)(**{"QueueUrl": self.url, **members})
        return refusal(caught.value)


@pytest.fixture
def asked(cloud: Cloud) -> Asked:
    return Asked(cloud)


def meanwhile(act: Callable[[], object]) -> threading.Timer:
    """It is done from another thread in a moment."""
    timer = threading.Timer(0.1, act)
    timer.start()
    return timer


# -- queues ------------------------------------------------------------------------------------


def test_a_queue_is_made_found_listed_and_gone(asked: Asked) -> None:
    assert asked.url == f"{asked.cloud.url}/{HUB}/changes"
    assert asked.client.get_queue_url(QueueName="changes")["QueueUrl"] == asked.url
    assert asked.client.list_queues(QueueNamePrefix="ch")["QueueUrls"] == [asked.url]
    assert "QueueUrls" not in asked.client.list_queues(QueueNamePrefix="other")
    asked.client.delete_queue(QueueUrl=asked.url)
    assert asked.refused("receive_message") == ("AWS.SimpleQueueService.NonExistentQueue", 400)


def test_the_same_queue_twice_is_one_and_another_of_its_name_is_refused(asked: Asked) -> None:
    again = asked.client.create_queue(QueueName="changes", Attributes={"VisibilityTimeout": "30"})
    assert again["QueueUrl"] == asked.url
    different = {"QueueName": "changes", "Attributes": {"VisibilityTimeout": "60"}}
    with pytest.raises(asked.client.exceptions.QueueNameExists) as caught:
        asked.client.create_queue(**different)
    assert refusal(caught.value)[0] == "QueueAlreadyExists"


def test_attributes_are_those_asked_for(asked: Asked) -> None:
    asked.set(VisibilityTimeout="300", DelaySeconds="5")
    asked.send("late")
    found = asked.client.get_queue_attributes(
        QueueUrl=asked.url,
        AttributeNames=["VisibilityTimeout", "QueueArn", "ApproximateNumberOfMessagesDelayed"],
    )
    assert found["Attributes"] == {
        "VisibilityTimeout": "300",
        "QueueArn": f"arn:aws:sqs:{REGION}:{HUB}:changes",
        "ApproximateNumberOfMessagesDelayed": "1",
    }
    assert "Attributes" not in asked.client.get_queue_attributes(QueueUrl=asked.url)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "-1"}, "InvalidAttributeValue"),
        ({"Colour": "red"}, "InvalidAttributeName"),
        ({"RedrivePolicy": "{}"}, "InvalidAttributeValue"),
        (
            {"RedrivePolicy": '{"deadLetterTargetArn": "x", "maxReceiveCount": 0}'},
            "InvalidAttributeValue",
        ),
    ],
)
def test_attributes_that_cannot_be(asked: Asked, attributes: dict[str, str], code: str) -> None:
    assert asked.refused("set_queue_attributes", Attributes=attributes)[0] == code
    assert asked.queue.seconds("VisibilityTimeout") == timedelta(seconds=30)


def test_who_may_not_and_what_is_not_there(asked: Asked) -> None:
    stranger = asked.cloud.client("sqs", asked.cloud.assume())
    with pytest.raises(ClientError) as caught:
        stranger.receive_message(QueueUrl=asked.url)
    assert refusal(caught.value) == ("AccessDenied", 400)
    assert "sqs:receivemessage" in message(caught.value)
    elsewhere = f"https://sqs.us-east-1.amazonaws.com/{HUB}/changes"
    assert asked.refused("receive_message", QueueUrl=elsewhere)[0] == "InvalidAddress"
    for nowhere in (f"{asked.cloud.url}/{HUB}/other", "x", "http://["):
        assert asked.refused("receive_message", QueueUrl=nowhere)[0].endswith("NonExistentQueue")


def test_an_identity_is_held_to_its_policy_for_one_message_and_for_ten(asked: Asked) -> None:
    asked.send("a", "b")
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": asked.queue.arn,
        },
    }
    asked.cloud.hub.allow(asked.cloud.key.principal_arn, policy)
    first, second = asked.receive()
    asked.client.delete_message(QueueUrl=asked.url, ReceiptHandle=first["ReceiptHandle"])
    entry = {"Id": "0", "ReceiptHandle": second["ReceiptHandle"]}
    asked.client.delete_message_batch(QueueUrl=asked.url, Entries=[entry])
    assert len(asked.queue) == 0
    hidden = {"ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 1}
    assert asked.refused("change_message_visibility", **hidden) == ("AccessDenied", 400)
    with pytest.raises(ClientError, match="AccessDenied"):
        asked.client.get_queue_url(QueueName="changes")


# -- messages ----------------------------------------------------------------------------------


def test_a_message_is_received_hidden_seen_again_and_deleted(asked: Asked) -> None:
    asked.send("hällo")
    [first] = asked.receive(MessageSystemAttributeNames=["All"])
    assert first["Body"] == "hällo"
    assert first["MD5OfBody"] == md5("hällo".encode(), usedforsecurity=False).hexdigest()
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert asked.queue.counts == (0, 1, 0)
    assert asked.bodies() == [], "it is hidden"
    asked.later(seconds=31)
    [second] = asked.receive(AttributeNames=["ApproximateReceiveCount"])
    assert second["MessageId"] == first["MessageId"]
    assert second["Attributes"] == {"ApproximateReceiveCount": "2"}
    asked.client.delete_message(QueueUrl=asked.url, ReceiptHandle=first["ReceiptHandle"])
    assert len(asked.queue) == 1, "an old receipt deletes nothing"
    asked.client.delete_message(QueueUrl=asked.url, ReceiptHandle=second["ReceiptHandle"])
    asked.client.delete_message(QueueUrl=asked.url, ReceiptHandle=second["ReceiptHandle"])
    assert len(asked.queue) == 0


def test_the_key_is_absent_when_there_is_nothing(asked: Asked) -> None:
    assert "Messages" not in asked.client.receive_message(QueueUrl=asked.url)


def test_at_most_ten_in_the_order_in_which_they_came(asked: Asked) -> None:
    for number in range(12):
        asked.queue.send(str(number))
    assert asked.bodies() == [str(number) for number in range(10)]
    assert asked.bodies(MaxNumberOfMessages=1) == ["10"]
    for most in (0, 11):
        code = asked.refused("receive_message", MaxNumberOfMessages=most)[0]
        assert code == "InvalidParameterValue"


def test_visibility_is_changed_for_one_and_for_many(asked: Asked) -> None:
    asked.send("a", "b", "c")
    a, b, _ = asked.receive()
    hide = asked.client.change_message_visibility
    hide(QueueUrl=asked.url, ReceiptHandle=a["ReceiptHandle"], VisibilityTimeout=0)
    assert asked.bodies() == ["a"]
    entries = [
        {"Id": "b", "ReceiptHandle": b["ReceiptHandle"], "VisibilityTimeout": 600},
        {"Id": "no", "ReceiptHandle": "no receipt", "VisibilityTimeout": 600},
        {"Id": "old", "ReceiptHandle": a["ReceiptHandle"], "VisibilityTimeout": 600},
        {"Id": "long", "ReceiptHandle": b["ReceiptHandle"], "VisibilityTimeout": 43_201},
    ]
    answer = asked.client.change_message_visibility_batch(QueueUrl=asked.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["b"]
    assert {each["Id"]: each["Code"] for each in answer["Failed"]} == {
        "no": "ReceiptHandleIsInvalid",
        "old": "MessageNotInflight",
        "long": "InvalidParameterValue",
    }
    asked.later(seconds=31)
    assert asked.bodies() == ["c", "a"], "b is hidden for longer"
    asked.later(seconds=570)
    assert "b" in asked.bodies()


def test_a_batch_ends_for_each_entry_by_itself(asked: Asked) -> None:
    asked.send("a", "b")
    a, b = asked.receive()
    entries = [
        {"Id": "a", "ReceiptHandle": a["ReceiptHandle"]},
        {"Id": "no", "ReceiptHandle": "no receipt"},
        {"Id": "b", "ReceiptHandle": b["ReceiptHandle"]},
    ]
    answer = asked.client.delete_message_batch(QueueUrl=asked.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a", "b"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["SenderFault"]) == ("no", True)
    assert len(asked.queue) == 0


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        (["a"] * 2, "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
    ],
)
def test_batches_that_are_none(asked: Asked, ids: list[str], code: str) -> None:
    entries = [{"Id": name, "ReceiptHandle": "r"} for name in ids]
    found = asked.refused("delete_message_batch", Entries=entries)
    assert found == (f"AWS.SimpleQueueService.{code}", 400)


def test_texts_that_no_message_may_have(asked: Asked) -> None:
    assert asked.refused("send_message", MessageBody="\0")[0] == "InvalidMessageContents"
    assert asked.refused("send_message", MessageBody="x" * 262_145)[0] == "InvalidParameterValue"
    attribute = {"a": {"DataType": "String", "StringValue": "x"}}
    code = asked.refused("send_message", MessageBody="x", MessageAttributes=attribute)[0]
    assert code == "AWS.SimpleQueueService.UnsupportedOperation"
    entries = [{"Id": "0", "MessageBody": "fine"}, {"Id": "1", "MessageBody": "\x01"}]
    answer = asked.client.send_message_batch(QueueUrl=asked.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["0"]
    assert asked.bodies() == ["fine"]


def test_delayed_messages_and_those_that_grow_too_old(asked: Asked) -> None:
    asked.client.send_message(QueueUrl=asked.url, MessageBody="late", DelaySeconds=60)
    assert (asked.bodies(), asked.queue.counts) == ([], (0, 0, 1))
    asked.later(seconds=61)
    assert asked.bodies() == ["late"]
    asked.send("old")
    asked.later(days=4, seconds=1)
    assert (asked.bodies(), len(asked.queue)) == ([], 0)


def test_a_purge_leaves_nothing(asked: Asked) -> None:
    asked.send("a", "b")
    asked.receive(MaxNumberOfMessages=1)
    asked.client.purge_queue(QueueUrl=asked.url)
    asked.later(minutes=1)
    assert asked.bodies() == []


def test_a_message_received_too_often_is_a_dead_letter(asked: Asked) -> None:
    dead = asked.client.create_queue(QueueName="dead")["QueueUrl"]
    arn = asked.cloud.region.queues["dead"].arn
    asked.set(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"}))
    asked.send("poison")
    for _ in range(2):
        assert asked.bodies() == ["poison"]
        asked.later(seconds=31)
    assert asked.bodies() == []
    answer = asked.client.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["All"])
    [letter] = answer["Messages"]
    assert letter["Body"] == "poison"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == asked.queue.arn


def test_without_its_grave_a_message_stays(asked: Asked) -> None:
    arn = f"arn:aws:sqs:{REGION}:{HUB}:nowhere"
    asked.set(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}))
    asked.send("poison")
    for _ in range(3):
        assert asked.bodies() == ["poison"]
        asked.later(seconds=31)


def test_too_many_in_flight(asked: Asked) -> None:
    asked.queue.most_in_flight = 2
    asked.send("a", "b", "c")
    first, _ = asked.receive(MaxNumberOfMessages=2)
    assert asked.refused("receive_message") == ("OverLimit", 400)
    asked.client.delete_message(QueueUrl=asked.url, ReceiptHandle=first["ReceiptHandle"])
    assert asked.bodies() == ["c"]


# -- long polls --------------------------------------------------------------------------------


def test_a_long_poll_is_answered_when_a_message_comes(asked: Asked) -> None:
    began = time.monotonic()
    timer = meanwhile(lambda: asked.queue.send("now"))
    assert asked.bodies(WaitTimeSeconds=9) == ["now"]
    timer.join()
    assert time.monotonic() - began < 8, "it did not wait for its end"


def test_a_long_poll_ends_with_nothing(asked: Asked) -> None:
    asked.set(ReceiveMessageWaitTimeSeconds="1")
    assert asked.bodies() == []
    assert asked.refused("receive_message", WaitTimeSeconds=21)[0] == "InvalidParameterValue"


def test_a_long_poll_sees_what_time_brings_back(asked: Asked) -> None:
    asked.send("again")
    asked.receive()
    timer = meanwhile(lambda: asked.later(seconds=31))
    assert asked.bodies(WaitTimeSeconds=9) == ["again"]
    timer.join()


def test_a_long_poll_that_was_given_up_takes_no_message(asked: Asked) -> None:
    hasty = asked.cloud.client("sqs", read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        hasty.receive_message(QueueUrl=asked.url, WaitTimeSeconds=9)
    hasty.close()
    patience = time.monotonic() + 5
    while asked.queue.arrivals.waiting and time.monotonic() < patience:
        time.sleep(0.01)
    assert asked.queue.arrivals.waiting == 0
    asked.send("still here")
    assert asked.bodies() == ["still here"]


def test_two_long_polls_do_not_get_the_same_message(asked: Asked) -> None:
    found: list[str] = []
    clients = [asked.cloud.client("sqs") for _ in range(2)]

    def poll(client: Any) -> None:
        answer = client.receive_message(QueueUrl=asked.url, WaitTimeSeconds=1)
        found.extend(each["Body"] for each in answer.get("Messages", []))

    threads = [threading.Thread(target=poll, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    timer = meanwhile(lambda: asked.queue.send("one"))
    for thread in (*threads, timer):
        thread.join()
    assert found == ["one"]


async def test_a_notification_from_before_the_wait_ends_it() -> None:
    notification = Notification()
    count = notification.count
    notification.notify()
    await asyncio.wait_for(notification.wait(count, at_most_s=60), 5)
    assert notification.waiting == 0


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "more", "expected"),
    [
        (Effect.DENIED, {}, ("AccessDenied", 400)),
        (Effect.THROTTLED, {}, ("RequestThrottled", 403)),
        (Effect.EXPIRED, {}, ("ExpiredToken", 400)),
        (Effect.INTERNAL, {}, ("InternalFailure", 500)),
        (Effect.ERROR, {"code": "KmsAccessDenied"}, ("KMS.AccessDeniedException", 400)),
        (Effect.ERROR, {"code": "KmsThrottled"}, ("KMS.ThrottlingException", 400)),
    ],
)
def test_errors_keep_their_older_names(
    asked: Asked, effect: Effect, more: dict[str, Any], expected: tuple[str, int]
) -> None:
    asked.cloud.aws.faults.add(Fault(effect=effect, service="sqs", **more))
    assert asked.refused("receive_message") == expected


def test_the_name_in_the_model_finds_the_exception_too(asked: Asked) -> None:
    with pytest.raises(asked.client.exceptions.QueueDoesNotExist) as caught:
        asked.client.get_queue_url(QueueName="other")
    assert caught.value.response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/x-amz-json-1.0"


def test_a_queue_of_another_region_is_another_queue(asked: Asked) -> None:
    other = asked.cloud.client("sqs", region="us-east-1")
    with pytest.raises(other.exceptions.QueueDoesNotExist):
        other.get_queue_url(QueueName="changes")
    assert MEMBER not in asked.url
