"""Build the result of scanning one scope, with its time and message."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from discovery.aws.errors import AwsError
from discovery.aws.scope_reader import ScopeReading
from discovery.model.codes import NoteCode, ScopeReason
from discovery.model.values import Clock, Complete, Failed, Note, Scope, Skipped
from discovery.plan.backoff import Backoff


class ScanResultBuilder:
    """Builder of the result of one scope; measures time from its construction."""

    def __init__(self, clock: Clock) -> None:
        self.started_at = clock()
        self._started_s = asyncio.get_running_loop().time()

    def _took_s(self) -> float:
        return round(asyncio.get_running_loop().time() - self._started_s, 3)

    def complete(self, scope: Scope, reading: ScopeReading, calls: int) -> Complete:
        """Build the result of a scope that was read to its end."""
        return Complete(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message="; ".join(note.message for note in reading.notes),
            notes=reading.notes,
            caches=reading.caches,
            users_and_groups=reading.users_and_groups,
        )

    def failed(self, scope: Scope, error: AwsError, calls: int) -> Failed:
        """Build the result of a scope that could not be read."""
        return Failed(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message=_with_consequence(error.message),
            reason=error.reason,
        )

    def unlisted(self, scope: Scope, error: AwsError, read: int, calls: int) -> Failed:
        """Build the result for an organization whose list of accounts ended early."""
        return Failed(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message=f"the organization's accounts are not all known; the {read} that were listed "
            f"are scanned, registrations of all others stay as they are: {error.message}",
            reason=error.reason,
        )

    def not_enabled(self, scope: Scope, calls: int) -> Skipped:
        """Build the result of a region that is not enabled in its account."""
        return Skipped(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message=f"region {scope.region} is not enabled in account {scope.account_id}",
            reason=ScopeReason.REGION_NOT_ENABLED,
        )

    def backing_off(self, scope: Scope, backoff: Backoff) -> Failed:
        """Build the result of a scope that keeps failing and is not asked for a while."""
        return Failed(
            scope=scope,
            started_at=self.started_at,
            message=f"not asked: it has failed {backoff.failures} times in a row since "
            f"{backoff.since:%Y-%m-%d %H:%M} UTC, last with {backoff.reason}. It is asked again "
            f"after {backoff.until:%H:%M} UTC, and at once by a sweep that is started manually. "
            "Nothing registered there is removed or changed",
            reason=backoff.reason,
            notes=(
                Note(
                    NoteCode.BACKING_OFF,
                    str(scope),
                    f"asked again after {backoff.until:%Y-%m-%d %H:%M} UTC",
                ),
            ),
        )

    def not_reached(self, scope: Scope, limit: timedelta) -> Skipped:
        """Build the result of a scope that the scan's deadline left unread."""
        return Skipped(
            scope=scope,
            started_at=self.started_at,
            message=f"not read within the {limit.total_seconds():g} s that a sweep may take. "
            "Nothing registered there is removed or changed; raise service.sweep_timeout, or "
            "divide the accounts among shards",
            reason=ScopeReason.NOT_IN_RUN,
            past_deadline=True,
        )


def _with_consequence(message: str) -> str:
    """Add that nothing changes between what happened and the advice.

    Errors give their advice after the last semicolon.
    """
    happened, semicolon, advice = message.rpartition("; ")
    unchanged = "Nothing registered there is removed or changed"
    return f"{happened}. {unchanged}; {advice}" if semicolon else f"{message}. {unchanged}"
