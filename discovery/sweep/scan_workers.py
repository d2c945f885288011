"""Share the scan out to processes, one a core (`aws.workers`).

An account always goes to the same process, so that roles, connections and what was read of it serve
the next scan. A process that ends early takes with it the accounts that it was at: their scopes
failed, and nothing else. The next scan starts another.
"""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from discovery.aws.accounts import Identity
from discovery.aws.errors import AwsError
from discovery.config.aws import Aws
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Skipped
from discovery.plan.defect import defect
from discovery.sweep.account_scan import AccountTargets, AccountTask, ScanEvents, ScanQuery
from discovery.sweep.scan_frames import (
    Done,
    Found,
    Open,
    Refused,
    Request,
    Scan,
    Stop,
    read_frame,
    write_frame,
)

log = structlog.get_logger()

SCOPES_WORTH_A_PROCESS = 1500
"""With `auto`, one process for so many scopes: starting it costs as much as scanning these."""

_MODULE = "discovery.sweep"
_END_S = 5.0
"""How long a process may take to end once nobody asks it any more."""


class ScanWorkers:
    """The processes that scan, started by the first scan that is worth them."""

    def __init__(self, settings: Aws, identity: Identity) -> None:
        self._settings = settings
        self._identity = identity
        self._workers: list[_Worker] = []
        self._number = 0

    async def start_scan(self, query: ScanQuery, scopes: int) -> WorkerScan | None:
        """Start a scan of about so many scopes; None when this process does it better alone."""
        count = processes_for(self._settings, scopes, cores=len(os.sched_getaffinity(0)))
        if count < 2:
            return None
        alive = [worker for worker in self._workers if worker.is_alive]
        if len(self._workers) != count or len(alive) < count:
            try:
                await self._replace(alive if len(self._workers) == count else [], count)
            except OSError as error:
                log.warning("scan.no_workers", error=str(error))
                return None
        self._number += 1
        for worker in self._workers:
            worker.send(Scan(self._number, query))
        return WorkerScan(self._workers, self._number)

    async def _replace(self, kept: list[_Worker], count: int) -> None:
        """Start those that are missing; each keeps its place, and so its accounts.

        Raises: OSError, when one cannot be started; then there are none.
        """
        places = self._workers if len(self._workers) == count else [None] * count
        await asyncio.gather(*(each.close() for each in self._workers if each not in kept))
        share = max(1, self._settings.concurrency // count)
        opening = Open(self._settings.model_copy(update={"concurrency": share}), self._identity)
        self._workers = list(kept)
        try:
            for place, worker in enumerate(places):
                if worker not in kept:
                    self._workers.insert(place, await _Worker.start(opening))
        except OSError:
            await self.close()
            self._workers = []
            raise

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.close() for worker in self._workers))


@asynccontextmanager
async def open_workers(settings: Aws, identity: Identity) -> AsyncIterator[ScanWorkers]:
    """Have processes that scan for the time of the context, if the configuration wants any."""
    workers = ScanWorkers(settings, identity)
    try:
        yield workers
    finally:
        await workers.close()


def processes_for(settings: Aws, scopes: int, *, cores: int) -> int:
    """Choose how many processes scan so many scopes; less than two: none beside this one."""
    if settings.workers != "auto":
        return settings.workers
    return min(cores, scopes // SCOPES_WORTH_A_PROCESS)


def place_of(account_id: AccountId, *, processes: int) -> int:
    """Tell which of the processes scans an account; the same in every scan."""
    return zlib.crc32(account_id.encode()) % processes


class WorkerScan:
    """One scan that is shared out."""

    def __init__(self, workers: Sequence[_Worker], number: int) -> None:
        self._workers = workers
        self._number = number

    async def scan(self, task: AccountTask, events: ScanEvents) -> datetime | AwsError | None:
        """Scan an account; return AWS's time, or why the rest of the account was not scanned."""
        place = place_of(task.account_id, processes=len(self._workers))
        return await self._workers[place].scan(task, events)

    def stop(self) -> None:
        """Scan no further account; what is still found is dropped."""
        for worker in self._workers:
            worker.send(Stop(self._number))
            worker.forget_accounts()


@dataclass(slots=True)
class _Account:
    """An account that is being scanned elsewhere."""

    events: ScanEvents
    ended: asyncio.Future[datetime | AwsError | None]


class _Worker:
    """One process that scans."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 - it was started with pipes
        self._process = process
        self._stdin = process.stdin
        self._accounts: dict[AccountId, _Account] = {}
        self._number = 0
        self._end: AwsError | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, opening: Open) -> _Worker:
        """Start a process, which opens AWS at once."""
        # -P: a directory `discovery` in the working directory is none of ours.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _MODULE, stdin=PIPE, stdout=PIPE
        )
        worker = cls(process)
        worker.send(opening)
        return worker

    @property
    def is_alive(self) -> bool:
        return self._end is None

    def send(self, request: Request) -> None:
        """Send a request; to a process that has ended, nothing."""
        if isinstance(request, Scan):
            self._number = request.number
        if self.is_alive:
            write_frame(self._stdin, request)

    async def scan(self, task: AccountTask, events: ScanEvents) -> datetime | AwsError | None:
        if self._end is not None:
            return self._end
        account = _Account(events, asyncio.get_running_loop().create_future())
        self._accounts[task.account_id] = account
        self.send(task)
        return await account.ended

    def forget_accounts(self) -> None:
        self._accounts.clear()

    async def close(self) -> None:
        """End the process: its stdin is closed, and after a while it is killed."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        """Pass on what the process finds, until it ends."""
        end = None
        try:
            end = await self._read_answers()
        except Exception as error:
            self._process.kill()
            why = defect("what another process found", "read", error)
            end = AwsError(ScopeReason.MALFORMED, why)
        self._end = end or _ended_early(await self._process.wait())
        for account in self._accounts.values():
            account.ended.set_result(self._end)
        self._accounts.clear()

    async def _read_answers(self) -> AwsError | None:
        """Pass on answers to the last; return why the process ends, if it says so."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with pipes
        end = None
        while (answer := await read_frame(self._process.stdout)) is not None:
            if isinstance(answer, Refused):
                end = answer.error
            elif answer.number == self._number:
                for found in answer.found:
                    self._pass_on(found)
        return end

    def _pass_on(self, found: Found) -> None:
        at = found.scope if isinstance(found, Complete | Failed | Skipped) else found
        account = self._accounts.get(at.account_id)
        if account is None:
            return
        if isinstance(found, Done):
            del self._accounts[at.account_id]
            account.ended.set_result(found.aws_time)
        elif isinstance(found, AccountTargets):
            account.events.set_targets(found)
        else:
            account.events.add_result(found)


def _ended_early(status: int) -> AwsError:
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return AwsError(
        ScopeReason.UNREACHABLE,
        f"the process that scanned it ended {how} before it was done; the next sweep starts "
        "another. If it goes on, look at the memory that processes may take, or set aws.workers to "
        "1",
    )
