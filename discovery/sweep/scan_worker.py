"""The process that scans accounts for another: `python -m discovery.sweep`.

It opens AWS for itself, with the agent's own credentials, and keeps roles, connections and what it
read between scans. It ends when its stdin does, so it never outlives who started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from discovery.aws.accounts import Identity
from discovery.aws.answer_dates import collect_dates
from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.config.secrets import Secret, resolve_external_id
from discovery.model.clock import utc_now
from discovery.model.codes import ScopeReason
from discovery.model.garbage import collect_from_now_on
from discovery.model.values import Scanned
from discovery.sweep.account_scan import AccountScan, AccountTargets, AccountTask, ScanQuery
from discovery.sweep.scan_frames import (
    Done,
    Events,
    Found,
    Open,
    Refused,
    Scan,
    Stop,
    read_frame,
    write_frame,
)

_FLUSH_AFTER_S = 0.05
"""Results wait so long for others: a frame costs more than what is in it."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Scan what is asked for until there is nobody to ask."""
    opening = await read_frame(reader)
    if not isinstance(opening, Open):
        return
    try:
        async with open_cloud(opening.settings, resolve=_secret, clock=utc_now) as cloud:
            _check_same_identity(cloud.identity, opening.identity)
            await _Scans(cloud, writer).serve(reader)
    except AwsCallFailed as failed:
        write_frame(writer, Refused(failed.error))
        await writer.drain()


def _check_same_identity(found: Identity, expected: Identity) -> None:
    """Check that this process is the agent that it scans for (R11). Raises: AwsCallFailed."""
    if (found.account_id, found.partition) != (expected.account_id, expected.partition):
        raise AwsCallFailed(
            AwsError(
                ScopeReason.WRONG_ACCOUNT,
                f"a process that scans has credentials of account {found.account_id}, and the "
                f"agent those of {expected.account_id}; let both find the same ones",
            )
        )


def _secret(reference: str) -> Secret:
    return resolve_external_id(reference, os.environ)


class _Scans:
    """The scans that are asked for, one at a time."""

    def __init__(self, cloud: Cloud, writer: asyncio.StreamWriter) -> None:
        self._cloud = cloud
        self._writer = writer
        self._slots = asyncio.Semaphore(cloud.settings.concurrency)
        self._number = 0
        self._query: ScanQuery | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._found: list[Found] = []
        self._flushing: asyncio.TimerHandle | None = None

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Take requests until the stream ends. Raises: what a scan of an account raises."""
        try:
            while (request := await read_frame(reader)) is not None:
                if isinstance(request, Scan):
                    await self._stop()
                    self._number, self._query = request.number, request.query
                elif isinstance(request, Stop) and request.number == self._number:
                    await self._stop()
                elif isinstance(request, AccountTask):
                    self._start(request)
        finally:
            await self._stop()

    def _start(self, task: AccountTask) -> None:
        assert self._query is not None  # noqa: S101 - accounts come after their scan
        if task.entry is not None:
            self._cloud.accounts.add_entry(task.entry)
        scanning = asyncio.create_task(self._scan(task, self._query))
        self._tasks.add(scanning)
        scanning.add_done_callback(self._ended)

    async def _scan(self, task: AccountTask, query: ScanQuery) -> None:
        with collect_dates() as dates:
            await AccountScan(self._cloud, query, task, self._slots, self).run()
        self._add(Done(task.account_id, dates.value))

    def _ended(self, scanning: asyncio.Task[None]) -> None:
        self._tasks.discard(scanning)
        if not scanning.cancelled() and (error := scanning.exception()) is not None:
            # A defect. Whoever waits sees the stream end, and stderr has the traceback.
            sys.excepthook(type(error), error, error.__traceback__)
            self._writer.close()
            os._exit(1)

    async def _stop(self) -> None:
        stopped = tuple(self._tasks)
        for scanning in stopped:
            scanning.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)
        self._flush()

    def add_result(self, result: Scanned) -> None:
        """Send the result of a scope, or of an account."""
        self._add(result)

    def set_targets(self, targets: AccountTargets) -> None:
        """Send what is known of an account's scopes now."""
        self._add(targets)

    def _add(self, found: Found) -> None:
        self._found.append(found)
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            self._flushing = loop.call_later(_FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._found:
            write_frame(self._writer, Events(self._number, tuple(self._found)))
            self._found = []


async def main() -> None:
    """Serve on stdin and stdout."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Those are for who started this process, and is going to close the pipe.
        loop.add_signal_handler(name, lambda: None)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    # What anybody prints goes to stderr: between two frames it would end the conversation.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    protocol: Any = asyncio.streams.FlowControlMixin
    transport, made = await loop.connect_write_pipe(protocol, answers)
    await serve(reader, asyncio.StreamWriter(transport, made, reader, loop))


def run() -> None:
    """Serve until stdin ends, as a process of its own."""
    collect_from_now_on()
    asyncio.run(main())
