"""What a benchmark found, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

from tests.bench.measure import MIB, Cost

PATTERN, FIRST, AGAIN, TICK = "pattern", "first sweep", "unchanged, new process", "unchanged, tick"

TO_REACH: Mapping[str, Mapping[str, float]] = {
    "typical": {FIRST: 14, AGAIN: 24, TICK: 42},
    "even": {FIRST: 5, AGAIN: 8, TICK: 15},
}
"""How many times less wall time than the pattern, at 100 accounts × 5 regions, 1,000 caches and
100 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process, measured."""

    what: str
    cost: Cost
    calls: Mapping[str, int]
    """AWS calls by `service:Operation`."""
    writes: int = 0
    """To the control plane."""
    state_bytes: int = 0
    """Appended to the log of the state file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One round: the pattern and the sweeps beside it, in one world."""

    world: Mapping[str, Any]
    runs: Sequence[Run]
    sandbox_cpu_s: float
    sandbox_peak_bytes: int
    load: Sequence[float] = field(default=())
    """The machine's load average before and after."""

    @property
    def ratios(self) -> Mapping[str, float]:
        """How many times less wall time each sweep took than the pattern."""
        return _ratios({run.what: run.cost.wall_s for run in self.runs})

    @property
    def undisturbed_ratios(self) -> Mapping[str, float]:
        """The same without the time for which a process had no core, because others had."""
        return _ratios({run.what: run.cost.undisturbed_s for run in self.runs})

    def document(self) -> dict[str, Any]:
        """Everything as a JSON tree."""
        return {
            **asdict(self),
            "ratios": self.ratios,
            "undisturbed_ratios": self.undisturbed_ratios,
            "to_reach": TO_REACH[self.world["spread"]],
        }

    def too_slow(self, share: float) -> Sequence[str]:
        """A sentence for each ratio that is below this share of the one to reach."""
        wanted = TO_REACH[self.world["spread"]]
        return [
            f"{what}: {ratio:.1f} times less wall time than the pattern; at least "
            f"{wanted[what] * share:.1f} are asked for here"
            for what, ratio in self.undisturbed_ratios.items()
            if ratio < wanted[what] * share
        ]


def _ratios(taken_s: Mapping[str, float]) -> Mapping[str, float]:
    if PATTERN not in taken_s:
        return {}
    whole_s = taken_s[PATTERN]
    return {what: round(whole_s / each_s, 2) for what, each_s in taken_s.items() if what != PATTERN}


def write_table(figures: Figures, out: TextIO) -> None:
    """The figures for a person."""
    world = figures.world
    out.write(
        f"{world['spread']}: {world['accounts']} accounts × {world['regions']} regions, "
        f"{world['caches']} caches, {world['latency_ms']:g} ms\n"
    )
    head = ("", "wall s", "starved", "CPU s", "MiB", "calls", "writes", "state KiB", "ratio",
            "quiet", "to reach")  # fmt: skip
    out.write(_line(head))
    wanted = TO_REACH[world["spread"]]
    for run in figures.runs:
        ratio = figures.ratios.get(run.what)
        out.write(
            _line(
                (
                    run.what,
                    f"{run.cost.wall_s:.2f}",
                    f"{run.cost.starved_s:.2f}",
                    f"{run.cost.cpu_s:.2f}",
                    f"{run.cost.peak_bytes / MIB:.0f}",
                    str(sum(run.calls.values())),
                    str(run.writes),
                    f"{run.state_bytes / 1024:.0f}",
                    "" if ratio is None else f"{ratio:.1f}",
                    "" if ratio is None else f"{figures.undisturbed_ratios[run.what]:.1f}",
                    "" if ratio is None else f"{wanted[run.what]:g}",
                )
            )
        )
    for run in figures.runs:
        counts = sorted(run.calls.items(), key=lambda pair: (-pair[1], pair[0]))
        named = ", ".join(f"{name.partition(':')[2]} {count}" for name, count in counts)
        out.write(f"{run.what}: {named}\n")
    served = sum(sum(run.calls.values()) for run in figures.runs)
    rate = served / figures.sandbox_cpu_s if figures.sandbox_cpu_s else 0
    out.write(
        f"sandbox: {rate:.0f} calls per CPU second, peak {figures.sandbox_peak_bytes / MIB:.0f} "
        f"MiB; load average {' → '.join(f'{load:.1f}' for load in figures.load)}\n"
    )


def _line(cells: Sequence[str]) -> str:
    first, *rest = cells
    return f"{first:<24}" + "".join(f"{cell:>10}" for cell in rest) + "\n"
