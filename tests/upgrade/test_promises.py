"""What deploy/upgrade promises for later versions, beside the state file.

Names below are those of the first version. They are never made anew from the code.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.config.json_schema import config_schema
from discovery.config.load import load_config
from discovery.model.ownership import (
    ARN_LABEL,
    GROUP_LABEL,
    IAM_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
)
from discovery.reports.document import SCHEMA_VERSION
from discovery.reports.schema import committed_schema
from discovery.service.metric_table import TABLE
from tests.docs.pages import DEPLOY
from tests.upgrade.schema_growth import losses

HERE = Path(__file__).parent
VERSION_2 = json.loads((HERE / "document_2.schema.json").read_text("utf-8"))
"""The schema of the report document when version 2 of it was agreed on."""
EVENTS = (
    "configuration.refused control_plane.answers control_plane.trouble event.given_up "
    "events.not_deleted events.unreadable item.applied item.broke item.failed item.refused "
    "library.said schedule.clock_stepped scope.failed scope.recovered service.cut_short "
    "sweep.broke sweep.finished sweep.unfinished teleport.connection_kept "
    "teleport.fields_not_kept teleport.identity_kept"
)
METRICS_THEN = (
    "aws_calls_total build_info caches change_failures_total changes_total "
    "control_plane_identity_expiry_timestamp_seconds events_total findings guard_refusals_total "
    "guard_refused iam_verdicts items paused_until_timestamp_seconds registrations removal_limit "
    "removals rescan_oldest_waiting_timestamp_seconds rescan_waiting_scopes scope_caches "
    "scope_failing_since_timestamp_seconds scope_last_complete_timestamp_seconds "
    "scope_scans_total scopes sweep_consecutive_failures sweep_duration_seconds "
    "sweep_last_attempt_timestamp_seconds sweep_last_success_timestamp_seconds "
    "sweep_next_due_timestamp_seconds sweeps_total"
)


def test_the_report_document_has_only_grown() -> None:
    assert SCHEMA_VERSION == 2, "a new version of the document needs its own copy here"
    assert list(losses(VERSION_2, committed_schema())) == []


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("probe_1.schema.json", "discovery/reports/probe.schema.json"),
        ("event_1.schema.json", "discovery/notify/event.schema.json"),
    ],
)
def test_other_documents_have_only_grown(then: str, now: str) -> None:
    before, after = (
        json.loads(file.read_text("utf-8")) for file in (HERE / then, DEPLOY.parent / now)
    )
    assert len(before["properties"]) > 1
    assert list(losses(before, after)) == []


def items(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["properties"]["items"]["items"]
    return found


BREAKS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("/checksum: is gone", lambda schema: schema["properties"].pop("checksum")),
    ("/items/*/arn: is gone", lambda schema: items(schema)["properties"].pop("arn")),
    ("guard is gone from required", lambda schema: schema["required"].remove("guard")),
    ("NEW is gone from enum", lambda s: items(s)["properties"]["reason"]["enum"].remove("NEW")),
    ("type was boolean", lambda s: s["properties"]["complete"].update(type="string")),
    ("had 2 kinds", lambda s: items(s)["properties"]["iam"]["anyOf"].pop()),
    ("the rule for", lambda schema: items(schema)["allOf"].pop()),
    ("const was 2", lambda s: s["properties"]["schema_version"].update(const=3)),
]


@pytest.mark.parametrize(("loss", "change"), BREAKS, ids=[loss for loss, _ in BREAKS])
def test_what_a_reader_would_miss_is_noticed(
    loss: str, change: Callable[[dict[str, Any]], object]
) -> None:
    changed = copy.deepcopy(VERSION_2)
    change(changed)
    assert any(loss in each for each in losses(VERSION_2, changed))


def test_members_of_what_is_referred_to_are_looked_at_too() -> None:
    event = json.loads((HERE / "event_1.schema.json").read_text("utf-8"))
    changed = copy.deepcopy(event)
    del changed["$defs"]["subject"]["properties"]["arn"]
    assert any("/subject/arn: is gone" in each for each in losses(event, changed))


def test_what_is_added_is_no_loss() -> None:
    changed = copy.deepcopy(VERSION_2)
    items(changed)["properties"]["later"] = {"type": "string"}
    items(changed)["required"].append("later")
    items(changed)["properties"]["reason"]["enum"].append("LATER")
    assert list(losses(VERSION_2, changed)) == []


def test_a_configuration_with_every_key_of_the_first_version_is_taken() -> None:
    config = load_config(HERE / "configuration_of_first_version.yaml")
    assert [matcher.name for matcher in config.matchers] == ["production"]
    assert len(config.aws.accounts) == 3
    assert config.deregistration.grace == timedelta(minutes=10)
    assert config.service.events is not None


def test_every_key_of_the_first_version_is_still_in_the_schema() -> None:
    text = (HERE / "configuration_keys_of_first_version.txt").read_text("utf-8")
    before = set(text.split())
    assert len(before) > 60
    assert before - set(keys(config_schema())) == set()


def keys(schema: dict[str, Any]) -> Iterator[str]:
    """The path of every key of a configuration, such as `aws.accounts.id`."""

    def walk(part: dict[str, Any], path: str) -> Iterator[str]:
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        for each in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
            yield from walk(each, path)
        if isinstance(part.get("items"), dict):
            yield from walk(part["items"], path)
        for key, member in part.get("properties", {}).items():
            yield f"{path}{key}"
            yield from walk(member, f"{path}{key}.")

    return walk(schema, "")


def test_every_metric_and_event_of_the_first_version_is_still_there() -> None:
    assert {f"cachemuster_{name}" for name in METRICS_THEN.split()} <= {each.name for each in TABLE}
    monitoring = (DEPLOY / "monitoring" / "README.md").read_text("utf-8")
    assert [event for event in EVENTS.split() if f"`{event}`" not in monitoring] == []


def test_registrations_are_known_by_the_same_labels() -> None:
    assert (MANAGED_BY_LABEL, MANAGED_BY) == ("managed-by", "cachemuster")
    assert {GROUP_LABEL, ARN_LABEL, IAM_LABEL} == {
        "cachemuster/group",
        "cachemuster/arn",
        "cachemuster/iam-auth",
    }
