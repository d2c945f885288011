"""Objects of one S3 bucket, read, put and deleted under conditions.

Source: Amazon S3 user guide, conditional requests: `If-None-Match: *` puts what is not there yet,
`If-Match` what is as it was read; else 412, and 409 when somebody else does the same at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from discovery.aws.answer_dates import date_of
from discovery.aws.cloud import open_own_session
from discovery.aws.errors import AwsCallFailed, AwsError, aws_error_of, malformed_response
from discovery.aws.session import Answer, Session
from discovery.config.aws import Aws
from discovery.model.codes import ScopeReason
from discovery.model.values import Clock

GET: Final = "s3:GetObject"
PUT: Final = "s3:PutObject"
DELETE: Final = "s3:DeleteObject"
LIST: Final = "s3:ListBucket"
"""Makes S3 answer that an object is not there; without it S3 answers `AccessDenied`."""

LARGEST_OBJECT_BYTES: Final = 1 << 30
_NO_KEY: Final = frozenset({"NoSuchKey"})
_CONDITION_FAILED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read."""

    body: bytes
    etag: str
    age: timedelta
    """How long ago it was put, by S3's own clock."""


class Condition(Enum):
    """Why an object was neither put nor deleted."""

    NOT_MET = "not met"
    """It is not as it was read: somebody else put or deleted it meanwhile."""


class Bucket:
    """One bucket, read and written with the agent's own credentials. All raise: AwsCallFailed."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    async def get(self, key: str) -> Found | None:
        """Read an object whole; None when there is none."""
        try:
            answer = await self._session.call(GET, Bucket=self._name, Key=key)
        except AwsCallFailed as failed:
            if failed.error.code in _NO_KEY:
                return None
            raise self._explained(failed, GET, key) from failed
        body = await self._read(answer)
        return Found(body, _etag_of(answer, GET), _age_of(answer))

    async def put(self, key: str, body: bytes, *, replacing: str | None) -> str | Condition:
        """Put an object in place of the one with this ETag, None: where there is none.

        Returns: its ETag, or that the condition did not hold.
        """
        condition = {"IfNoneMatch": "*"} if replacing is None else {"IfMatch": replacing}
        try:
            answer = await self._session.call(
                PUT, Bucket=self._name, Key=key, Body=body, **condition
            )
        except AwsCallFailed as failed:
            if failed.error.code in _CONDITION_FAILED | _NO_KEY:
                return Condition.NOT_MET
            raise self._explained(failed, PUT, key) from failed
        return _etag_of(answer, PUT)

    async def delete(self, key: str, *, etag: str) -> Condition | None:
        """Delete the object with this ETag. Returns: None, or that it is another one now."""
        try:
            await self._session.call(DELETE, Bucket=self._name, Key=key, IfMatch=etag)
        except AwsCallFailed as failed:
            if failed.error.code in _CONDITION_FAILED | _NO_KEY:
                return Condition.NOT_MET
            raise self._explained(failed, DELETE, key) from failed
        return None

    async def _read(self, answer: Answer) -> bytes:
        """Read the body to its end. Raises: AwsCallFailed."""
        where, length = str(self._session.scope), answer.get("ContentLength")
        if not isinstance(length, int) or length > LARGEST_OBJECT_BYTES:
            raise malformed_response(f"its length is {length!r}", GET, where)
        limit_s = self._session.clients.deadline_s("s3")
        try:
            async with asyncio.timeout(limit_s), answer["Body"] as stream:
                body = bytes(await stream.read())
        except Exception as error:
            raise _object_truncated(error, where) from error
        if len(body) != length:
            raise _object_truncated(None, where)
        return body

    def _explained(self, failed: AwsCallFailed, action: str, key: str) -> AwsCallFailed:
        """Say what S3's own codes mean here."""
        error, what = failed.error, f"s3://{self._name}/{key}"
        if error.code == "NoSuchBucket":
            said = f"there is no bucket {self._name}: make it, or correct state.snapshot"
            return AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, said, error.code))
        if error.reason is ScopeReason.DENIED and action == GET:
            said = (
                f"{error.message}. If there is no {what} yet, it is {LIST} on the bucket that is "
                "missing: without it S3 does not say so"
            )
            return AwsCallFailed(AwsError(error.reason, said, error.code))
        return failed


@asynccontextmanager
async def open_bucket(settings: Aws, name: str, *, clock: Clock) -> AsyncIterator[Bucket]:
    """Open a bucket with the agent's own credentials. Raises: AwsCallFailed."""
    async with open_own_session(settings, clock=clock) as session:
        yield Bucket(session, name)


def _etag_of(answer: Answer, action: str) -> str:
    etag = answer.get("ETag")
    if not isinstance(etag, str) or not etag:
        raise malformed_response("it names no ETag", action, "S3")
    return etag


def _age_of(answer: Answer) -> timedelta:
    """How old the object is; nothing where the answer does not say so, which is the safe side."""
    made, now = answer.get("LastModified"), date_of(answer)
    if not isinstance(made, datetime) or now is None:
        return timedelta(0)
    return max(now - made.astimezone(UTC), timedelta(0))


def _object_truncated(error: Exception | None, where: str) -> AwsCallFailed:
    if isinstance(error, TimeoutError):
        return AwsCallFailed(
            AwsError(ScopeReason.TIMEOUT, f"the object that {GET} gave in {where} did not end")
        )
    known: Any = error and aws_error_of(error, GET, where)
    if known and known.reason is not ScopeReason.MALFORMED:
        return AwsCallFailed(known)
    return AwsCallFailed(
        AwsError(
            ScopeReason.TRUNCATED,
            f"the object that {GET} gave in {where} was cut short; if it stays, look at proxies in "
            "between",
        )
    )
