"""Access keys: long-lived ones of users, and those of sessions that STS issues."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class Key:
    """An access key and its owner."""

    access_key_id: str
    secret: str
    account_id: str
    principal_arn: str
    """ARN of the user, or of the assumed role's session."""
    user_id: str
    token: str | None = None
    expires_at: datetime | None = None
    role_arn: str | None = None
    """For a session: the role behind it."""
    token_version: int = 2
    """For a session: 1 is not valid in regions that an account can disable."""

    @property
    def is_session(self) -> bool:
        """Whether STS issued it."""
        return self.token is not None

    def __repr__(self) -> str:
        return f"Key({self.access_key_id} of {self.principal_arn})"


class KeyRing:
    """Every access key of a world."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, key: Key) -> Key:
        """Add a key and return it."""
        self._keys[key.access_key_id] = key
        return key

    def find(self, access_key_id: str) -> Key | None:
        """Return the key with that id, or None."""
        return self._keys.get(access_key_id)

    def revoke(self, access_key_id: str) -> None:
        """Remove a key."""
        self._keys.pop(access_key_id, None)

    def expire_sessions(self, now: datetime) -> int:
        """Expire every session at `now`; return how many ended early."""
        running = [
            key
            for key in self._keys.values()
            if key.expires_at is not None and key.expires_at > now
        ]
        for key in running:
            self.add(replace(key, expires_at=now))
        return len(running)


def new_id(prefix: str) -> str:
    """Return a fresh identifier of AWS's form: the prefix and 16 characters."""
    return prefix + "".join([_BASE32[byte % 32] for byte in secrets.token_bytes(16)])


def new_secret() -> str:
    """Return a fresh secret key of 40 characters."""
    return secrets.token_urlsafe(30)


def new_token() -> str:
    """Return a fresh session token."""
    return secrets.token_urlsafe(96)
