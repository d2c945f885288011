"""Lists of regions that no account has."""

from __future__ import annotations

from typing import Any, cast

import pytest

from discovery.aws.errors import AwsCallFailed
from discovery.aws.regions import read_enabled
from discovery.aws.session import Session
from discovery.config.regions import RegionChoice
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Region, Scope


class Answering:
    """A session that is always given the same list of regions."""

    scope = Scope(AccountId("111122223333"), Region("eu-west-1"))

    def __init__(self, *regions: dict[str, str]) -> None:
        self._answer = {"Regions": list(regions)} if regions else {}

    async def call(self, action: str) -> dict[str, Any]:
        assert action == "ec2:DescribeRegions"
        return self._answer


async def enabled(*regions: dict[str, str]) -> frozenset[Region]:
    return await read_enabled([cast(Session, Answering(*regions))])


@pytest.mark.parametrize(
    "regions",
    [
        pytest.param((), id="no-list"),
        pytest.param(({"RegionName": ""},), id="nameless"),
        pytest.param(({"RegionName": "af-south-1", "OptInStatus": "not-opted-in"},), id="all-off"),
    ],
)
async def test_no_region_at_all_is_no_answer(regions: tuple[dict[str, str], ...]) -> None:
    with pytest.raises(AwsCallFailed) as raised:
        await enabled(*regions)
    assert raised.value.error.reason is ScopeReason.MALFORMED


async def test_a_region_that_is_listed_as_off_is_not_enabled() -> None:
    listed = await enabled(
        {"RegionName": "eu-west-1", "OptInStatus": "opt-in-not-required"},
        {"RegionName": "af-south-1", "OptInStatus": "opted-in"},
        {"RegionName": "me-south-1", "OptInStatus": "not-opted-in"},
    )
    assert listed == {"eu-west-1", "af-south-1"}


def test_a_choice_tells_names_from_globs() -> None:
    choice = RegionChoice.of(["eu-*", "us-east-1", "eu-west-1"])
    assert choice.literals == {"us-east-1", "eu-west-1"}
    assert [glob.text for glob in choice.globs] == ["eu-*"]
    on = frozenset(Region(name) for name in ("eu-west-1", "eu-north-1", "sa-east-1"))
    assert choice.among(on) == {"eu-west-1", "eu-north-1"}
