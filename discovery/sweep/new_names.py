"""A plan made sure of: each name that it would create or rename to is looked up first (R10).

The list does not show what the agent's role may not see, so a plan that rests on it alone promises
what the control plane refuses. Audit, sweep and service plan through here alike.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from discovery.control_plane.base import Reader
from discovery.control_plane.retry import Sleep
from discovery.plan.lookups import NameState, new_names
from discovery.plan.plan import Plan, make_plan
from discovery.plan.rules import Rules
from discovery.sweep.look_up import look_up_all


async def check_new_names(
    plan: Plan, rules: Rules, reader: Reader, *, sleep: Sleep = asyncio.sleep
) -> Plan:
    """The plan with what the control plane says of its new names; made again until it has none
    that was not looked up. Each name is asked for once, so this ends.

    Raises: ControlPlaneError.
    """
    while asked := new_names(plan.items) - plan.observed.plan_input.looked_up.keys():
        found = await look_up_all(reader, asked, sleep=sleep)
        plan_input = plan.observed.plan_input
        plan_input = replace(plan_input, looked_up={**plan_input.looked_up, **found})
        if all(answer is NameState.FREE for answer in found.values()):
            return replace(plan, observed=replace(plan.observed, plan_input=plan_input))
        plan = make_plan(plan_input, rules)
    return plan
