"""When the service says that it is alive and ready, and what it says of why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from discovery.config.load import parse_config
from discovery.service.health import HealthState
from discovery.service.heartbeat import Heartbeat, heartbeat_limit


@dataclass(slots=True)
class Stopwatch:
    """A monotonic clock that stands still until somebody moves it."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


WATCH_LIMIT = timedelta(seconds=60)


def health(watch: Stopwatch | None = None) -> HealthState:
    return HealthState(heartbeat=Heartbeat(watch or Stopwatch()), max_age=WATCH_LIMIT)


class TestAlive:
    def test_the_process_being_up_is_no_pulse(self) -> None:
        watch = Stopwatch()
        patient = health(watch)
        for _ in range(60):
            watch.now_s += 1
            assert patient.is_alive()[0]
        watch.now_s += 1
        assert patient.is_alive() == (False, "the loop moved 61 s ago; red after 60 s")

    def test_progress_brings_it_back(self) -> None:
        watch = Stopwatch()
        patient = health(watch)
        watch.now_s += 3600
        assert not patient.is_alive()[0]
        patient.heartbeat.beat()
        assert patient.is_alive() == (True, "the loop moved 0 s ago; red after 60 s")
        assert patient.heartbeat.age_s == 0


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        pytest.param("", 2 * 330, id="defaults"),
        pytest.param("service: {interval: 1h, jitter: 10m}", 2 * 4200, id="two-intervals"),
        pytest.param(
            "service: {interval: 10s, jitter: 0s}", 2 * 60, id="an-interval-shorter-than-a-call"
        ),
        pytest.param(
            "service: {interval: 10s}\naws: {scope_timeout: 10m}", 2 * 600, id="one-slow-scope"
        ),
        pytest.param("service: {sweep_timeout: 1d}", 2 * 330, id="a-long-sweep-moves-too"),
    ],
)
def test_the_pulse_may_be_as_old_as_two_of_the_longest_waits(
    settings: str, seconds: int, tmp_path: Path
) -> None:
    config = parse_config(f"version: 1\ngroup: g\n{settings}\n", file="c.yaml", base=tmp_path)
    assert heartbeat_limit(config).total_seconds() == seconds


class TestReady:
    def test_after_the_first_sweep(self) -> None:
        patient = health()
        assert patient.is_ready() == (False, "the first sweep has not come to its end")
        patient.first_sweep_done = True
        assert patient.is_ready() == (True, "ready")

    def test_everything_that_is_missing_is_said_at_once(self) -> None:
        patient = health()
        patient.state_error = "LOCKED"
        patient.control_plane_error = "IDENTITY_UNUSABLE"
        assert patient.is_ready() == (
            False,
            "the first sweep has not come to its end; state: LOCKED; "
            "control plane: IDENTITY_UNUSABLE",
        )

    @pytest.mark.parametrize(
        "text",
        ["cache orders is denied", "DENIED\r\nSet-Cookie: a=b", "x" * 41, "A" * 41, "", "É", "_"],
    )
    def test_what_is_not_a_code_is_not_quoted(self, text: str) -> None:
        patient = health()
        patient.first_sweep_done = True
        patient.control_plane_error = text
        assert patient.is_ready() == (True, "ready; control plane: TROUBLE")

    def test_what_goes_wrong_later_is_said_and_takes_no_readiness_away(self) -> None:
        patient = health()
        patient.first_sweep_done = True
        patient.sweep_failed = True
        patient.state_error = "LOCKED"
        patient.control_plane_error = "UNAVAILABLE"
        assert patient.is_ready() == (
            True,
            "ready; the last sweep did not come to its end; state: LOCKED; "
            "control plane: UNAVAILABLE",
        )
