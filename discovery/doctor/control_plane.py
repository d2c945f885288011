"""Check what the control plane lets the agent do.

Nothing is created, changed or removed: writes are tried on a name that does not exist, where "it
does not exist" is said only to those who may write.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from discovery.config.control_plane import Embedded as EmbeddedSettings
from discovery.config.control_plane import Teleport as TeleportSettings
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlaneError, Denied, NotFound
from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from discovery.control_plane.teleport.client import Teleport
from discovery.control_plane.teleport.connection import is_too_old
from discovery.control_plane.teleport.preflight import Preflight, preflight
from discovery.model.ownership import (
    ARN_LABEL,
    GROUP_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CacheArn,
    owner_of,
)
from discovery.model.values import Clock, Database, ResourceName
from discovery.policies.teleport import DB_VERBS
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.reports.summary import counted
from state.records import RememberedState

REACH_DEADLINE: Final = timedelta(seconds=10)
"""How long all attempts to connect may take together: somebody waits for the answer."""

_RULE: Final = {"resources": ["db"], "verbs": list(DB_VERBS)}


async def check_registry(settings: EmbeddedSettings, group: str) -> tuple[Check, ...]:
    """Check that a local registry file can be read and written."""
    reader = EmbeddedReader(settings.path)
    try:
        listed = await reader.list_databases()
    except ControlPlaneError as error:
        return (_check(settings.path, CheckStatus.FAIL, str(error)),)
    ours = sum(1 for each in listed if isinstance(owner_of(each, group), CacheArn))
    listing = _check(
        settings.path,
        CheckStatus.OK,
        f"{counted(len(listed), 'database')}, {ours} of group {group}",
        "list",
    )
    absent = await asyncio.to_thread(_check_missing_file, settings.path)
    if absent is not None:
        return (listing, absent)
    async with Embedded(settings.path) as registry:
        return (listing, await _try_call(settings.path, "write", registry.delete(_unused_name())))


def _check_missing_file(path: Path) -> Check | None:
    """Check the directory of a registry file that does not exist yet; None when it does."""
    if path.exists():
        return None
    if os.access(path.parent, os.W_OK | os.X_OK):
        return _check(path, CheckStatus.OK, "not there yet; the first sweep makes it", "write")
    text = f"there is no such file, and {path.parent} cannot be written to"
    return _check(path, CheckStatus.FAIL, f"{text}: create it, or name another file", "write")


async def check_teleport(
    config: Config,
    settings: TeleportSettings,
    state: RememberedState | None,
    clock: Clock,
    *,
    reach_deadline: timedelta = REACH_DEADLINE,
) -> tuple[Check, ...]:
    """Check the cluster, the verbs of our role, and who serves our databases."""
    async with Teleport(settings, clock=clock) as teleport:
        problem = await _why_unreachable(teleport, settings.address, reach_deadline)
        if problem is not None:
            return (_check(settings.address, CheckStatus.FAIL, problem),)
        found = await preflight(teleport, config.group)
        if found.peer is None:
            return tuple(
                _check(settings.address, CheckStatus.FAIL, each) for each in found.problems
            )
        cluster = found.peer.cluster
        checks = [*_check_cluster(found, config.group, clock), *_check_list(found)]
        name = _unused_name()
        checks.append(await _try_call(cluster, "read", teleport.get(name)))
        database = _sample_database(name, config.group)
        checks.append(await _try_call(cluster, "update", teleport.update(database)))
        checks.append(await _try_call(cluster, "delete", teleport.delete(name)))
    checks.append(_check_create(cluster, state))
    return tuple(checks)


async def _why_unreachable(teleport: Teleport, address: object, deadline: timedelta) -> str | None:
    """Connect, with retries, and say why that failed or took too long; None when it worked."""
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            await teleport.peer()
    except ControlPlaneError as error:
        return str(error)
    except TimeoutError:
        return (
            f"{address} did not answer within {deadline.total_seconds():g} s, all attempts "
            "included: see that the address is right and that firewalls on the way let this host "
            "connect to its port"
        )
    return None


def _check_cluster(found: Preflight, group: str, clock: Clock) -> Iterator[Check]:
    """Yield who answers, and warnings about the cluster."""
    assert found.peer is not None  # noqa: S101 - the caller has looked
    cluster = found.peer.cluster
    about, *remarks = found.lines(group, clock())
    outcome = CheckStatus.WARN if is_too_old(found.peer.version) else CheckStatus.OK
    yield _check(cluster, outcome, about)
    for each in remarks:
        if not each.startswith("Databases cannot be listed"):
            yield _check(cluster, CheckStatus.WARN, each)
    if found.services and not found.unserved:
        yield _check(cluster, CheckStatus.OK, _service_note(found.services))


def _service_note(services: int) -> str:
    if services == 1:
        return "the one Database Service takes what is registered"
    return f"{services} Database Services, of which at least one takes each registered database"


def _check_list(found: Preflight) -> Iterator[Check]:
    assert found.peer is not None  # noqa: S101 - the caller has looked
    cluster = found.peer.cluster
    if found.ours is not None:
        yield _check(cluster, CheckStatus.OK, "allowed", "list")
    for each in found.problems:
        if each.startswith("Databases cannot be listed"):
            yield _check(cluster, CheckStatus.FAIL, each, "list", _RULE)


async def _try_call(subject: object, verb: str, call: Awaitable[Any]) -> Check:
    """Check a verb: it is allowed when the control plane says that nothing has this name."""
    try:
        await call
    except NotFound:
        return _check(subject, CheckStatus.OK, "allowed", verb)
    except Denied as error:
        return _check(subject, CheckStatus.FAIL, str(error), verb, _RULE)
    except ControlPlaneError as error:
        outcome = CheckStatus.WARN if error.retryable else CheckStatus.FAIL
        return _check(subject, outcome, str(error), verb)
    return _check(subject, CheckStatus.OK, "allowed", verb)


def _check_create(cluster: str, state: RememberedState | None) -> Check:
    """Check creating by what was registered before: it cannot be tried without creating."""
    identity = state.identity if state is not None else None
    known = state is not None and identity is not None and identity.cluster == cluster
    if known and state is not None and state.registrations:
        count = counted(len(state.registrations), "registration")
        return _check(cluster, CheckStatus.OK, f"state remembers {count} in this cluster", "create")
    text = (
        "not tried, because it would register something: see that the role has the verb. "
        "`cachemuster policies teleport-bot-role` prints one that does"
    )
    return _check(cluster, CheckStatus.WARN, text, "create", _RULE)


def _unused_name() -> ResourceName:
    return ResourceName(f"cachemuster-doctor-{secrets.token_hex(8)}")


def _sample_database(name: ResourceName, group: str) -> Database:
    """A database as an update of ours looks like, of a name that does not exist."""
    region, account_id = "us-east-1", "000000000000"
    return Database(
        name=name,
        labels={
            MANAGED_BY_LABEL: MANAGED_BY,
            GROUP_LABEL: group,
            ARN_LABEL: f"arn:aws:elasticache:{region}:{account_id}:serverlesscache:{name}",
        },
        description="tried by cachemuster doctor",
        spec={
            "protocol": "redis",
            "uri": f"{name}.invalid:6379",
            "aws": {
                "region": region,
                "account_id": account_id,
                "elasticache_serverless": {"cache_name": str(name)},
            },
        },
    )


def _check(
    subject: object,
    outcome: CheckStatus,
    message: str,
    verb: str | None = None,
    rule: Any = None,
) -> Check:
    return Check(
        area=Area.CONTROL_PLANE,
        subject=str(subject),
        outcome=outcome,
        message=message,
        action=verb and f"db:{verb}",
        statement=rule,
    )
