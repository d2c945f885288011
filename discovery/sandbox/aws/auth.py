"""Checking of Signature Version 4.

A request to `/` with its headers in order, as SDKs send them, is put into the form that is signed
here; any other one is by botocore's own signer.

Source: aws/README: Errors for the codes; the 5 minutes are AWS's.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from discovery.sandbox.aws.errors import CommonError, CommonErrorKind
from discovery.sandbox.aws.keys import Key, KeyRing
from discovery.sandbox.aws.wire.message import Request

TOLERANCE = timedelta(minutes=5)
"""How far a request's date may be off the sandbox's clock."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request, *SignedHeaders=(?P<headers>[^,\s]+),"
    r" *Signature=(?P<signature>[0-9a-f]{64})"
)
_CONTENT, _UNSIGNED = "x-amz-content-sha256", "UNSIGNED-PAYLOAD"
_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of who signed it, before anything of it is proved."""

    access_key_id: str
    day: str
    region: str
    service: str
    """The name that was signed for: `tagging`, not `resourcegroupstaggingapi`."""
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str = ""
    """X-Amz-Date as it was sent."""
    token: str | None = None
    """X-Amz-Security-Token, if there is one."""
    lifetime: timedelta | None = None
    """Of a presigned request: how long after its date it is good. None: signed by a header."""


def read_claim(request: Request) -> Claim | None:
    """Return what the Authorization header claims; None when there is none that can be read."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    if found is None:
        return None
    return Claim(
        access_key_id=found["key"],
        day=found["day"],
        region=found["region"],
        service=found["service"],
        signed_headers=tuple(found["headers"].split(";")),
        signature=found["signature"],
        signed_at=request.headers.get("x-amz-date", ""),
        token=request.headers.get("x-amz-security-token"),
    )


def authenticate(claim: Claim, request: Request, keys: KeyRing, now: datetime) -> Key:
    """Return the key that signed the request. Raises CommonError when the proof fails."""
    _check_date(claim, now)
    key = keys.find(claim.access_key_id)
    if key is None:
        raise CommonError(CommonErrorKind.UNKNOWN_KEY)
    _check_token(key, claim.token)
    if not hmac.compare_digest(_signature(claim, request, key), claim.signature):
        raise CommonError(CommonErrorKind.BAD_SIGNATURE)
    if key.expires_at is not None and key.expires_at <= now:
        raise CommonError(CommonErrorKind.EXPIRED)
    return key


def _check_token(key: Key, sent: str | None) -> None:
    if key.token is None and sent is None:
        return
    # compare_digest takes bytes: a header may hold anything.
    if not hmac.compare_digest((sent or "").encode(), (key.token or "").encode()):
        raise CommonError(CommonErrorKind.UNKNOWN_KEY)


def _check_date(claim: Claim, now: datetime) -> None:
    sent = claim.signed_at
    try:
        signed_at = _read_date(sent)
    except ValueError as error:
        raise CommonError(
            CommonErrorKind.UNSIGNED,
            f"Date must be in ISO-8601 'basic format'. Got '{sent}'. See "
            "http://en.wikipedia.org/wiki/ISO_8601",
        ) from error
    if not sent.startswith(claim.day):
        raise CommonError(
            CommonErrorKind.BAD_SIGNATURE,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{claim.day}' != '{sent[:8]}', from '{sent}'.",
        )
    if claim.lifetime is not None:
        # A presigned request may be as old as it says itself.
        if now - signed_at >= claim.lifetime:
            raise CommonError(CommonErrorKind.EXPIRED)
    elif signed_at < now - TOLERANCE:
        limit = f"{now - TOLERANCE:{_FORMAT}}"
        message = (
            f"Signature expired: {sent} is now earlier than {limit} ({now:{_FORMAT}} - 5 min.)"
        )
        raise CommonError(CommonErrorKind.CLOCK_SKEW, message)
    if signed_at > now + TOLERANCE:
        limit = f"{now + TOLERANCE:{_FORMAT}}"
        message = (
            f"Signature not yet current: {sent} is still later than {limit} "
            f"({now:{_FORMAT}} + 5 min.)"
        )
        raise CommonError(CommonErrorKind.CLOCK_SKEW, message)


