"""What is signed, put together here as botocore puts it together."""

from __future__ import annotations

import hashlib
import hmac
import string
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.aws import auth
from discovery.sandbox.aws.auth import authenticate, read_claim
from discovery.sandbox.aws.errors import CommonError, CommonErrorKind
from discovery.sandbox.aws.keys import Key, KeyRing
from discovery.sandbox.aws.wire.message import Request

KEY = Key("AKIAIOSFODNN7EXAMPLE", "a secret", "111122223333", "arn", "id")
KEYS = KeyRing()
KEYS.add(KEY)

NAMES = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12).map(
    lambda name: f"x-{name}"
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def signed(path: str, headers: dict[str, str], body: bytes, service: str) -> Request:
    """A request as botocore signs it now."""
    request = AWSRequest("POST", f"http://127.0.0.1{path}", data=body, headers=headers)
    credentials = Credentials(KEY.access_key_id, KEY.secret)
    SigV4Auth(credentials, service, "eu-central-1").add_auth(request)
    sent = {name.lower(): value for name, value in request.headers.items()}
    return Request("POST", path, {**sent, "host": "127.0.0.1"}, body)


def check(request: Request) -> Key:
    claim = read_claim(request)
    assert claim is not None
    return authenticate(claim, request, KEYS, datetime.now(UTC))


@given(
    path=st.sampled_from(["/", "/?b=2&a=1", "/a//b/../c%20d"]),
    headers=st.dictionaries(NAMES, VALUES, max_size=5),
    body=st.binary(max_size=50),
)
def test_what_botocore_signs_is_let_in(path: str, headers: dict[str, str], body: bytes) -> None:
    assert check(signed(path, headers, body, "elasticache")) is KEY


@given(
    headers=st.dictionaries(NAMES, VALUES, max_size=5),
    body=st.binary(max_size=50),
    service=st.sampled_from(["elasticache", "s3"]),
)
def test_the_usual_form_is_that_of_botocore(
    headers: dict[str, str], body: bytes, service: str
) -> None:
    request = signed("/", headers, body, service)
    claim = read_claim(request)
    assert claim is not None
    text = auth._string_to_sign(claim, request)
    assert text is not None
    key = auth._signing_key(KEY.secret, claim.day, claim.region, claim.service)
    ours = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    assert ours == claim.signature == auth._Verifier(claim, request, KEY).expected()


@pytest.mark.parametrize("part", ["body", "header", "method", "path"])
def test_what_was_changed_on_the_way_is_refused(part: str) -> None:
    good = signed("/", {"x-a": "1"}, b"a", "elasticache")
    changed = {
        "body": Request(good.method, good.path, good.headers, b"b"),
        "header": Request(good.method, good.path, {**good.headers, "x-a": "2"}, good.body),
        "method": Request("PUT", good.path, good.headers, good.body),
        "path": Request(good.method, "/?a=1", good.headers, good.body),
    }
    check(good)
    with pytest.raises(CommonError) as caught:
        check(changed[part])
    assert caught.value.kind is CommonErrorKind.BAD_SIGNATURE


def test_headers_out_of_order_are_checked_as_botocore_does() -> None:
    good = signed("/", {"x-a": "1"}, b"a", "elasticache")
    listed = good.headers["authorization"]
    claim = read_claim(good)
    assert claim is not None
    reversed_names = ";".join(reversed(claim.signed_headers))
    turned = listed.replace(";".join(claim.signed_headers), reversed_names)
    assert turned != listed
    check(Request("POST", "/", {**good.headers, "authorization": turned}, b"a"))
