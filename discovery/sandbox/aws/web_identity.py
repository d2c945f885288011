"""Tokens of an OIDC provider, as Kubernetes mounts them into pods, in place of a signature."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from discovery.sandbox.aws.auth import Claim
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.wire.message import Request

ISSUER: Final = "oidc.sandbox.example/id/SANDBOX"
AUDIENCE: Final = "sts.amazonaws.com"
_ANYWHERE: Final = "us-east-1"
"""Nothing in the request says which region's endpoint it was sent to."""


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """The subject of a token, and when it expires."""

    subject: str
    """Such as `system:serviceaccount:NAMESPACE:NAME`."""
    expires_at: datetime


class WebIdentities:
    """Every token that the provider has issued."""

    def __init__(self) -> None:
        self._issued: dict[str, WebIdentity] = {}

    def issue(self, subject: str, expires_at: datetime) -> str:
        """Issue a token for the subject."""
        token = f"sandbox.{secrets.token_urlsafe(48)}"
        self._issued[token] = WebIdentity(subject, expires_at)
        return token

    def find(self, token: str) -> WebIdentity | None:
        """Return whose the token is, or None when it was not issued here."""
        return self._issued.get(token)


def unsigned_claim(request: Request) -> Claim | None:
    """Return the claim of a request that carries a token in place of a signature, or None."""
    if "authorization" in request.headers or request.method != "POST":
        return None
    action = parse_qs(request.body.decode("utf-8", "replace")).get("Action")
    if action != ["AssumeRoleWithWebIdentity"]:
        return None
    return Claim("", "", _ANYWHERE, "sts", (), "")


def anonymous_key(members: Mapping[str, Any]) -> Key:
    """Return a key that belongs to nobody, in the account of the role that is action for."""
    parts = str(members.get("RoleArn", "")).split(":")
    return Key("", "", parts[4] if len(parts) > 5 else "", "anonymous", "")
