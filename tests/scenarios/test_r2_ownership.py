"""R2: only what is ours is written to, and it is ours only when it agrees with itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from discovery.model.values import Database, ResourceName
from tests.support.scenario import FRANKFURT, HUB, MEMBER, Scenario

pytestmark = pytest.mark.slow

FOREIGN = Database(
    name=ResourceName("orders-db"),
    labels={"env": "prod", "teleport.dev/origin": "dynamic"},
    description="somebody else's",
    spec={"protocol": "postgres", "uri": "db.example.com:5432"},
)


def with_aws(**aws: Any) -> Callable[[Database], Database]:
    """An edit of `spec.aws`."""

    def change(database: Database) -> Database:
        return replace(database, spec={**database.spec, "aws": {**database.spec["aws"], **aws}})

    return change


def without_aws(database: Database) -> Database:
    return replace(database, spec={k: v for k, v in database.spec.items() if k != "aws"})


def named(scenario: Scenario, name: str = "orders", **tags: str) -> None:
    scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db", **tags})


def test_a_foreign_resource_keeps_its_name_and_its_content(scenario: Scenario) -> None:
    named(scenario)
    scenario.put(FOREIGN)
    for _ in range(2):
        shown = scenario.sweep()
        assert shown.verdicts == {"orders": "conflict/FOREIGN"}
        assert shown.item("orders")["name"] == "orders-db"
    assert scenario.registry == {"orders-db": FOREIGN}


def test_another_groups_resource_is_never_written_to(scenario: Scenario) -> None:
    named(scenario)
    scenario.sweep()
    scenario.relabel("orders-db", cachemuster__group="staging")
    before = scenario.registry
    scenario.forget()
    assert scenario.sweep().verdicts == {"orders": "conflict/OTHER_GROUP"}
    scenario.gone("orders")
    for _ in range(3):
        scenario.later(hours=1)
        assert scenario.sweep().document["items"] == []
    assert scenario.registry == before


def test_our_registration_taken_over_manually_is_theirs(scenario: Scenario) -> None:
    """Somebody takes our mark away: from now on it is foreign, even where state remembers it."""
    named(scenario)
    scenario.cache("carts")
    scenario.cache("books")
    scenario.sweep()
    scenario.relabel("orders-db", managed_by=None)
    before = scenario.registry["orders-db"]
    assert scenario.sweep().verdicts["orders"] == "conflict/FOREIGN"
    scenario.gone("orders")
    for _ in range(3):
        scenario.later(hours=1)
        scenario.sweep()
    assert scenario.registry["orders-db"] == before


DISAGREEMENTS: list[Any] = [
    pytest.param(with_aws(account_id=MEMBER), id="account"),
    pytest.param(with_aws(region="us-east-1"), id="region"),
    pytest.param(with_aws(elasticache_serverless={"cache_name": "carts"}), id="cache"),
    pytest.param(with_aws(elasticache_serverless={}), id="no-cache"),
    pytest.param(without_aws, id="no-aws-at-all"),
    pytest.param(with_aws(account_id=""), id="an-empty-account"),
    pytest.param(with_aws(account_id="", region=""), id="neither-account-nor-region"),
]


@pytest.mark.parametrize("edit", DISAGREEMENTS)
def test_one_that_disagrees_with_itself_is_shown_and_left_alone(
    scenario: Scenario, edit: Callable[[Database], Database]
) -> None:
    named(scenario)
    scenario.cache("carts")
    scenario.sweep()
    scenario.edit("orders-db", edit)
    before = scenario.registry["orders-db"]
    scenario.gone("orders")
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.by_name["orders-db"] == "conflict/IDENTITY_MISMATCH"
    assert scenario.registry["orders-db"] == before


def test_a_forged_arn_label_points_at_nobodys_cache(scenario: Scenario) -> None:
    """The label is edited to name a cache of another account: neither of them suffers."""
    scenario.member()
    named(scenario)
    scenario.cache("orders", account=MEMBER)
    scenario.sweep()
    forged = f"arn:aws:elasticache:{FRANKFURT}:{MEMBER}:serverlesscache:orders"
    scenario.relabel("orders-db", cachemuster__arn=forged)
    before = scenario.registry
    shown = scenario.sweep()
    # The cache that wants the name shows what is registered there; the other is as it was.
    items = {(one["account_id"], one["reason"]) for one in shown.document["items"]}
    assert items == {(HUB, "IDENTITY_MISMATCH"), (MEMBER, "UNCHANGED")}
    assert scenario.registry == before


def test_our_resource_copied_under_another_name_is_a_duplicate(scenario: Scenario) -> None:
    named(scenario)
    scenario.sweep()
    scenario.put(scenario.registry["orders-db"], "copy")
    for _ in range(2):
        shown = scenario.sweep()
        assert shown.by_name == {
            "orders-db": "keep/UNCHANGED",
            "copy": "conflict/DUPLICATE_REGISTRATION",
        }
    # Without state the computed name decides which one counts.
    scenario.forget()
    shown = scenario.sweep()
    assert shown.by_name["copy"] == "conflict/DUPLICATE_REGISTRATION"
    assert set(scenario.registry) == {"orders-db", "copy"}


def test_a_copy_counts_once_the_original_is_gone(scenario: Scenario) -> None:
    named(scenario)
    for name in ("carts", "books"):
        scenario.cache(name)
    scenario.sweep()
    scenario.put(scenario.registry["orders-db"], "copy")
    scenario.unregister("orders-db")
    shown = scenario.sweep()
    # It is ours, under a wrong name: renamed to where it belongs, and nothing is registered twice.
    assert shown.item("orders")["reason"] == "RENAMED", shown.verdicts
    assert {"orders-db", "copy"} & set(scenario.registry) == {"orders-db"}


def test_what_state_does_not_know_is_inherited_and_kept(scenario: Scenario) -> None:
    named(scenario)
    scenario.cache("carts")
    scenario.sweep()
    before = scenario.registry
    scenario.forget()
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "keep/UNCHANGED", "carts": "keep/UNCHANGED"}
    assert "INHERITED" in shown.notes("orders")
    assert scenario.registry == before
    assert "INHERITED" not in scenario.sweep().notes("orders")


def test_losing_the_state_never_removes_at_once(scenario: Scenario) -> None:
    scenario.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100})
    named(scenario)
    scenario.cache("carts", tags={"teleport": "off"})
    scenario.cache("books", status="available")
    scenario.sweep()
    scenario.forget()
    scenario.gone("orders")
    scenario.region().change_cache("books", status="deleting")
    scenario.configure(matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}])
    shown = scenario.sweep()
    assert shown.verdicts == {
        "orders": "held/WAITING",
        "carts": "held/INHERITED",
        "books": "held/WAITING",
    }
    assert len(scenario.registry) == 3
    # What no matcher has taken since then is another agent's, as far as this state knows.
    assert scenario.sweep().verdicts == {
        "orders": "delete/ABSENT",
        "carts": "held/INHERITED",
        "books": "delete/DELETING",
    }


def test_an_owner_that_changes_between_list_and_write_is_left_alone(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(scenario, env="prod")
    scenario.cache("carts", tags={"env": "prod"})
    scenario.sweep()
    scenario.gone("orders")
    scenario.sweep()
    scenario.tag("carts", {"env": "dev"})
    scenario.later(hours=1)
    before = {
        name: replace(database, labels={**database.labels, "managed-by": "terraform"})
        for name, database in scenario.registry.items()
    }

    async def just_then(items: Any, *_: Any, **__: Any) -> Any:
        # Everything is planned and proven; now somebody else takes both over.
        for database in before.values():
            await put(database)
        return items

    async def put(database: Database) -> None:
        from discovery.control_plane.embedded.control_plane import Embedded  # noqa: PLC0415

        async with Embedded(scenario.registry_file) as plane:
            await plane.update(database)

    monkeypatch.setattr("discovery.sweep.sweep.confirm_removals", just_then)
    shown = scenario.sweep()
    assert set(shown.verdicts.values()) == {"conflict/OWNER_CHANGED"}
    assert scenario.registry == before
