"""What whole sweeps counted is drawn over time; what saw a part only, or wrote nothing, is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.sandbox.aws.faults import Effect
from state.store import ReadOnlyStore
from tests.support.scenario import FRANKFURT, HUB, LISTING, VIRGINIA, Scenario


def totals(scenario: Scenario) -> list[dict[str, int]]:
    """What the sweeps counted, without those of the same minute."""
    return [dict(each.totals or {}) for each in ReadOnlyStore(scenario.state_file).sweep_totals()]


def test_a_sweep_counts_registrations_verdicts_and_unread_scopes(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    scenario.cache("ready", group="people")
    scenario.cache("closed", group=None)
    scenario.fault(Effect.DENIED, region=VIRGINIA, **LISTING)
    scenario.sweep(exits=3)
    assert totals(scenario) == [
        {
            "registrations": 2,
            "ready": 1,
            "not-ready": 1,
            "unknown": 0,
            "scopes": 2,
            "unread_scopes": 1,
        }
    ]


def test_what_was_created_and_removed_counts(scenario: Scenario) -> None:
    scenario.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100})
    scenario.cache("first")
    scenario.cache("second")
    scenario.sweep()
    scenario.later(minutes=5)
    scenario.gone("second")
    scenario.sweep()
    assert [each["registrations"] for each in totals(scenario)] == [2, 1]


def test_a_sweep_of_a_part_and_an_audit_are_not_in_the_picture(scenario: Scenario) -> None:
    scenario.cache("first")
    scenario.sweep()
    scenario.later(minutes=5)
    scenario.sweep("--only", f"{HUB}/{FRANKFURT}")
    scenario.audit()
    assert len(totals(scenario)) == 1


def test_the_page_needs_no_network_and_no_state(scenario: Scenario, tmp_path: Path) -> None:
    scenario.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    run = scenario.run("status", "--format", "html", "-o", str(tmp_path / "empty.html"))
    assert run.code == 0
    assert "Pictures over time begin with" in (tmp_path / "empty.html").read_text("ascii")


@pytest.mark.slow
def test_the_page_shows_what_two_sweeps_counted(scenario: Scenario) -> None:
    scenario.cache("first")
    scenario.sweep()
    scenario.later(minutes=5)
    scenario.cache("second")
    scenario.sweep()
    page = scenario.run("status", "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert "registrations: 1 at first, 2 now, between 1 and 2" in page
