"""R3, proof: the one fact that a removal rests on is asked again just before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.scenarios.tale import LISTING, Tale

LIST_TAGS = {"service": "elasticache", "operation": "ListTagsForResource"}
PROD = {"name": "production", "tags": {"env": "prod"}, "exclude_tags": {"teleport": "off"}}
AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}


@contextlib.contextmanager
def just_before_the_proof(monkeypatch: pytest.MonkeyPatch, happens: Any) -> Iterator[None]:
    """Something happens in the cloud after the scan and before the proof."""
    from discovery.confirm import confirm_removals  # noqa: PLC0415

    async def then_prove(*arguments: Any, **more: Any) -> Any:
        happens()
        return await confirm_removals(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr("discovery.sweep.prove", then_prove)
        yield


def start(tale: Tale, **sections: Any) -> None:
    tale.configure(**{"matchers": [PROD], "deregistration": AT_ONCE, **sections})
    for name in ("orders", "carts"):
        tale.cache(name, tags={"env": "prod"}, group="people")
    tale.sweep()


def test_a_cache_that_is_back_is_not_removed(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tale)
    tale.gone("orders")
    with just_before_the_proof(monkeypatch, lambda: tale.cache("orders")):
        told = tale.sweep()
    assert told.verdicts["orders"] == "held/PROOF_FAILED"
    assert "AWS lists it" in told.item("orders")["message"]
    assert len(tale.registry) == 2


def test_tags_that_are_restored_save_a_registration(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tale)
    tale.tag("orders", {"env": "dev"})
    tale.tag("carts", {"env": "prod", "teleport": "off"})

    def restored() -> None:
        for name in ("orders", "carts"):
            tale.tag(name, {"env": "prod"})

    with just_before_the_proof(monkeypatch, restored):
        told = tale.sweep()
    assert set(told.verdicts.values()) == {"held/PROOF_FAILED"}
    assert set(tale.sweep().verdicts.values()) == {"keep/UNCHANGED"}


def test_a_lagging_tag_index_removes_nothing(tale: Tale) -> None:
    """The tagging API still says `off`; the cache's own tags do not."""
    start(tale)
    tale.tag("orders", {"env": "prod", "teleport": "off"})
    cache = tale.region().caches.get("orders")
    assert cache is not None
    tale.region().tags[cache.arn] = {"env": "prod"}
    assert tale.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert len(tale.registry) == 2


def test_deleting_that_was_called_off(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tale)
    tale.region().change_cache("orders", status="deleting")

    def called_off() -> None:
        tale.region().change_cache("orders", status="available")

    with just_before_the_proof(monkeypatch, called_off):
        assert tale.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert tale.sweep().verdicts["orders"] == "keep/UNCHANGED"


def test_a_user_that_was_repaired_in_time(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tale, matchers=[{**PROD, "iam_users": "require", "deregister_unready": True}])
    tale.region().add_user("app", access_string="off ~* +@all")

    def repaired() -> None:
        tale.region().add_user("app")

    with just_before_the_proof(monkeypatch, repaired):
        assert set(tale.sweep().verdicts.values()) == {"held/PROOF_FAILED"}
    tale.region().add_user("app", access_string="off ~* +@all")
    assert set(tale.sweep().verdicts.values()) == {"delete/UNREADY"}


DENIED: list[Any] = [
    pytest.param("absence", {**LISTING, "skip": 1}, id="absence"),
    pytest.param("tags", LIST_TAGS, id="tags"),
    pytest.param("users", {"service": "elasticache", "operation": "DescribeUsers"}, id="users"),
]


@pytest.mark.parametrize(("what", "where"), DENIED)
def test_a_proof_that_is_denied_is_none(tale: Tale, what: str, where: dict[str, Any]) -> None:
    start(tale, matchers=[{**PROD, "iam_users": "require", "deregister_unready": True}])
    if what == "absence":
        tale.gone("orders")
    elif what == "tags":
        tale.tag("orders", {"env": "dev"})
    else:
        tale.region().change_cache("orders", user_group_id=None)
    tale.fault(Effect.DENIED, **where)
    told = tale.sweep()
    # Without users the scan itself says unknown, which is no reason to let go.
    wanted = "keep/UNCHANGED" if what == "users" else "held/PROOF_FAILED"
    if what == "users":
        assert told.verdicts["carts"] == wanted
        assert told.verdicts["orders"] == "held/PROOF_FAILED"
    else:
        assert told.verdicts["orders"] == wanted
    assert len(tale.registry) == 2


ANSWERS: list[Any] = [
    pytest.param(Effect.THROTTLED, {}, id="throttled"),
    pytest.param(Effect.EMPTY_BODY, {}, id="an-empty-body"),
    pytest.param(Effect.HTML, {"status": 200}, id="a-page-of-a-proxy"),
    pytest.param(Effect.OTHER_ARNS, {"as_account": "999999999999"}, id="another-account"),
    pytest.param(Effect.EXPIRED, {}, id="expired"),
]


@pytest.mark.parametrize(("effect", "how"), ANSWERS)
def test_only_the_right_answer_proves_anything(
    tale: Tale, monkeypatch: pytest.MonkeyPatch, effect: Effect, how: dict[str, Any]
) -> None:
    start(tale)
    tale.tag("orders", {"env": "prod", "teleport": "off"})

    def breaks() -> None:
        tale.fault(effect, **LISTING, **how)

    with just_before_the_proof(monkeypatch, breaks):
        assert tale.sweep().verdicts["orders"] == "held/PROOF_FAILED"
    assert len(tale.registry) == 2


def test_an_audit_asks_for_proof_too(tale: Tale) -> None:
    start(tale)
    tale.gone("orders")
    tale.fault(Effect.DENIED, **LISTING, skip=1)
    assert tale.audit().verdicts["orders"] == "held/PROOF_FAILED"
    tale.healed()
    assert tale.audit().verdicts["orders"] == "delete/ABSENT"


def test_a_rename_wants_tags_confirmed(tale: Tale) -> None:
    start(tale)
    tale.tag("orders", {"env": "prod", "TeleportDatabaseName": "orders-db"})
    cache = tale.region().caches.get("orders")
    assert cache is not None
    tale.region().tags[cache.arn] = {"env": "prod"}  # the index lags behind
    told = tale.sweep()
    assert told.verdicts["orders"] == "held/PROOF_FAILED"
    assert "orders-db" not in tale.registry
