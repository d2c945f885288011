"""How far away each region of a simulated cloud is."""

from __future__ import annotations

from collections.abc import Mapping

from discovery.sandbox.demo import AgentWorld

_NEAREST, _FARTHEST = 0.5, 1.5


def latencies(demo: AgentWorld, mean_s: float) -> Mapping[str, float]:
    """How long a call to each region takes at least, in seconds: `mean_s` on average, half of it
    in the agent's own region, half as much again in the last; the others lie evenly between."""
    enabled = {region for account in demo.world.accounts.values() for region in account.enabled}
    others = sorted(enabled - {demo.home})
    if not mean_s or not others:
        return dict.fromkeys((demo.home, *others), mean_s)
    step = (_FARTHEST - _NEAREST) / len(others)
    return {
        region: mean_s * (_NEAREST + step * place)
        for place, region in enumerate((demo.home, *others))
    }
