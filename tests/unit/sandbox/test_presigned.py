"""The sandbox takes the tokens on which four implementations agree (aws/README: IAM token)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.aws.auth import authenticate
from discovery.sandbox.aws.errors import CommonError, CommonErrorKind
from discovery.sandbox.aws.keys import Key, KeyRing
from discovery.sandbox.aws.presigned import read_presigned

VECTORS = json.loads((Path(__file__).parents[1] / "aws/vectors/iam_token.json").read_text())


def key_of(inputs: dict[str, Any]) -> Key:
    return Key(
        access_key_id=inputs["access_key_id"],
        secret=inputs["secret_access_key"],
        account_id="111122223333",
        principal_arn="arn:aws:iam::111122223333:user/agent",
        user_id="AIDA",
        token=inputs["session_token"],
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_vector_is_taken_for_900_seconds(vector: dict[str, Any]) -> None:
    inputs, keys = vector["inputs"], KeyRing()
    key = keys.add(key_of(inputs))
    token = read_presigned(vector["token"])
    assert token is not None
    assert (token.host, token.query["User"]) == (inputs["cache_name"].lower(), inputs["user_id"])
    signed_at = datetime.fromisoformat(inputs["clock"])
    for after_s in (-300, 0, 899):
        now = signed_at + timedelta(seconds=after_s)
        assert authenticate(token.claim, token.request, keys, now) == key
    for after_s, kind in ((900, CommonErrorKind.EXPIRED), (-301, CommonErrorKind.CLOCK_SKEW)):
        now = signed_at + timedelta(seconds=after_s)
        with pytest.raises(CommonError) as caught:
            authenticate(token.claim, token.request, keys, now)
        assert caught.value.kind is kind


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_no_vector_is_taken_when_a_character_of_it_is_another(vector: dict[str, Any]) -> None:
    inputs, keys = vector["inputs"], KeyRing()
    keys.add(key_of(inputs))
    now = datetime.fromisoformat(inputs["clock"])
    for place in range(0, len(vector["token"]), 7):
        was = vector["token"][place]
        if was in "%/?&=":  # might only spell the same in another way
            continue
        changed = (
            vector["token"][:place] + ("0" if was != "0" else "1") + vector["token"][place + 1 :]
        )
        token = read_presigned(changed)
        if token is not None:
            with pytest.raises(CommonError):
                authenticate(token.claim, token.request, keys, now)


FAR = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/{day}/r/s/aws4_request&X-Amz-Date={date}"


@pytest.mark.parametrize("date", ["99991231T235959Z", "00010101T000000Z", "20260230T000000Z", ""])
def test_dates_at_the_end_of_time_are_refused(date: str) -> None:
    query = FAR.format(day=date[:8] or "00000000", date=date)
    text = f"a/?{query}&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    token = read_presigned(text)
    assert token is not None
    now = datetime.fromisoformat("2026-01-15T12:34:56Z")
    with pytest.raises(CommonError):
        authenticate(token.claim, token.request, KeyRing(), now)


@pytest.mark.slow
@given(st.text(max_size=200))
def test_any_text_is_read_or_not(text: str) -> None:
    read_presigned(text)
    assert read_presigned(f"a/?{text}") is None
