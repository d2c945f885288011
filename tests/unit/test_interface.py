"""What others build on may grow, and nothing of it may go: codes, exit codes, the document's keys.

The lists below are those of the first version that had them. They are never made anew from the
code; whoever finds one of them failing has broken somebody else's script.
"""

from __future__ import annotations

from typing import Any

import pytest

from discovery.cli.app import cachemuster
from discovery.model import codes
from discovery.model.codes import REASONS_OF, Action
from discovery.reports.exit import Exit
from discovery.reports.schema import committed_schema

REASONS = {
    "create": "NEW",
    "update": "RENAMED RECREATED URI_CHANGED SPEC_CHANGED LABELS_CHANGED DRIFT",
    "delete": "ABSENT DELETING UNMATCHED EXCLUDED INELIGIBLE UNREADY OUT_OF_SCOPE",
    "keep": "UNCHANGED",
    "held": "SCOPE_FAILED NOT_IN_RUN TARGETS_UNKNOWN OUT_OF_SCOPE WAITING PROOF_FAILED "
    "GUARD_COUNT GUARD_PERCENT GUARD_EMPTY REGISTRY_SHRANK POLICY TAGS_UNKNOWN NOT_READY_YET "
    "INHERITED REGISTRY_UNREAD",
    "blocked": "NAME_COLLISION NAME_INVALID IAM_NOT_READY IAM_UNKNOWN CONNECT_ROLE_INVALID "
    "REJECTED UNREADABLE",
    "conflict": "FOREIGN OTHER_GROUP NAME_TAKEN_UNSEEN IDENTITY_MISMATCH DUPLICATE_REGISTRATION "
    "OWNER_CHANGED RESTORED",
    "skipped": "NO_MATCHER EXCLUDED ENGINE CREATING DELETING CREATE_FAILED NO_ENDPOINT PUBLIC",
}
NOTES = (
    "TAG_SHADOWS_LABEL TAG_KEY_DROPPED TAGS_UNKNOWN SUBNETS_UNKNOWN USERS_UNKNOWN INHERITED "
    "SAME_URI_ELSEWHERE FACT_REMEMBERED BACKING_OFF TAGS_ONE_BY_ONE"
)
FINDINGS = (
    "NO_USER_GROUP GROUP_MISSING GROUP_NOT_ACTIVE GROUP_ENGINE_MISMATCH NO_IAM_USER "
    "USER_ID_NAME_MISMATCH USER_NOT_IN_GROUP USER_MISSING USER_DISABLED USER_NOT_ACTIVE "
    "USER_NOT_IAM PASSWORDLESS_USER DEFAULT_USER_OPEN DEFAULT_USER_UNREPLACED ENGINE_TOO_OLD "
    "ENGINE_MISMATCH USERS_UNREADABLE LOGIN_REFUSED LOGIN_UNREACHABLE"
)
SCOPE_REASONS = (
    "ASSUME_ROLE_DENIED DENIED THROTTLED EXPIRED CLOCK_SKEW WRONG_ACCOUNT REGIONS_UNREADABLE "
    "MALFORMED TRUNCATED REPEATED_TOKEN TIMEOUT UNREACHABLE SERVER_ERROR REGION_NOT_ENABLED "
    "CREDENTIALS NOT_IN_RUN"
)
EXITS = {0, 1, 2, 3, 4, 5, 64, 75, 78, 130, 143}
COMMANDS = (
    "quickstart sweep audit run status history explain doctor policies adopt release export config "
    "token pause resume sandbox version completion"
)
OPTIONS = {
    "sweep": "--dry-run --only --allow-mass-removal --checksum --prune --rebind-state --shard "
    "--lock-timeout --summary --full --group-by --format --output -o",
    "audit": "--only --detailed-exitcode --fail-on --summary --full --group-by --format --output "
    "-o",
    "run": "--shard",
    "adopt": "--identity-file",
    "release": "--identity-file",
    "export": "--registered",
    "token": "--region",
    "pause": "--for",
}
DOCUMENT = {
    "": "schema_version sweep_id agent started_at finished_at dry_run complete checksum endpoints "
    "summary scopes items guard",
    "agent": "host version",
    "summary": "create update delete keep blocked conflict held skipped failed",
    "scopes": "account_id account_name region notes status reason message caches duration_s calls",
    "items": "arn account_id account_name region cache name previous_name matcher action reason "
    "message notes applied error changes missed iam database",
    "items/notes": "code subject message",
    "items/error": "code message retryable",
    "items/changes": "field old new",
    "items/missed": "scans since",
    "items/iam": "verdict as_of users findings probe",
    "items/iam/probe": "outcome user step at message",
    "items/iam/findings": "code severity subject message repair",
    "items/database": "kind version metadata spec",
    "guard": "refused code removals population limit window_s message",
}


@pytest.mark.parametrize("action", REASONS)
def test_every_reason_is_still_one_of_its_action(action: str) -> None:
    assert {reason.value for reason in REASONS_OF[Action(action)]} >= set(REASONS[action].split())


@pytest.mark.parametrize(
    ("codes_now", "before"),
    [
        (codes.NoteCode, NOTES),
        (codes.FindingCode, FINDINGS),
        (codes.ScopeReason, SCOPE_REASONS),
        (codes.GuardCode, "GUARD_COUNT GUARD_PERCENT GUARD_EMPTY"),
        (codes.IamVerdict, "ready not-ready unknown"),
        (codes.Severity, "blocker warning info"),
        (codes.ScopeStatus, "complete failed skipped"),
    ],
    ids=["notes", "findings", "scope-reasons", "guard", "verdicts", "severities", "scope-status"],
)
def test_every_code_is_still_there(codes_now: Any, before: str) -> None:
    assert {code.value for code in codes_now} >= set(before.split())


def test_exit_codes_and_commands_are_still_there() -> None:
    assert {int(code) for code in Exit} >= EXITS
    assert set(cachemuster.list_commands(None)) >= set(COMMANDS.split())  # type: ignore[arg-type]


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_is_still_taken(command: str) -> None:
    found = cachemuster.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    taken = {option for parameter in found.params for option in parameter.opts}
    assert taken >= set(OPTIONS[command].split()) | {"-c", "--config", "--log-format", "-v"}


@pytest.mark.parametrize("place", DOCUMENT)
def test_every_key_of_the_document_is_still_promised(place: str) -> None:
    schema = committed_schema()
    for step in filter(None, place.split("/")):
        schema = _inside(schema["properties"][step])
    assert set(schema["required"]) >= set(DOCUMENT[place].split())
    assert set(schema["properties"]) >= set(schema["required"])


def _inside(schema: dict[str, Any]) -> dict[str, Any]:
    """What a list holds, or what may also be null."""
    for choice in (schema, *schema.get("anyOf", ())):
        if "items" in choice:
            return _inside(choice["items"])
        if "properties" in choice:
            return dict(choice)
    raise AssertionError(schema)
