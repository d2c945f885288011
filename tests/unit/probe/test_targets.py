"""Which caches are logged in to, and as whom."""

from __future__ import annotations

from dataclasses import replace

from discovery.model.codes import Action, IamVerdict, Reason
from discovery.model.values import IamJudgement
from discovery.plan.item import Item
from discovery.probe.targets import is_registered, named_targets, ready_targets
from matchers.matcher import Connect, Matcher
from tests.support.report_samples import NOW, arn, cache, database, item

CONNECT = Connect("arn:aws:iam::{account_id}:role/teleport-connect")
MATCHERS = (Matcher(name="production", connect=CONNECT),)


def found(name: str, *users: str, verdict: IamVerdict = IamVerdict.READY) -> Item:
    judgement = IamJudgement(verdict, NOW, users, ())
    return item(Action.KEEP, Reason.UNCHANGED, name, found=cache(name), iam=judgement)


def test_at_most_three_users_of_a_cache_are_tried() -> None:
    (target,) = ready_targets([found("orders", "a", "b", "c", "d")], MATCHERS)
    assert target.users == ("a", "b", "c")
    (chosen,) = ready_targets([found("orders", "a", "b", "c", "d")], MATCHERS, "d")
    assert chosen.users == ("d",)


def test_caches_are_those_where_somebody_should_get_in() -> None:
    items = [
        found("orders", "app"),
        found("carts", verdict=IamVerdict.NOT_READY),
        found("baskets", verdict=IamVerdict.UNKNOWN),
        item(Action.HELD, Reason.SCOPE_FAILED, "legacy", iam=found("legacy", "app").iam),
    ]
    assert [each.cache.name for each in ready_targets(items, MATCHERS)] == ["orders"]
    targets, unknown = named_targets(["carts", arn("baskets"), "legacy"], items, MATCHERS)
    assert [each.cache.name for each in targets] == ["carts", "baskets"]
    assert unknown == ("legacy",)


def test_what_is_listed_is_registered() -> None:
    orders = found("orders", "app")
    assert not is_registered(orders)
    assert is_registered(replace(orders, live=database("orders")))


def test_the_matchers_connect_role_goes_along() -> None:
    (target,) = ready_targets([found("orders", "app")], MATCHERS)
    assert target.connect == CONNECT
    (other,) = ready_targets([replace(found("orders", "app"), matcher=None)], MATCHERS)
    assert other.connect is None
