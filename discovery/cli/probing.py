"""Scan, choose the caches and log in to them; or log in to those that an audit found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from discovery.cli.control_planes import open_reader, print_preflight
from discovery.cli.interruption import Interruption
from discovery.cli.progress import OnProgress
from discovery.cli.setup import open_context
from discovery.cli.state_file import with_readable_state
from discovery.config.load import load_config
from discovery.model.values import Complete, Scope
from discovery.plan.targets import ScopeFilter
from discovery.probe.findings import with_logins
from discovery.probe.hosts import find_hosts
from discovery.probe.probe import Prober
from discovery.probe.targets import Target, is_registered, named_targets, ready_targets
from discovery.reports.exit import is_expected
from discovery.reports.listing import named
from discovery.reports.probes import ProbeReport
from discovery.reports.report import Report
from discovery.reports.summary import counted
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.sweep import audit
from state.store import load_state

_NAMED: Final = 3
"""How many of the scopes that share a trouble are named."""


@dataclass(frozen=True, slots=True)
class ProbeChoice:
    """Which caches a person wants probed, and how."""

    caches: tuple[str, ...]
    """Names, registered names or ARNs; empty: all that are registered and ready."""
    user: str | None
    timeout: timedelta
    only: tuple[Scope, ...]

    async def run(
        self, path: Path, interruption: Interruption, on_progress: OnProgress | None
    ) -> ProbeReport:
        """Scan and probe. Raises: what opening connections raises; NoSuchScope."""
        named = load_config(path)
        asks = not self.caches  # what is named need not be registered
        request = SweepRequest(
            scope_filter=ScopeFilter(only=self.only), refresh_regions=True, asks_control_plane=asks
        )
        async with (
            open_context(named, path, interruption, on_progress) as context,
            with_readable_state(named) as config,
            open_reader(config) as control_plane,
        ):
            hosts = find_hosts(os.environ, is_overridden=bool(context.cloud.endpoints))
            if asks:
                await print_preflight(control_plane, config)
            state = load_state(config.state.path)
            interruption.in_sweep = True
            found = await audit(context, request, control_plane=control_plane, state=state)
            prober = Prober(
                cloud=context.cloud, hosts=hosts, timeout=self.timeout, stop=context.stop
            )
            return await self._probe(found, context, prober)

    async def _probe(self, found: Report, context: SweepContext, prober: Prober) -> ProbeReport:
        targets, missing = self._targets(found, context)
        error = _not_found(missing, found) if missing else None
        if not self.caches and found.error is not None:
            error = found.error
        logins = () if error or found.interrupted else await prober.probe(targets)
        return ProbeReport(
            agent=context.agent,
            started_at=found.started_at,
            finished_at=context.clock(),
            timeout=self.timeout,
            logins=logins,
            endpoints=found.endpoints,
            account_names=found.account_names,
            not_probed=() if self.caches else tuple(_not_probed(found, targets)),
            error=error,
            is_interrupted=found.interrupted or context.stop.is_set(),
        )

    def _targets(
        self, found: Report, context: SweepContext
    ) -> tuple[tuple[Target, ...], tuple[str, ...]]:
        """The caches to probe, and the names that none has."""
        matchers = context.rules.matchers
        if self.caches:
            return named_targets(self.caches, found.items, matchers, self.user)
        registered = filter(is_registered, found.items)
        return ready_targets(registered, matchers, self.user), ()


async def add_probes(report: Report, context: SweepContext) -> Report:
    """Log in to the caches that an audit found ready, and add what came of it.

    Caches that are still to be registered are among them. Raises: ConfigError.
    """
    hosts = find_hosts(os.environ, is_overridden=bool(context.cloud.endpoints))
    prober = Prober(cloud=context.cloud, hosts=hosts, stop=context.stop)
    logins = await prober.probe(ready_targets(report.items, context.rules.matchers))
    return replace(
        report,
        items=with_logins(report.items, logins, context.agent.host),
        interrupted=report.interrupted or context.stop.is_set(),
        finished_at=context.clock(),
    )


def _not_found(missing: tuple[str, ...], found: Report) -> str:
    unread = len(found.unread_scopes)
    beside = f", and {counted(unread, 'scope')} could not be read" if unread else ""
    names = ", ".join(repr(each) for each in missing)
    return (
        f"No cache named {names} was found{beside}. Nothing was probed. "
        "`cachemuster audit -v` lists what there is."
    )


def _not_probed(found: Report, targets: tuple[Target, ...]) -> Iterator[str]:
    """What keeps caches from being known at all: by reason, the scopes that were not read."""
    unread = [each for each in found.unread_scopes if not is_expected(each.scope, found)]
    scopes: dict[str, list[str]] = {}
    for each in unread:
        reason = each.reason.value if not isinstance(each, Complete) else ""
        scopes.setdefault(reason, []).append(str(each.scope))
    for reason, names in sorted(scopes.items()):
        yield (
            f"not probed are the caches of {named(names, _NAMED)}, which could not be read: "
            f"{reason}; `cachemuster audit` says more"
        )
    if not targets and not unread:
        yield (
            "no registered cache has the IAM verdict ready; name a cache to probe it all the same"
        )
