"""Open cloud, control plane and state of a configuration, and run a sweep or an audit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.queue import Queue, open_queue
from discovery.cli.control_planes import open_reader, open_writer, print_preflight
from discovery.cli.interruption import Interruption
from discovery.cli.progress import OnProgress
from discovery.cli.settings import configuration_as
from discovery.cli.state_file import (
    state_place,
    with_readable_state,
    with_state_file,
    writable_state,
)
from discovery.config.load import load_config, locate
from discovery.config.model import Config
from discovery.config.partitions import partition_problems
from discovery.config.problems import ConfigError, Problem
from discovery.config.rules import build_rules
from discovery.config.secrets import Secret, resolve_external_id
from discovery.config.service import queue_for
from discovery.config.service_secrets import check_secrets
from discovery.model.clock import utc_now
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter
from discovery.reports.report import Report
from discovery.service.connections import Connections
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.scan_workers import open_workers
from discovery.sweep.sweep import audit, sweep
from state.lock import this_process
from state.store import load_state

log = structlog.get_logger()

AddToReport = Callable[[Report, SweepContext], Awaitable[Report]]
"""Adds to the report of an audit what takes its open connections to find out."""


async def run_audit(
    path: Path,
    request: SweepRequest,
    interruption: Interruption,
    on_progress: OnProgress | None,
    *,
    identity_file: Path | None = None,
    on_finished: Callable[[Cloud], None] | None = None,
    add: AddToReport | None = None,
) -> Report:
    """Run an audit, which has no way to write (R5), and return its report.

    `identity_file`: an operator's, to read with in place of the agent's. `on_finished` is given
    the cloud that was read. Raises: what opening connections raises, before any account is read;
    click.UsageError; what `add` raises.
    """
    named = configuration_as(path, identity_file)
    async with (
        open_context(named, path, interruption, on_progress) as context,
        with_readable_state(named, request.scope_filter.shard) as config,
        open_reader(config) as control_plane,
    ):
        if request.asks_control_plane:
            await print_preflight(control_plane, config)
        state = load_state(config.state.path)
        interruption.in_sweep = True
        report = await audit(context, request, control_plane=control_plane, state=state)
        if on_finished is not None:
            on_finished(context.cloud)
        return report if add is None else await add(report, context)


async def run_sweep(
    path: Path,
    request: SweepRequest,
    interruption: Interruption,
    on_progress: OnProgress | None,
    *,
    lock_timeout: timedelta,
) -> Report:
    """Run one sweep while the state is locked, and return its report.

    Raises: what opening connections raises, before any account is read.
    """
    named = load_config(path)
    place = state_place(named, request.scope_filter.shard)
    holder = this_process("sweep", utc_now())
    async with (
        open_context(named, path, interruption, on_progress) as context,
        writable_state(place, wait=lock_timeout, holder=holder) as store,
        open_writer(config := with_state_file(named, place.file)) as control_plane,
    ):
        await print_preflight(control_plane, config)
        interruption.in_sweep = True
        return await sweep(context, request, control_plane=control_plane, store=store)


@asynccontextmanager
async def open_service(
    path: Path, interruption: Interruption, shard: Shard | None
) -> AsyncIterator[Connections]:
    """Open the connections of the service, from the configuration as it is now.

    Raises: what opening connections raises.
    """
    config = load_config(path)
    place = state_place(config, shard)
    check_secrets(config.service, os.environ)
    async with (
        open_context(config, path, interruption, None) as context,
        open_writer(with_state_file(config, place.file)) as control_plane,
    ):
        await print_preflight(control_plane, config)
        queue = _queue(context.cloud, config, path, shard)
        yield Connections(context, control_plane, queue, shard)


def _queue(cloud: Cloud, config: Config, path: Path, shard: Shard | None) -> Queue | None:
    """Open the queue of change events for this process; None without one. Raises: ConfigError."""
    if config.service.events is None:
        return None
    try:
        return open_queue(cloud, queue_for(config.service.events.queue_url, shard))
    except ValueError as error:
        raise ConfigError([Problem(str(error))], str(path)) from error


async def list_our_databases(path: Path, scope_filter: ScopeFilter) -> tuple[Database, ...]:
    """List our registered databases in some scopes. Raises: ConfigError, ControlPlaneError."""
    async with (
        with_readable_state(load_config(path)) as config,
        open_reader(config) as control_plane,
    ):
        listed = await control_plane.list_databases()
    ours = ((owner_of(one, config.group), one) for one in listed)
    return tuple(
        one
        for owner, one in ours
        if isinstance(owner, CacheArn) and scope_filter.covers(owner.scope)
    )


@asynccontextmanager
async def open_context(
    config: Config, path: Path, interruption: Interruption, on_progress: OnProgress | None
) -> AsyncIterator[SweepContext]:
    """Open the cloud and build the rules. Raises: SecretError, ConfigError, AwsCallFailed."""
    rules = build_rules(config, _secret)
    async with (
        open_cloud(config.aws, resolve=_secret, clock=utc_now) as cloud,
        open_workers(config.aws, cloud.identity) as workers,
    ):
        problems = partition_problems(config, cloud.identity.partition)
        if problems:
            raise locate(problems, path)
        if cloud.endpoints:
            log.info("aws.endpoints_overridden", endpoints=dict(cloud.endpoints))
        yield SweepContext(
            config=config,
            rules=rules,
            cloud=cloud,
            clock=utc_now,
            stop=interruption.stop,
            on_progress=on_progress,
            workers=workers,
        )


def _secret(reference: str) -> Secret:
    return resolve_external_id(reference, os.environ)
