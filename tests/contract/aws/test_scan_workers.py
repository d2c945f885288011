"""A scan that is shared out to processes finds what one finds, and loses what they lose."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from discovery.aws.accounts import Identity
from discovery.aws.cloud import Cloud
from discovery.config.aws import Aws
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Scanned, Skipped
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep import scan_workers
from discovery.sweep.cancellation import Stopped, run_or_stop
from discovery.sweep.scan import Scan, scan
from discovery.sweep.scan_workers import ScanWorkers, open_workers
from state.records import RememberedState
from tests.contract.aws.conftest import HUB, Site, result_of
from tests.contract.aws.test_caches import LIST
from tests.support.teleport_client import until

MEMBERS = tuple(f"{number:012d}" for number in range(301, 309))
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


async def shared_scan(
    cloud: Cloud, workers: ScanWorkers | None, *, deadline: timedelta | None = None
) -> Scan:
    return await scan(
        cloud,
        scope_filter=ScopeFilter(),
        state=RememberedState(),
        at=BEFORE,
        deadline=deadline,
        workers=workers,
    )


@asynccontextmanager
async def opened(site: Site, **changes: object) -> AsyncIterator[tuple[Cloud, ScanWorkers]]:
    """A cloud with two processes beside it."""
    async with (
        site.cloud(workers=2, **changes) as cloud,
        open_workers(cloud.settings, cloud.identity) as workers,
    ):
        yield cloud, workers


def without_times(result: Scanned) -> Scanned:
    return replace(result, started_at=BEFORE, duration_s=0.0, calls=0)


def pids(workers: ScanWorkers) -> list[int]:
    return [worker._process.pid for worker in workers._workers]


@pytest.fixture
def members(site: Site) -> Site:
    for account_id in MEMBERS:
        site.member(account_id)
        site.place(account_id).add_user_group("grp", users=())
        site.place(account_id).add_cache("orders", group="grp", tags={"env": "prod"})
        site.place(account_id, "us-east-1").add_cache("logs", engine="memcached")
    return site


@pytest.mark.slow
async def test_two_processes_find_what_one_finds(members: Site) -> None:
    """Failures, regions by glob and AWS's time among them; then a deadline, a stop, and again."""
    site = members
    site.fault(Effect.DENIED, account=MEMBERS[2], **LIST)
    site.aws.world.account(MEMBERS[3]).roles.clear()
    async with opened(site, regions=["eu-*", "us-east-1"], scope_timeout="30s") as (cloud, workers):
        alone = await shared_scan(cloud, None)
        both = await shared_scan(cloud, workers)
        assert [without_times(each) for each in both.results] == [
            without_times(each) for each in alone.results
        ]
        assert both.targets == alone.targets
        assert [each.account_id for each in both.regions_read] == [
            each.account_id for each in alone.regions_read
        ]
        assert both.aws_time is not None
        assumed = site.asked("AssumeRole")
        slow = site.fault(Effect.LATENCY, account=MEMBERS[0], **LIST, delay_s=300)
        late = await shared_scan(cloud, workers, deadline=timedelta(seconds=2))
        unread = result_of(late, MEMBERS[0])
        assert isinstance(unread, Skipped)
        assert unread.reason is ScopeReason.NOT_IN_RUN
        assert isinstance(result_of(late, MEMBERS[1]), Complete)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, stop.set)
        with pytest.raises(Stopped):
            await run_or_stop(stop, shared_scan(cloud, workers))
        site.aws.faults.remove(slow)
        again = await shared_scan(cloud, workers)
        assert [without_times(each) for each in again.results] == [
            without_times(each) for each in alone.results
        ]
        # Sessions were kept; only the role that is denied was tried anew, once in each scan.
        assert site.asked("AssumeRole") <= assumed + 3
        started = pids(workers)
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.slow
async def test_a_process_that_is_killed_is_scopes_that_failed_and_nothing_else(
    members: Site,
) -> None:
    site = members
    places = {each: scan_workers.place_of(AccountId(each), processes=2) for each in MEMBERS}
    mine, other = ([each for each in MEMBERS if places[each] == place] for place in (0, 1))
    async with opened(site, scope_timeout="30s") as (cloud, workers):
        slow = site.fault(Effect.LATENCY, account=mine[0], **LIST, delay_s=300)
        scanning = asyncio.create_task(shared_scan(cloud, workers))
        await until(lambda: site.asked("DescribeServerlessCaches") >= len(MEMBERS))
        os.kill(pids(workers)[0], signal.SIGKILL)
        found = await scanning
        failed = result_of(found, mine[0])
        assert isinstance(failed, Failed)
        assert failed.reason is ScopeReason.UNREACHABLE
        assert "ended by signal 9" in failed.message
        assert "aws.workers" in failed.message
        assert all(isinstance(result_of(found, each), Complete) for each in other)
        site.aws.faults.remove(slow)
        kept = pids(workers)[1]
        again = await shared_scan(cloud, workers)
        assert all(isinstance(result_of(again, each), Complete) for each in MEMBERS)
        assert pids(workers)[1] == kept


@pytest.mark.slow
async def test_a_process_with_other_credentials_scans_nothing(members: Site) -> None:
    async with members.cloud(workers=2) as cloud:
        other = Identity(AccountId("999999999999"), "aws", "arn:aws:iam::999999999999:user/other")
        async with open_workers(cloud.settings, other) as workers:
            found = await shared_scan(cloud, workers)
    assert members.asked("DescribeServerlessCaches") == 0
    for account_id in (HUB, *MEMBERS):
        result = result_of(found, account_id, None)
        assert isinstance(result, Failed)
        assert result.reason is ScopeReason.WRONG_ACCOUNT


async def test_where_no_process_can_be_started_one_scans_alone(
    members: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with opened(members) as (cloud, workers):
        with capture_logs() as logs:
            found = await shared_scan(cloud, workers)
    assert all(isinstance(result_of(found, each), Complete) for each in MEMBERS)
    assert [(each["event"], each["log_level"]) for each in logs] == [("scan.no_workers", "warning")]


async def test_a_process_that_says_something_else_is_ended(
    members: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho hello, this is no frame\nexec cat >/dev/null\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    async with opened(members) as (cloud, workers):
        found = await shared_scan(cloud, workers)
    for account_id in MEMBERS:
        result = result_of(found, account_id, None)
        assert isinstance(result, Failed)
        assert result.reason is ScopeReason.MALFORMED


@pytest.mark.parametrize(
    ("configured", "cores", "scopes", "processes"),
    [
        (1, 8, 100_000, 1),
        (3, 1, 2, 3),
        ("auto", 8, 100, 1),
        ("auto", 8, 2999, 1),
        ("auto", 8, 3000, 2),
        ("auto", 8, 100_000, 8),
        ("auto", 1, 100_000, 1),
    ],
)
def test_how_many_processes_a_scan_is_worth(
    configured: object, cores: int, scopes: int, processes: int
) -> None:
    settings = Aws.model_validate({"workers": configured})
    assert max(1, scan_workers.processes_for(settings, scopes, cores=cores)) == processes
