"""The ids of users and groups that repairs make: ones that AWS takes and that nobody has."""

from __future__ import annotations

import pytest

from discovery.model.codes import FindingCode
from discovery.model.values import CacheUser, UsersAndGroups
from discovery.plan.iam.verdict import iam_verdict
from tests.support.plan_inputs import directory, group, known_cache, user

F = FindingCode


def first_repair(found: UsersAndGroups, name: str = "orders", group_id: str | None = None) -> str:
    """The commands of what matters most, as one text."""
    told = iam_verdict(known_cache(name, user_group_id=group_id), found).findings[0]
    assert told.code in (F.NO_USER_GROUP, F.GROUP_MISSING, F.NO_IAM_USER)
    return "\n".join(told.repair)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a" * 60, "teleport-" + "a" * 31),
        ("a" * 30 + "-b", "teleport-" + "a" * 30),
        ("Käse--2024_", "teleport-k-se-2024"),
        ("", "teleport"),
    ],
)
def test_new_ids_are_ones_that_aws_takes(name: str, made: str) -> None:
    assert f"--user-id {made} " in first_repair(directory([]), name)


def test_an_id_begins_with_a_letter() -> None:
    assert "--user-group-id x-7-up " in first_repair(directory([]), "7-up")


def test_an_id_that_is_taken_gets_a_number_and_stays_short_enough() -> None:
    taken = ("teleport-" + "a" * 31, "teleport-" + "a" * 29 + "-2")
    found = directory([group(group_id="a" * 40)], *(user(each) for each in taken))
    repair = first_repair(found, "a" * 60)
    assert f"--user-id teleport-{'a' * 29}-3 " in repair
    assert f"--user-group-id {'a' * 38}-2 " in repair


@pytest.mark.parametrize(
    ("member", "users"),
    [
        pytest.param(
            "job", (user("job", user_name="teleport-app", authentication="iam"),), id="name"
        ),
        pytest.param("teleport-app", (), id="id-of-one-that-aws-does-not-list"),
    ],
)
def test_a_name_that_a_member_has_is_taken(member: str, users: tuple[CacheUser, ...]) -> None:
    repair = first_repair(directory([group(member)], *users), group_id="app")
    assert "--user-id teleport-app-2 " in repair


def test_the_id_of_a_group_that_aws_does_not_list_is_taken() -> None:
    repair = first_repair(directory([]), group_id="orders")
    assert "create-user-group --user-group-id orders-2 " in repair
