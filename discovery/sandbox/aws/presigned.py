"""Presigned requests, of which the token of an IAM login to a cache is one.

Source: aws/README: IAM token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode

from discovery.sandbox.aws.auth import Claim
from discovery.sandbox.aws.wire.message import Request

_CREDENTIAL = re.compile(
    r"(?P<key>[^/\s]+)/(?P<day>[0-9]{8})/(?P<region>[^/\s]+)/(?P<service>[^/\s]+)/aws4_request"
)
_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNATURE = "X-Amz-Signature"
_MOST_PARAMETERS = 32


@dataclass(frozen=True, slots=True)
class Presigned:
    """A presigned GET: what it asks for, and what it claims about its signer."""

    host: str
    query: Mapping[str, str]
    """All parameters, decoded."""
    claim: Claim
    request: Request
    """As it was signed: without the signature."""


def read_presigned(text: str) -> Presigned | None:
    """Return the presigned GET of a root path that `text` is, without its scheme; else None."""
    host, separator, query = text.partition("/?")
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        return None
    parameters = dict(pairs)
    if not separator or not host or len(parameters) != len(pairs):  # none of them twice
        return None
    claim = _claim(parameters)
    if claim is None:
        return None
    # AWS signs and checks the parameters in one form, however a client spells them.
    signed = urlencode(
        [pair for pair in pairs if pair[0] != _SIGNATURE], quote_via=quote, safe="-_.~"
    )
    request = Request("GET", f"/?{signed}", {"host": host}, b"")
    return Presigned(host, parameters, claim, request)


def _claim(query: Mapping[str, str]) -> Claim | None:
    credential = _CREDENTIAL.fullmatch(query.get("X-Amz-Credential", ""))
    lifetime = query.get("X-Amz-Expires", "")
    if (
        credential is None
        or query.get("X-Amz-Algorithm") != _ALGORITHM
        or re.fullmatch("[0-9]{1,6}", lifetime) is None
        or re.fullmatch("[0-9a-f]{64}", query.get(_SIGNATURE, "")) is None
    ):
        return None
    return Claim(
        access_key_id=credential["key"],
        day=credential["day"],
        region=credential["region"],
        service=credential["service"],
        signed_headers=tuple(query.get("X-Amz-SignedHeaders", "").split(";")),
        signature=query[_SIGNATURE],
        signed_at=query.get("X-Amz-Date", ""),
        token=query.get("X-Amz-Security-Token"),
        lifetime=timedelta(seconds=int(lifetime)),
    )
