"""R3, time: the reason must hold in complete scans and for the grace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.tale import Tale

PROD = {"name": "production", "tags": {"env": "prod"}}
QUICK = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}


def two(tale: Tale) -> None:
    for name in ("orders", "carts"):
        tale.cache(name, tags={"env": "prod"})


def test_absence_takes_scans_and_grace(tale: Tale) -> None:
    two(tale)
    tale.sweep()
    tale.gone("orders")
    first = tale.sweep()
    assert first.verdicts["orders"] == "held/WAITING"
    assert first.item("orders")["missed"]["scans"] == 1
    # Enough scans, not enough time.
    for scans in (2, 3):
        tale.later(minutes=4)
        told = tale.sweep()
        assert told.verdicts["orders"] == "held/WAITING"
        assert told.item("orders")["missed"]["scans"] == scans
        assert told.item("orders")["missed"]["since"] == first.item("orders")["missed"]["since"]
    tale.later(minutes=3)
    assert tale.sweep().verdicts["orders"] == "delete/ABSENT"
    assert tale.sweep().verdicts == {"carts": "keep/UNCHANGED"}


def test_enough_time_is_not_enough_scans(tale: Tale) -> None:
    two(tale)
    tale.configure(deregistration={"missed_sweeps": 3, "grace": "10m", "max_percent": 100})
    tale.sweep()
    tale.gone("orders")
    tale.sweep()
    tale.later(days=7)
    assert tale.sweep().verdicts["orders"] == "held/WAITING"
    assert tale.sweep().verdicts["orders"] == "delete/ABSENT"


def test_a_cache_that_comes_back_while_it_waits_starts_anew(tale: Tale) -> None:
    two(tale)
    tale.sweep()
    created = tale.region().caches.get("orders")
    assert created is not None
    tale.gone("orders")
    tale.sweep()
    tale.later(hours=1)
    tale.cache("orders", tags={"env": "prod"}, created_at=created.created_at)
    assert tale.sweep().verdicts["orders"].startswith(("keep", "update"))
    tale.gone("orders")
    assert tale.sweep().item("orders")["missed"]["scans"] == 1


def test_a_tag_that_no_longer_matches_takes_time(tale: Tale) -> None:
    tale.configure(matchers=[PROD])
    two(tale)
    tale.sweep()
    tale.tag("orders", {"env": "dev"})
    assert tale.sweep().verdicts["orders"] == "held/WAITING"
    tale.later(hours=1)
    assert tale.sweep().verdicts["orders"] == "delete/UNMATCHED"
    assert tale.sweep().verdicts["orders"] == "skipped/NO_MATCHER"


NO_TIME: list[Any] = [
    pytest.param({"teleport": "off", "env": "prod"}, "available", "EXCLUDED", id="exclusion-tag"),
    pytest.param({"env": "prod"}, "deleting", "DELETING", id="aws-is-deleting-it"),
]


@pytest.mark.parametrize(("tags", "status", "reason"), NO_TIME)
def test_what_needs_no_time(tale: Tale, tags: dict[str, str], status: str, reason: str) -> None:
    tale.configure(matchers=[{**PROD, "exclude_tags": {"teleport": "off"}}])
    two(tale)
    tale.sweep()
    tale.tag("orders", tags)
    tale.region().change_cache("orders", status=status)
    assert tale.sweep().verdicts == {
        "orders": f"delete/{reason}",
        "carts": "keep/UNCHANGED",
    }
    assert tale.sweep().verdicts["orders"] == f"skipped/{reason}"


EDITS: list[Any] = [
    pytest.param({"matchers": [{**PROD, "tags": {"env": "live"}}]}, id="tags"),
    pytest.param({"matchers": [{**PROD, "names": ["nothing-*"]}]}, id="names"),
    pytest.param({"matchers": [{**PROD, "exclude_tags": {"env": "prod"}}]}, id="exclusion"),
    pytest.param({"matchers": [{**PROD, "engines": ["redis"]}]}, id="engines"),
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_matchers_never_removes_at_once(tale: Tale, edit: dict[str, Any]) -> None:
    tale.configure(matchers=[PROD], deregistration=QUICK)
    two(tale)
    tale.sweep()
    tale.configure(**edit)
    # A look from afar, and a sweep that was never finished, do not make the rules old.
    assert set(tale.audit().verdicts.values()) == {"held/WAITING"}
    assert set(tale.audit().verdicts.values()) == {"held/WAITING"}
    assert set(tale.sweep().verdicts.values()) == {"held/WAITING"}
    assert len(tale.registry) == 2
    assert tale.sweep().document["summary"]["delete"] == 2


def test_an_edit_starts_the_count_of_what_was_waiting_again(tale: Tale) -> None:
    tale.configure(matchers=[PROD])
    two(tale)
    tale.sweep()
    tale.tag("orders", {"env": "dev"})
    tale.sweep()
    tale.later(hours=1)
    tale.configure(matchers=[{**PROD, "names": ["*"], "regions": ["eu-*"]}])
    told = tale.sweep()
    assert told.verdicts["orders"] == "held/WAITING"
    assert told.item("orders")["missed"]["scans"] == 1


def test_an_edit_undone_leaves_everything_as_it_was(tale: Tale) -> None:
    tale.configure(matchers=[PROD])
    two(tale)
    tale.sweep()
    before = tale.registry
    tale.configure(matchers=[{**PROD, "tags": {"env": "live"}}])
    tale.sweep()
    tale.configure(matchers=[PROD])
    assert set(tale.sweep().verdicts.values()) == {"keep/UNCHANGED"}
    assert tale.registry == before


def test_a_clock_that_steps_back_starts_the_grace_again(tale: Tale) -> None:
    two(tale)
    tale.sweep()
    tale.gone("orders")
    tale.sweep()
    tale.later(days=-30)
    told = tale.sweep()
    assert told.verdicts["orders"] == "held/WAITING"
    assert told.item("orders")["missed"]["scans"] == 2
    tale.later(minutes=9)
    assert tale.sweep().verdicts["orders"] == "held/WAITING"
    tale.later(minutes=2)
    assert tale.sweep().verdicts["orders"] == "delete/ABSENT"


def test_a_clock_that_leaps_ahead_still_wants_its_scans(tale: Tale) -> None:
    two(tale)
    tale.sweep()
    tale.later(days=3650)
    tale.gone("orders")
    assert tale.sweep().verdicts["orders"] == "held/WAITING"
    assert tale.memory.finished_sweeps == 2
    tale.later(days=-3650)
    assert tale.sweep().verdicts["orders"] == "held/WAITING"


@pytest.mark.parametrize("policy", ["upsert-only", "create-only"])
def test_a_policy_that_never_removes(tale: Tale, policy: str) -> None:
    tale.configure(matchers=[{**PROD, "exclude_tags": {"teleport": "off"}}], policy=policy)
    two(tale)
    tale.cache("books", tags={"env": "prod"})
    tale.sweep()
    tale.gone("orders")
    tale.tag("carts", {"env": "prod", "teleport": "off"})
    tale.tag("books", {"env": "prod", "team": "b"})
    for _ in range(3):
        tale.later(hours=1)
        told = tale.sweep()
        assert told.verdicts["orders"] == told.verdicts["carts"] == "held/POLICY"
        assert told.verdicts["books"] in (
            "update/LABELS_CHANGED", "keep/UNCHANGED", "held/POLICY"
        )  # fmt: skip
    team = {database.labels.get("team") for database in tale.registry.values()}
    assert ("b" in team) is (policy == "upsert-only")
    assert len(tale.registry) == 3
