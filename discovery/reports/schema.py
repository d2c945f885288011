"""Make the JSON Schema of the report document from the enumerations of codes.

`document.schema.json` beside this file is the committed form that others rely on; a test holds
the two together. Later work may add to them, never rename or remove.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from discovery.model.codes import (
    REASONS_OF,
    Action,
    FindingCode,
    GuardCode,
    IamVerdict,
    NoteCode,
    Reason,
    ScopeReason,
    ScopeStatus,
    Severity,
)

Schema = dict[str, Any]

SKIP_REASONS: Final = frozenset({ScopeReason.REGION_NOT_ENABLED, ScopeReason.NOT_IN_RUN})
"""Why a scope is skipped on purpose; every other reason is a failure."""

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_ACCOUNT: Final[Schema] = {"type": "string", "pattern": "^[0-9]{12}$"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time", "pattern": "Z$"}
_TREE: Final[Schema] = {"type": "object"}
_ANYTHING: Final[Schema] = {}


def committed_schema() -> Schema:
    """Read the schema that is committed beside this module."""
    text = files("discovery.reports").joinpath("document.schema.json").read_text("utf-8")
    schema: Schema = json.loads(text)
    return schema


def document_schema() -> Schema:
    """Make the schema (draft 2020-12) of what `discovery.reports.document` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:cachemuster:document:2",
        "title": "What one cachemuster sweep or audit found and did",
        **_object(
            schema_version={"const": 2},
            sweep_id={"type": "string", "minLength": 1},
            agent=_object(host=_TEXT, version=_TEXT),
            started_at=_MOMENT,
            finished_at=_MOMENT,
            dry_run=_FLAG,
            complete={**_FLAG, "description": "Every scope of this run was read."},
            checksum={
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the creations, updates and removals as planned.",
            },
            endpoints={
                "type": "object",
                "additionalProperties": _TEXT,
                "description": "AWS endpoint overrides in force, by service.",
            },
            summary=_object(**{action.value: _COUNT for action in Action}, failed=_COUNT),
            scopes={"type": "array", "items": _scope()},
            items={"type": "array", "items": _item()},
            guard=_guard(),
        ),
    }


def _scope() -> Schema:
    return {
        **_object(
            account_id=_ACCOUNT,
            account_name=_name(),
            region=_TEXT_OR_NULL,
            notes=_notes(),
            status=_enum(ScopeStatus),
            reason=_or_null(_enum(ScopeReason)),
            message=_TEXT,
            caches={"type": ["integer", "null"], "minimum": 0},
            duration_s={"type": "number", "minimum": 0},
            calls=_COUNT,
        ),
        "allOf": [
            _when({"status": ScopeStatus.COMPLETE.value}, reason={"const": None}, caches=_COUNT),
            _when(
                {"status": ScopeStatus.FAILED.value},
                reason=_enum(reason for reason in ScopeReason if reason not in SKIP_REASONS),
                caches={"const": None},
            ),
            _when(
                {"status": ScopeStatus.SKIPPED.value},
                reason=_enum(SKIP_REASONS),
                caches={"const": None},
            ),
        ],
    }


def _item() -> Schema:
    return {
        **_object(
            arn=_TEXT_OR_NULL,
            account_id=_TEXT,
            account_name=_name(),
            region=_TEXT,
            cache=_TEXT_OR_NULL,
            name=_TEXT_OR_NULL,
            previous_name=_TEXT_OR_NULL,
            matcher=_TEXT_OR_NULL,
            owner={
                **_TEXT_OR_NULL,
                "description": "The value of the tag that reports.owner_tag names; null: none.",
            },
            action=_enum(Action),
            reason=_enum(Reason),
            message=_TEXT,
            notes=_notes(),
            applied={"type": ["boolean", "null"], "description": "Null: nothing to apply."},
            error=_or_null(_object(code=_TEXT, message=_TEXT, retryable=_FLAG)),
            changes={
                "type": "array",
                "items": _object(field=_pointer(), old=_ANYTHING, new=_ANYTHING),
            },
            missed=_or_null(_object(scans=_COUNT, since=_MOMENT)),
            iam=_or_null(_iam()),
            database=_or_null(_database()),
        ),
        "allOf": [
            _when({"action": action.value}, reason=_enum(reasons))
            for action, reasons in REASONS_OF.items()
        ],
        # A resource that disagrees with itself may say any account, or none.
        "if": {"properties": {"reason": {"const": Reason.IDENTITY_MISMATCH.value}}},
        "else": {"properties": {"account_id": _ACCOUNT}},
    }


def _iam() -> Schema:
    finding = _object(
        code=_enum(FindingCode),
        severity=_enum(Severity),
        subject=_TEXT,
        message=_TEXT,
        repair={"type": "array", "items": _TEXT, "description": "AWS CLI lines, in order."},
    )
    return _object(
        verdict=_enum(IamVerdict),
        as_of=_or_null(_MOMENT),
        users={"type": "array", "items": _TEXT},
        findings={"type": "array", "items": finding},
        probe={
            **_or_null(_probe()),
            "description": "Null: no login was tried; this version tries none.",
        },
    )


def _probe() -> Schema:
    return _object(
        outcome={"type": "string", "enum": ["proved", "refused", "unproved", "unreachable"]},
        user=_TEXT_OR_NULL,
        step={"type": "string", "enum": ["auth", "ping", "resolve", "tcp", "tls"]},
        at=_MOMENT,
        message=_TEXT,
    )


def _name() -> Schema:
    return {**_TEXT_OR_NULL, "description": "Null: not known."}


def _notes() -> Schema:
    return {
        "type": "array",
        "items": _object(code=_enum(NoteCode), subject=_TEXT, message=_TEXT),
    }


def _database() -> Schema:
    return _object(
        kind={"const": "db"},
        version={"const": "v3"},
        metadata={**_TREE, "required": ["name"]},
        spec=_TREE,
    )


def _guard() -> Schema:
    return {
        **_object(
            refused=_FLAG,
            code=_or_null(_enum(GuardCode)),
            removals=_COUNT,
            population=_COUNT,
            limit=_COUNT,
            window_s=_COUNT,
            message=_TEXT,
        ),
        "allOf": [
            _when({"refused": True}, code=_enum(GuardCode)),
            _when({"refused": False}, code={"const": None}),
        ],
    }


def _pointer() -> Schema:
    return {
        "type": "string",
        "pattern": "^(/([^~/]|~[01])*)*$",
        "description": "JSON Pointer into `database`.",
    }


def _object(**properties: Schema) -> Schema:
    """An object with exactly these properties, all of them always there."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _enum(members: Iterable[StrEnum]) -> Schema:
    return {"type": "string", "enum": sorted(member.value for member in members)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _when(given: Mapping[str, str | bool], **then: Schema) -> Schema:
    """While the properties of `given` have these values, those of `then` hold as well."""
    condition = {key: {"const": value} for key, value in given.items()}
    return {"if": {"properties": condition}, "then": {"properties": then}}
