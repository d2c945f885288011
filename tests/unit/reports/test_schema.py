"""The committed schema says what the code tables say, and documents keep to it."""

import json
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from discovery.model import codes
from discovery.model.codes import REASONS_OF, Action, Reason
from discovery.reports.document import document
from discovery.reports.report import Report
from discovery.reports.schema import SKIP_REASONS, committed_schema, document_schema
from tests.support.report_samples import REFUSED, carried_out, full_report, item, report

SCHEMA = committed_schema()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
ITEM = SCHEMA["properties"]["items"]["items"]
SCOPE = SCHEMA["properties"]["scopes"]["items"]
FINDING = ITEM["properties"]["iam"]["anyOf"][0]["properties"]["findings"]["items"]
NOTE = ITEM["properties"]["notes"]["items"]
GUARD = SCHEMA["properties"]["guard"]


def test_the_committed_file_is_what_the_code_makes() -> None:
    made = json.loads(json.dumps(document_schema()))
    assert made == SCHEMA, "write document.schema.json anew from document_schema()"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def enum_of(schema: dict[str, Any]) -> set[str]:
    return set(schema["anyOf"][0]["enum"] if "anyOf" in schema else schema["enum"])


@pytest.mark.parametrize(
    ("schema", "members"),
    [
        pytest.param(ITEM["properties"]["action"], codes.Action, id="actions"),
        pytest.param(ITEM["properties"]["reason"], codes.Reason, id="reasons"),
        pytest.param(NOTE["properties"]["code"], codes.NoteCode, id="notes"),
        pytest.param(SCOPE["properties"]["status"], codes.ScopeStatus, id="scope-status"),
        pytest.param(SCOPE["properties"]["reason"], codes.ScopeReason, id="scope-reasons"),
        pytest.param(FINDING["properties"]["code"], codes.FindingCode, id="findings"),
        pytest.param(FINDING["properties"]["severity"], codes.Severity, id="severities"),
        pytest.param(GUARD["properties"]["code"], codes.GuardCode, id="guard"),
        pytest.param(
            ITEM["properties"]["iam"]["anyOf"][0]["properties"]["verdict"],
            codes.IamVerdict,
            id="verdicts",
        ),
    ],
)
def test_enumerations_equal_the_code_tables(schema: Any, members: type[StrEnum]) -> None:
    assert enum_of(schema) == {member.value for member in members}


def test_every_action_has_exactly_its_reasons() -> None:
    found = {
        rule["if"]["properties"]["action"]["const"]: set(
            rule["then"]["properties"]["reason"]["enum"]
        )
        for rule in ITEM["allOf"]
    }
    assert found == {action.value: set(reasons) for action, reasons in REASONS_OF.items()}
    assert set(found) == {action.value for action in Action}


def test_scope_reasons_are_failures_or_skips() -> None:
    by_status = {
        rule["if"]["properties"]["status"]["const"]: rule["then"]["properties"]["reason"]
        for rule in SCOPE["allOf"]
    }
    assert set(by_status["skipped"]["enum"]) == set(SKIP_REASONS)
    assert set(by_status["failed"]["enum"]) == set(codes.ScopeReason) - SKIP_REASONS


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(full_report(), id="dry-run"),
        pytest.param(carried_out(full_report(), failed="orders"), id="sweep"),
        pytest.param(full_report(guard=REFUSED), id="refused"),
        pytest.param(report(scopes=(), error="no list"), id="not-finished"),
        pytest.param(full_report(endpoints={"sts": "http://127.0.0.1:4566"}), id="endpoints"),
    ],
)
def test_documents_validate(found: Report) -> None:
    VALIDATOR.validate(document(found))


@pytest.mark.parametrize("action", list(Action), ids=lambda action: action.value)
def test_every_pair_of_action_and_reason_is_judged(action: Action) -> None:
    for reason in Reason:
        valid = VALIDATOR.is_valid(document(report(item(action, reason))))
        assert valid == (reason in REASONS_OF[action]), (action, reason)


def spoiled(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    tree: Any = document(full_report())
    whole = tree
    for step in path[:-1]:
        tree = tree[step]
    tree[path[-1]] = value
    found: dict[str, Any] = whole
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("surprise",), 1, id="unknown-key"),
        pytest.param(("items", 0, "surprise"), 1, id="unknown-key-of-an-item"),
        pytest.param(("schema_version",), 1, id="another-version"),
        pytest.param(("checksum",), "abc", id="short-checksum"),
        pytest.param(("started_at",), "2026-11-23T09:24:07+01:00", id="not-utc"),
        pytest.param(("scopes", 0, "reason"), "DENIED", id="complete-with-a-reason"),
        pytest.param(("scopes", 1, "reason"), "NOT_IN_RUN", id="failed-as-skipped"),
        pytest.param(("scopes", 1, "caches"), 0, id="failed-with-caches"),
        pytest.param(("guard", "code"), "GUARD_COUNT", id="calm-guard-with-a-code"),
        pytest.param(("items", 0, "account_id"), "1", id="short-account"),
        pytest.param(("items", 0, "changes"), [{"field": "labels"}], id="not-a-pointer"),
    ],
)
def test_what_is_not_a_document_is_refused(path: tuple[str | int, ...], value: Any) -> None:
    assert VALIDATOR.is_valid(document(full_report()))
    assert not VALIDATOR.is_valid(spoiled(path, value))


def test_no_key_may_be_missing() -> None:
    whole = document(full_report())
    for key in whole:
        assert not VALIDATOR.is_valid({name: value for name, value in whole.items() if name != key})


def test_a_refusal_needs_its_code() -> None:
    nameless = replace(REFUSED, code=None)
    assert not VALIDATOR.is_valid(document(full_report(guard=nameless)))