@lru_cache(maxsize=64)
def _read_date(sent: str) -> datetime:
    """Return the moment that X-Amz-Date names. Raises ValueError."""
    return datetime.strptime(sent, _FORMAT).replace(tzinfo=UTC)


def _signature(claim: Claim, request: Request, key: Key) -> str:
    must = {"host"}
    if claim.lifetime is None:  # a presigned request has the others in its query, signed as well
        must |= {"x-amz-date"} | {"x-amz-security-token"} & request.headers.keys()
    unsigned = must.difference(claim.signed_headers)
    if unsigned:
        raise CommonError(
            CommonErrorKind.BAD_SIGNATURE,
            f"'{min(unsigned)}' must be a 'SignedHeader' in the request.",
        )
    text = _string_to_sign(claim, request)
    if text is None:
        return _Verifier(claim, request, key).expected()
    return _sign(claim, key.secret, text)


def _sign(claim: Claim, secret: str, text: str) -> str:
    key = _signing_key(secret, claim.day, claim.region, claim.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _string_to_sign(claim: Claim, request: Request) -> str | None:
    """Return what was signed; None for a request whose form is left to botocore."""
    names = claim.signed_headers
    listed = ";".join(names)
    if request.path != "/" or listed != listed.lower() or list(names) != sorted(set(names)):
        return None
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names]
    form = (request.method.upper(), "/", "", *lines, "", listed, _payload_hash(claim, request))
    form_hash = hashlib.sha256("\n".join(form).encode()).hexdigest()
    scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
    return f"AWS4-HMAC-SHA256\n{claim.signed_at}\n{scope}\n{form_hash}"


def _payload_hash(claim: Claim, request: Request) -> str:
    """Return the hash of the body that really came; S3's clients may leave it unsigned."""
    if claim.service == "s3" and request.headers.get(_CONTENT) == _UNSIGNED:
        return _UNSIGNED
    return hashlib.sha256(request.body).hexdigest()


class _Verifier(SigV4Auth):
    """botocore's signer, made to sign again exactly what the client says it signed."""

    def __init__(self, claim: Claim, request: Request, key: Key) -> None:
        super().__init__(Credentials(key.access_key_id, key.secret), claim.service, claim.region)
        self._claim = claim
        self._secret = key.secret
        self._sent = request

    def expected(self) -> str:
        """Return the signature that the right secret gives."""
        host = self._sent.headers.get("host", "")
        request = AWSRequest(method=self._sent.method, url=f"http://{host}{self._sent.path}")
        request.context["timestamp"] = self._claim.signed_at
        return str(self.signature(self.string_to_sign(request, self._canonical(request)), request))

    def _canonical(self, request: AWSRequest) -> str:
        return str(self.canonical_request(request))

    def _normalize_url_path(self, path: str) -> str:
        """Leave a path of S3 as it was sent: there `//` and `..` are parts of a key."""
        usual = super()._normalize_url_path(path)  # type: ignore[misc]  # not in the stubs
        return path if self._claim.service == "s3" else str(usual)

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the headers that the client lists."""
        del request
        headers = HTTPHeaders()
        for name in self._claim.signed_headers:
            headers[name] = self._sent.headers.get(name, "")
        return headers

    def payload(self, request: AWSRequest) -> str:
        """Return the hash of the body that really came."""
        del request
        return _payload_hash(self._claim, self._sent)

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        """Sign as botocore does, with the signing key cached for the day."""
        del request
        return _sign(self._claim, self._secret, string_to_sign)


@lru_cache(maxsize=4096)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
