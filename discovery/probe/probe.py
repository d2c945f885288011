"""Log in to many caches, a few at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from discovery.aws.accounts import read_identity
from discovery.aws.answer_dates import collect_dates
from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsCallFailed
from discovery.model.codes import ProbeStep
from discovery.probe.credentials import Credentials, credentials_for
from discovery.probe.diagnose import LoginContext, diagnose
from discovery.probe.failures import Failure, FailureKind
from discovery.probe.hosts import Hosts
from discovery.probe.login import Login, Server, try_login
from discovery.probe.targets import Target
from discovery.reports.probes import ProbedLogin

TIMEOUT: Final = timedelta(seconds=5)
"""Longest that one login may take, unless somebody says otherwise."""
CONCURRENCY: Final = 20
"""Caches that are probed at once."""

_BEFORE_USER: Final = frozenset({ProbeStep.RESOLVE, ProbeStep.TCP, ProbeStep.TLS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """Logs in to caches of one cloud."""

    cloud: Cloud
    hosts: Hosts
    timeout: timedelta = TIMEOUT
    concurrency: int = CONCURRENCY
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """When set, no further cache is begun."""
    clock_skew: timedelta | None = None

    async def probe(self, targets: Iterable[Target]) -> tuple[ProbedLogin, ...]:
        """Log in to each cache as each of its users, in order."""
        skew = await measure_clock_skew(self.cloud)
        prober = replace(self, clock_skew=skew)
        slots = asyncio.Semaphore(self.concurrency)

        async def work(target: Target) -> tuple[ProbedLogin, ...]:
            async with slots:
                return () if self.stop.is_set() else await prober._probe_cache(target)  # noqa: SLF001

        found = await asyncio.gather(*(work(target) for target in targets))
        return tuple(login for logins in found for login in logins)

    async def _probe_cache(self, target: Target) -> tuple[ProbedLogin, ...]:
        """One login for each user; a failure that no user can change is told once."""
        if target.endpoint is None:
            failure = Failure(ProbeStep.RESOLVE, FailureKind.NO_ENDPOINT)
            return (self._result(target, None, failure, None, 0.0),)
        server = self.hosts.server(target.endpoint, target.cache.partition)
        if server is None:
            failure = Failure(ProbeStep.RESOLVE, FailureKind.NOT_AWS)
            return (self._result(target, None, failure, None, 0.0),)
        credentials = await credentials_for(target, self.cloud)
        found: list[ProbedLogin] = []
        for user in target.users or (None,):
            found.append(await self._log_in(target, server, user, credentials))
            if found[-1].user is None:
                break
        return tuple(found)

    async def _log_in(
        self, target: Target, server: Server, user: str | None, credentials: Credentials
    ) -> ProbedLogin:
        started = time.monotonic()
        login = _login(user, credentials)
        failure = await try_login(server, login, self.hosts.tls, self.timeout.total_seconds())
        if failure is not None and failure.step in _BEFORE_USER:
            user = None
        if failure is not None and failure.kind is FailureKind.NO_CREDENTIALS:
            failure = _without_login(failure, user, credentials)
        return self._result(target, user, failure, credentials, time.monotonic() - started)

    def _result(
        self,
        target: Target,
        user: str | None,
        failure: Failure | None,
        credentials: Credentials | None,
        took_s: float,
    ) -> ProbedLogin:
        signer = credentials.who if credentials is not None else ""
        as_teleport = credentials is not None and credentials.as_teleport
        context = LoginContext(
            user=user,
            judgement=target.judgement,
            signer=signer,
            as_teleport=as_teleport,
            clock_skew=self.clock_skew,
        )
        diagnosis = diagnose(failure, context)
        return ProbedLogin(
            cache=target.cache,
            name=target.name,
            endpoint=target.endpoint,
            user=user,
            signer=signer,
            as_teleport=as_teleport,
            outcome=diagnosis.outcome,
            step=ProbeStep.PING if failure is None else failure.step,
            at=self.cloud.clock(),
            took=timedelta(seconds=took_s),
            cause=diagnosis.cause,
            remedy=diagnosis.remedy,
        )


def _login(user: str | None, credentials: Credentials) -> Login | None:
    """Sign the token; None without a user or credentials."""
    if user is None or credentials.sign is None:
        return None
    return Login(user, credentials.sign(user))


def _without_login(failure: Failure, user: str | None, credentials: Credentials) -> Failure:
    """Say why nobody logged in."""
    if user is None:
        return replace(failure, kind=FailureKind.NO_USER)
    return replace(failure, detail=credentials.problem)


async def measure_clock_skew(cloud: Cloud) -> timedelta | None:
    """Measure how far this host's clock is ahead of AWS's; None when AWS does not say."""
    with collect_dates() as latest:
        try:
            await read_identity(cloud.accounts.own_session(cloud.home_region))
        except AwsCallFailed:
            return None
    return None if latest.value is None else cloud.clock() - latest.value
