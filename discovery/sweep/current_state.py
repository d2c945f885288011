"""What the control plane has now: its list, and single names looked up beyond it (R10).

Where the list succeeded, a denied look-up means that the name belongs to somebody else, since the
agent's role may see what is ours. Any other error counts as a list that was not read to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from discovery.control_plane.base import ControlPlaneError, Denied, Reader
from discovery.control_plane.retry import Sleep, retried
from discovery.model.values import Database, ResourceName, Served
from discovery.plan.lookups import LookUp, NameState, new_names, unlisted_names
from discovery.plan.plan import Plan, make_plan
from discovery.plan.rules import Rules
from discovery.plan.unread import NOT_ASKED, unread_items
from discovery.sweep.cancellation import run_or_stop
from discovery.sweep.identity import IdentityCheck
from discovery.sweep.run import SweepRun
from state.records import RememberedState

AT_ONCE: Final = 32
"""An Auth Service answers about a thousand look-ups a second, and others ask it too."""


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What is registered at this moment."""

    databases: tuple[Database, ...]
    served: tuple[Served, ...]
    """What Database Services serve, as far as it could be read."""


async def read_current_state(
    control_plane: Reader, state: RememberedState, group: str, *, sleep: Sleep = asyncio.sleep
) -> CurrentState:
    """Read what is registered and what is served. Raises: ControlPlaneError."""
    databases = await list_registered(control_plane, state, group, sleep=sleep)
    return CurrentState(databases, await control_plane.served())


async def list_current_state(
    run: SweepRun, check: IdentityCheck, control_plane: Reader
) -> CurrentState | None:
    """Read what is registered; None when it is not to be read, or the control plane is down.

    Raises: ControlPlaneError, Stopped, NoSuchScope.
    """
    if not run.request.asks_control_plane:
        run.check_named_scopes(())
        run.items = unread_items(run.plan_input(), run.rules, NOT_ASKED)
        return None
    if check.unread is not None:
        run.end_unread(check.unread)
        return None
    context = run.context
    reading = read_current_state(control_plane, run.state, run.rules.group, sleep=context.sleep)
    current = await run_or_stop(context.stop, reading)
    run.check_named_scopes(current.databases)
    return current


async def list_registered(
    control_plane: Reader,
    state: RememberedState,
    group: str,
    *,
    sleep: Sleep = asyncio.sleep,
) -> tuple[Database, ...]:
    """List the databases, with those that state remembers and the list lacks.

    Raises: ControlPlaneError.
    """
    listed = await control_plane.list_databases()
    names = unlisted_names(state, listed, group)
    looked_up = await look_up_all(control_plane, names, sleep=sleep)
    found = (looked_up[name] for name in names)
    return (*listed, *(each for each in found if isinstance(each, Database)))


async def check_new_names(
    plan: Plan, rules: Rules, control_plane: Reader, *, sleep: Sleep = asyncio.sleep
) -> Plan:
    """Look up each name that the plan creates or renames to, and plan again if one is taken.

    The list does not show what the agent's role may not see, so a plan that rests on it alone would
    promise what the control plane refuses. Each name is asked for once, so this ends.

    Raises: ControlPlaneError.
    """
    while asked := new_names(plan.items) - plan.observed.plan_input.looked_up.keys():
        found = await look_up_all(control_plane, asked, sleep=sleep)
        plan_input = plan.observed.plan_input
        plan_input = replace(plan_input, looked_up={**plan_input.looked_up, **found})
        if all(answer is NameState.FREE for answer in found.values()):
            return replace(plan, observed=replace(plan.observed, plan_input=plan_input))
        plan = make_plan(plan_input, rules)
    return plan


async def look_up_all(
    control_plane: Reader, names: Collection[ResourceName], *, sleep: Sleep = asyncio.sleep
) -> dict[ResourceName, LookUp]:
    """Look up each name, `AT_ONCE` at a time. Raises: ControlPlaneError."""
    waiting, found = sorted(names, reverse=True), dict[ResourceName, LookUp]()

    async def work() -> None:
        while waiting:
            name = waiting.pop()
            found[name] = await _look_up(control_plane, name, sleep)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(work())
    except* ControlPlaneError as several:
        raise several.exceptions[0] from several
    if NameState.TAKEN in found.values():
        await control_plane.ping()  # an agent that was locked out meanwhile is denied everything
    return found


async def _look_up(control_plane: Reader, name: ResourceName, sleep: Sleep) -> LookUp:
    try:
        return await retried(lambda: control_plane.get(name), sleep) or NameState.FREE
    except Denied:
        return NameState.TAKEN
