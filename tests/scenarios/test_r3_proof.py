"""R3, proof: the one fact that a removal rests on is asked again just before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import LISTING, Scenario

pytestmark = pytest.mark.slow

LIST_TAGS = {"service": "elasticache", "operation": "ListTagsForResource"}
PROD = {"name": "production", "tags": {"env": "prod"}, "exclude_tags": {"teleport": "off"}}
AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}


@contextlib.contextmanager
def just_before_the_proof(monkeypatch: pytest.MonkeyPatch, happens: Any) -> Iterator[None]:
    """Something happens in the cloud after the scan and before the proof."""
    from discovery.sweep.confirm import confirm_removals  # noqa: PLC0415

    async def then_prove(*arguments: Any, **more: Any) -> Any:
        happens()
        return await confirm_removals(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr("discovery.sweep.sweep.confirm_removals", then_prove)
        yield


def start(scenario: Scenario, **sections: Any) -> None:
    scenario.configure(**{"matchers": [PROD], "deregistration": AT_ONCE, **sections})
    for name in ("orders", "carts"):
        scenario.cache(name, tags={"env": "prod"}, group="people")
    scenario.sweep()


def test_a_cache_that_is_back_is_not_removed(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(scenario)
    scenario.gone("orders")
    with just_before_the_proof(monkeypatch, lambda: scenario.cache("orders")):
        shown = scenario.sweep()
    assert shown.verdicts["orders"] == "held/PROOF_FAILED"
    assert "AWS lists it" in shown.item("orders")["message"]
    assert len(scenario.registry) == 2


def test_tags_that_are_restored_save_a_registration(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(scenario)
    scenario.tag("orders", {"env": "dev"})
    scenario.tag("carts", {"env": "prod", "teleport": "off"})

    def restored() -> None:
        for name in ("orders", "carts"):
            scenario.tag(name, {"env": "prod"})

    with just_before_the_proof(monkeypatch, restored):
        shown = scenario.sweep()
    assert set(shown.verdicts.values()) == {"held/PROOF_FAILED"}
    assert set(scenario.sweep().verdicts.values()) == {"keep/UNCHANGED"}


def test_a_lagging_tag_index_removes_nothing(scenario: Scenario) -> None:
    """The tagging API still says `off`; the cache's own tags do not."""
    start(scenario)
    scenario.tag("orders", {"env": "prod", "teleport": "off"})
    cache = scenario.region().caches.get("orders")
    assert cache is not None
    scenario.region().tags[cache.arn] = {"env": "prod"}
    assert scenario.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert len(scenario.registry) == 2


def test_deleting_that_was_called_off(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    start(scenario)
    scenario.region().change_cache("orders", status="deleting")

    def called_off() -> None:
        scenario.region().change_cache("orders", status="available")

    with just_before_the_proof(monkeypatch, called_off):
        assert scenario.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert scenario.sweep().verdicts["orders"] == "keep/UNCHANGED"


def test_a_user_that_was_repaired_in_time(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(scenario, matchers=[{**PROD, "iam_users": "require", "deregister_unready": True}])
    scenario.region().add_user("app", access_string="off ~* +@all")

    def repaired() -> None:
        scenario.region().add_user("app")

    with just_before_the_proof(monkeypatch, repaired):
        assert set(scenario.sweep().verdicts.values()) == {"held/PROOF_FAILED"}
    scenario.region().add_user("app", access_string="off ~* +@all")
    assert set(scenario.sweep().verdicts.values()) == {"delete/UNREADY"}


DENIED: list[Any] = [
    pytest.param("absence", {**LISTING, "skip": 1}, id="absence"),
    pytest.param("tags", LIST_TAGS, id="tags"),
    pytest.param("users", {"service": "elasticache", "operation": "DescribeUsers"}, id="users"),
]


@pytest.mark.parametrize(("what", "where"), DENIED)
def test_a_proof_that_is_denied_is_none(
    scenario: Scenario, what: str, where: dict[str, Any]
) -> None:
    start(scenario, matchers=[{**PROD, "iam_users": "require", "deregister_unready": True}])
    if what == "absence":
        scenario.gone("orders")
    elif what == "tags":
        scenario.tag("orders", {"env": "dev"})
    else:
        scenario.region().change_cache("orders", user_group_id=None)
    scenario.fault(Effect.DENIED, **where)
    shown = scenario.sweep()
    # Without users the scan itself says unknown, which is no reason to let go.
    wanted = "keep/UNCHANGED" if what == "users" else "held/PROOF_FAILED"
    if what == "users":
        assert shown.verdicts["carts"] == wanted
        assert shown.verdicts["orders"] == "held/PROOF_FAILED"
    else:
        assert shown.verdicts["orders"] == wanted
    assert len(scenario.registry) == 2


ANSWERS: list[Any] = [
    pytest.param(Effect.THROTTLED, {}, id="throttled"),
    pytest.param(Effect.EMPTY_BODY, {}, id="an-empty-body"),
    pytest.param(Effect.HTML, {"status": 200}, id="a-page-of-a-proxy"),
    pytest.param(Effect.OTHER_ARNS, {"as_account": "999999999999"}, id="another-account"),
    pytest.param(Effect.EXPIRED, {}, id="expired"),
]


@pytest.mark.parametrize(("effect", "how"), ANSWERS)
def test_only_the_right_answer_proves_anything(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, effect: Effect, how: dict[str, Any]
) -> None:
    start(scenario)
    scenario.tag("orders", {"env": "prod", "teleport": "off"})

    def breaks() -> None:
        scenario.fault(effect, **LISTING, **how)

    with just_before_the_proof(monkeypatch, breaks):
        assert scenario.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert len(scenario.registry) == 2


def test_an_audit_asks_for_proof_too(scenario: Scenario) -> None:
    start(scenario)
    scenario.gone("orders")
    scenario.fault(Effect.DENIED, **LISTING, skip=1)
    assert scenario.audit().verdicts["orders"] == "held/PROOF_FAILED"
    scenario.healed()
    assert scenario.audit().verdicts["orders"] == "delete/ABSENT"


def test_a_rename_wants_tags_confirmed(scenario: Scenario) -> None:
    start(scenario)
    scenario.tag("orders", {"env": "prod", "TeleportDatabaseName": "orders-db"})
    cache = scenario.region().caches.get("orders")
    assert cache is not None
    scenario.region().tags[cache.arn] = {"env": "prod"}  # the index lags behind
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "held/PROOF_FAILED"
    assert "orders-db" not in scenario.registry
