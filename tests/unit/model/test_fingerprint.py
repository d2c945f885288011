"""External ids are shown as `sha256:` and eight hex digits, and in no other way.

See discovery/README: Configuration.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from discovery.model.fingerprint import fingerprint, redacted, redacted_change
from discovery.model.values import Change

SECRET = "correct-horse"
SHOWN = "sha256:" + hashlib.sha256(SECRET.encode()).hexdigest()[:8]


def test_a_fingerprint_is_eight_digits_of_the_sha256() -> None:
    assert fingerprint(SECRET) == SHOWN
    assert fingerprint(SECRET) != fingerprint(SECRET + " ")


def test_half_a_surrogate_pair_has_a_fingerprint_too() -> None:
    assert fingerprint("\ud800").startswith("sha256:")


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ({"aws": {"external_id": SECRET}}, {"aws": {"external_id": SHOWN}}),
        ({"aws": {"external_id": SHOWN}}, {"aws": {"external_id": SHOWN}}),
        ({"aws": {"external_id": ""}}, {"aws": {"external_id": ""}}),
        ({"aws": {"region": "x"}, "uri": "y"}, {"aws": {"region": "x"}, "uri": "y"}),
        ({"aws": None}, {"aws": None}),
        ({}, {}),
    ],
)
def test_redaction_touches_the_external_id_alone(
    spec: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert redacted(spec) == shown
    assert redacted(redacted(spec)) == shown


def test_redaction_leaves_the_original_as_it_is() -> None:
    spec = {"aws": {"external_id": SECRET}}
    redacted(spec)
    assert spec == {"aws": {"external_id": SECRET}}


def test_a_text_that_merely_begins_like_a_fingerprint_is_no_fingerprint() -> None:
    for secret in (f"{SHOWN}9", f"x{SHOWN}", SHOWN.upper()):
        assert redacted({"aws": {"external_id": secret}})["aws"]["external_id"] != secret


AWS = {"external_id": SECRET, "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("/spec/aws/external_id", SECRET),
        ("/spec/aws", AWS),
        ("/spec", {"aws": AWS}),
        ("", {"kind": "db", "spec": {"aws": AWS}}),
    ],
)
def test_a_change_shows_no_external_id_wherever_it_begins(field: str, value: Any) -> None:
    for change in (Change(field, None, value), Change(field, value, None)):
        shown = redacted_change(change)
        assert SECRET not in repr(shown)
        assert SHOWN in repr(shown)
        assert shown.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("/spec/uri", SECRET),
        ("/metadata/labels/external_id", SECRET),
        ("/metadata", {"spec": {"aws": AWS}}),
        ("", {"kind": "db"}),
        ("", {"spec": "text"}),
        ("", None),
    ],
)
def test_other_changes_are_shown_as_they_are(field: str, value: Any) -> None:
    assert redacted_change(Change(field, value, value)) == Change(field, value, value)
