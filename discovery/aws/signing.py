"""Sign requests with the SDK's signer, without what makes it slow for thousands of them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from botocore.auth import SIGNED_HEADERS_BLACKLIST, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from multidict import CIMultiDict

_SCOPES = 1 << 15
"""Signing keys that are kept: one for each account, region, service and day."""


class PlainRequest(AWSPreparedRequest):
    """A request that the SDK's signer and its HTTP session both take as it is."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        kept: Any = CIMultiDict(headers)
        super().__init__(method, url, kept, body, stream_output=False)
        self.context: dict[str, Any] = {}
        self.params: Mapping[str, str] = {}


class KeptKeySigner(SigV4Auth):
    """The SDK's signer with headers in a plain dict, and the key of the day kept."""

    def headers_to_sign(self, request: Any) -> Any:
        """Select the headers that the signature covers."""
        lowered = ((name.lower(), value) for name, value in request.headers.items())
        found = _Headers(each for each in lowered if each[0] not in SIGNED_HEADERS_BLACKLIST)
        if "host" not in found:
            found["host"] = _host(request.url)
        return found

    def signature(self, string_to_sign: str, request: Any) -> str:
        """Sign with the key of the day, region and service."""
        scope = self.credential_scope(request)
        key = _signing_key(self.credentials.secret_key, scope)
        return hmac.new(key, string_to_sign.encode(), sha256).hexdigest()


class _Headers(dict[str, str]):
    """Headers of which each has one value."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


@lru_cache(maxsize=256)
def _host(url: str) -> str:
    """Name the host as the SDK's own signer does."""
    nobody: Any = None
    return str(SigV4Auth(nobody, "", "").headers_to_sign(AWSRequest("GET", url))["host"])


@lru_cache(maxsize=_SCOPES)
def _signing_key(secret: str, scope: str) -> bytes:
    """Derive the key of a scope: day, region, service and `aws4_request`, by slashes."""
    key = f"AWS4{secret}".encode()
    for text in scope.split("/"):
        key = hmac.new(key, text.encode(), sha256).digest()
    return key
