"""External ids are kept out of state, reports and logs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from discovery.model.fingerprint import fingerprint, redacted

SHOWN = "sha256:" + hashlib.sha256(b"open sesame").hexdigest()[:8]


def test_a_fingerprint_is_eight_digits_of_the_hash() -> None:
    assert fingerprint("open sesame") == SHOWN
    assert len(fingerprint("x" * 2000)) == len("sha256:") + 8
    assert fingerprint("\ud800")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"aws": {"external_id": "open sesame", "r": 1}}, {"aws": {"external_id": SHOWN, "r": 1}}),
        ({"aws": {"external_id": SHOWN}}, {"aws": {"external_id": SHOWN}}),
        ({"aws": {"external_id": ""}}, {"aws": {"external_id": ""}}),
        ({"aws": {}}, {"aws": {}}),
        ({"aws": "odd"}, {"aws": "odd"}),
        ({"uri": "h:1"}, {"uri": "h:1"}),
    ],
)
def test_a_spec_is_redacted_once_and_for_all(
    spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = repr(spec)
    assert redacted(spec) == expected
    assert redacted(redacted(spec)) == expected
    assert repr(spec) == before
