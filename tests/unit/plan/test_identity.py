"""A state file is used for nothing but what it belongs to (R10)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.plan.identity import WrongState, refuse_other_identity
from state.records import StateIdentity

ROOT = Path(__file__).parents[3]
NOW = StateIdentity(
    control_plane="teleport", cluster="example.com", group="prod", endpoint_override=False
)


@pytest.mark.parametrize(
    "remembered", [pytest.param(None, id="a-new-file"), pytest.param(NOW, id="the-same")]
)
def test_a_new_file_and_the_same_identity_pass(remembered: StateIdentity | None) -> None:
    refuse_other_identity(remembered, NOW)


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ({"control_plane": "embedded"}, "control plane: remembered embedded, configured teleport"),
        ({"cluster": "old.com"}, "cluster: remembered old.com, configured example.com"),
        ({"group": "dev"}, "group: remembered dev, configured prod"),
        (
            {"endpoint_override": True},
            "cloud: remembered an endpoint override, configured AWS itself",
        ),
    ],
)
def test_each_difference_is_refused_and_named(other: dict[str, Any], shown: str) -> None:
    with pytest.raises(WrongState) as refused:
        refuse_other_identity(replace(NOW, **other), NOW)
    assert f"({shown})" in str(refused.value)
    assert "Nothing was done" in str(refused.value)
    assert "--rebind-state" in str(refused.value)
    page = re.search(r"(deploy/\S+\.md), \"(.+?)\"", str(refused.value))
    assert page is not None
    assert f"## {page[2]}\n" in (ROOT / page[1]).read_text("utf-8")


def test_several_differences_are_named_at_once() -> None:
    with pytest.raises(WrongState, match=r"cluster: .*; group: "):
        refuse_other_identity(replace(NOW, cluster="old.com", group="dev"), NOW)
