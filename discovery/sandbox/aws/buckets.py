"""Buckets of S3, whose names are one account's in the whole partition, and their objects."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was put."""

    body: bytes
    put_at: datetime

    @property
    def etag(self) -> str:
        """Entity tag, in its quotes: MD5 of the body, as S3 has it for what was put at once."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class Bucket:
    """A bucket."""

    name: str
    owner: str
    """Account id."""
    objects: dict[str, StoredObject] = field(default_factory=dict)
