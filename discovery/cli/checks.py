"""Run every check of `cachemuster doctor` in parallel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from discovery.aws.accounts import Identity
from discovery.aws.cloud import default_region, open_cloud
from discovery.aws.errors import AwsCallFailed
from discovery.aws.objects import open_bucket
from discovery.cli.progress import OnProgress
from discovery.cli.state_file import state_place
from discovery.config.control_plane import Embedded
from discovery.config.model import Config
from discovery.config.partitions import partition_of_region, partition_problems
from discovery.config.secrets import Secret, SecretError, resolve_external_id
from discovery.config.service_secrets import secret_problems
from discovery.doctor.aws import check_aws
from discovery.doctor.control_plane import check_registry, check_teleport
from discovery.doctor.notify import check_sinks
from discovery.doctor.queue import check_queue
from discovery.doctor.snapshot import check_snapshot
from discovery.doctor.state import check_state_file, load_readable_state
from discovery.model.clock import utc_now
from discovery.model.values import Scope
from discovery.plan.targets import ScopeFilter, registered_scopes
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.snapshot.place import StatePlace
from state.records import RememberedState


async def run_checks(
    config: Config,
    path: Path,
    scope_filter: ScopeFilter,
    on_progress: OnProgress | None,
    *,
    notify: bool = False,
) -> tuple[Check, ...]:
    """Run the checks of configuration, AWS, control plane and state, and list them in this order.

    `notify`: also send a test to every webhook of `service.notify`.

    Raises: NoSuchScope, once every check has ended.
    """
    settings = config.control_plane
    place = state_place(config, scope_filter.shard)
    in_bucket, state = await _state_in_bucket(place, config)
    if place.snapshot is None:
        state = await asyncio.to_thread(load_readable_state, config.state.path)
    registering = (
        check_registry(settings, config.group)
        if isinstance(settings, Embedded)
        else check_teleport(config, settings, state, utc_now)
    )
    known = registered_scopes(state) if state is not None else frozenset()
    # Each to its end, whatever comes of the others: a write that is tried is taken back.
    found = await asyncio.gather(
        _aws(config, path, scope_filter, on_progress, known),
        registering,
        _made(in_bucket)
        if place.snapshot is not None
        else asyncio.to_thread(check_state_file, config, utc_now()),
        check_sinks(config, utc_now(), os.environ) if notify else _made(()),
        return_exceptions=True,
    )
    checks: list[Check] = []
    for each in found:
        if isinstance(each, BaseException):
            raise each
        checks += each
    return (*_configuration(config, path), *checks)


def _configuration(config: Config, path: Path) -> Iterator[Check]:
    yield _check(Area.CONFIGURATION, path, CheckStatus.OK, f"group {config.group}")
    connects = (each.connect for each in config.matchers if each.connect is not None)
    for reference in sorted({each.external_id for each in connects if each.external_id}):
        try:
            _secret(reference)
        except SecretError as error:
            yield _check(Area.CONFIGURATION, reference, CheckStatus.FAIL, f"{error}; put it there")
    for reference, problem in secret_problems(config.service, os.environ).items():
        if problem is not None:
            text = f"{problem}; `run` does not start without it"
            yield _check(Area.CONFIGURATION, reference, CheckStatus.FAIL, text)


async def _made(made: tuple[Check, ...]) -> tuple[Check, ...]:
    return made


async def _state_in_bucket(
    place: StatePlace, config: Config
) -> tuple[tuple[Check, ...], RememberedState | None]:
    """Check a snapshot before all else: what it remembers tells what else there is to check."""
    if place.snapshot is None:
        return (), None
    try:
        region = default_region(config.aws.profile)
        usage = AwsUsage.of(config, Hub("", partition_of_region(region or ""), ""), region)
        async with open_bucket(config.aws, place.snapshot.bucket, clock=utc_now) as bucket:
            return await check_snapshot(bucket, place.snapshot, usage, utc_now())
    except AwsCallFailed as error:
        return (_check(Area.STATE, place, CheckStatus.FAIL, str(error)),), None


async def _aws(
    config: Config,
    path: Path,
    scope_filter: ScopeFilter,
    on_progress: OnProgress | None,
    registered: frozenset[Scope],
) -> tuple[Check, ...]:
    try:
        async with open_cloud(config.aws, resolve=_secret, clock=utc_now) as cloud:
            foreign = partition_problems(config, cloud.identity.partition)
            if foreign:
                return tuple(
                    _check(Area.CONFIGURATION, path, CheckStatus.FAIL, str(each))
                    for each in foreign
                )
            default = default_region(config.aws.profile)
            usage = AwsUsage.of(config, _hub(cloud.identity), default)
            checks = await check_aws(cloud, usage, scope_filter, on_progress, registered)
            return (*checks, *await check_queue(cloud, usage, scope_filter.shard))
    except AwsCallFailed as error:
        text = f"{error}. Nothing else of AWS was tried"
        return (_check(Area.CREDENTIALS, "the agent's own", CheckStatus.FAIL, text),)


def _hub(identity: Identity) -> Hub:
    """The identity to write policies for; a federated user or root account is taken as it is."""
    try:
        return Hub.of(identity.arn)
    except ValueError:
        return Hub(identity.arn, identity.partition, identity.account_id)


def _secret(reference: str) -> Secret:
    return resolve_external_id(reference, os.environ)


def _check(area: Area, subject: object, outcome: CheckStatus, message: str) -> Check:
    return Check(area=area, subject=str(subject), outcome=outcome, message=message)
