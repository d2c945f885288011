"""The tagging API's lagging index."""

from datetime import UTC, datetime, timedelta

from discovery.sandbox.aws.tag_index import TagIndex

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ARN = "arn:aws:elasticache:eu-central-1:111122223333:serverlesscache:orders"


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_each_change_is_seen_from_its_moment_on() -> None:
    index = TagIndex()
    index.record(ARN, {"env": "dev"}, visible_at=at(5))
    index.record(ARN, {"env": "prod"}, visible_at=at(10))
    index.forget(ARN, visible_at=at(60))
    assert index.seen(at(4)) == {}
    assert index.seen(at(5)) == {ARN: {"env": "dev"}}
    assert index.seen(at(10)) == {ARN: {"env": "prod"}}
    assert index.seen(at(60)) == {}


def test_never_tagged_is_unknown_and_formerly_tagged_is_empty() -> None:
    index = TagIndex()
    index.record(ARN, {}, visible_at=at(0))
    assert index.seen(at(1)) == {}
    index.record(ARN, {"a": "b"}, visible_at=at(2))
    index.record(ARN, {}, visible_at=at(3))
    assert index.seen(at(3)) == {ARN: {}}


def test_a_resource_that_returns_is_not_forgotten_with_the_dead_one() -> None:
    index = TagIndex()
    index.record(ARN, {"env": "dev"}, visible_at=at(0))
    index.forget(ARN, visible_at=at(60))
    index.record(ARN, {"env": "prod"}, visible_at=at(10))
    assert index.seen(at(9)) == {ARN: {"env": "dev"}}
    assert index.seen(at(100)) == {ARN: {"env": "prod"}}


def test_what_is_recorded_is_a_copy() -> None:
    tags = {"env": "dev"}
    index = TagIndex()
    index.record(ARN, tags, visible_at=at(0))
    tags["env"] = "prod"
    assert index.seen(at(0)) == {ARN: {"env": "dev"}}
