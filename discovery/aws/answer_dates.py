"""Collect the `Date` of AWS's answers, which tells whether this machine's clock is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any


@dataclass(slots=True)
class LatestDate:
    """The latest date that an answer had; None while none had any."""

    value: datetime | None = None


_latest: ContextVar[LatestDate] = ContextVar("cachemuster_latest_date")


@contextmanager
def collect_dates() -> Iterator[LatestDate]:
    """Collect the dates of answers within the block, and in tasks started in it."""
    latest = LatestDate()
    token = _latest.set(latest)
    try:
        yield latest
    finally:
        _latest.reset(token)


def note_date(answer: Mapping[str, Any]) -> None:
    """Note the date of an answer or of a refusal, where somebody collects them.

    One that names no request is not AWS's own: a proxy's page proves nothing about the time.
    """
    latest = _latest.get(None)
    if latest is None or not answer.get("ResponseMetadata", {}).get("RequestId"):
        return
    note_time(date_of(answer))


def note_time(found: datetime | None) -> None:
    """Note a date that was collected elsewhere."""
    latest = _latest.get(None)
    if latest is None or found is None:
        return
    if latest.value is None or found > latest.value:
        latest.value = found


def date_of(answer: Mapping[str, Any]) -> datetime | None:
    """Parse the date in the headers of an answer; None when there is none that can be read."""
    try:
        return _parse(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


@lru_cache(maxsize=16)
def _parse(text: str) -> datetime:
    """Parse once for the many answers of one second."""
    found = parsedate_to_datetime(text)
    # Without a zone (`-0000`) it is of UTC all the same: RFC 9110 knows no other.
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
