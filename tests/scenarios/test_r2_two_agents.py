"""R2: two agents of one group, each with its own state, remove nothing that the other needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from discovery.control_plane.embedded.control_plane import Embedded
from tests.support.scenario import RunOutput, Scenario

pytestmark = pytest.mark.slow

PAY: dict[str, Any] = {"matchers": [{"name": "pay", "tags": {"team": "pay"}}]}
WEB: dict[str, Any] = {"matchers": [{"name": "web", "tags": {"team": "web"}}]}
NOT_WEB: dict[str, Any] = {"matchers": [{"name": "all", "exclude_tags": {"team": "web"}}]}
NOT_PAY: dict[str, Any] = {"matchers": [{"name": "all", "exclude_tags": {"team": "pay"}}]}
LETS_GO: dict[str, Any] = {"matchers": [{"name": "own", "names": "own*"}]}
EXCLUDES = {"matchers": [{"name": "all", "exclude_tags": {"shared": "yes"}}]}

SPLIT_BY_MATCHERS = pytest.param(PAY, WEB, id="matchers")
SPLIT_BY_EXCLUSION = pytest.param(NOT_WEB, NOT_PAY, id="exclude_tags")
SPLITS = pytest.mark.parametrize(("one", "two"), [SPLIT_BY_MATCHERS, SPLIT_BY_EXCLUSION])


def teams(scenario: Scenario) -> None:
    """Two caches of one team and eight of the other, in one account and region."""
    for number in range(2):
        scenario.cache(f"pay{number}", tags={"team": "pay"})
    for number in range(8):
        scenario.cache(f"web{number}", tags={"team": "web"})


def rounds(
    scenario: Scenario, *agents: Scenario, count: int = 6, **span: float
) -> Iterator[RunOutput]:
    """Many sweeps by turns; none of them removes anything, and nothing is ever missing."""
    for _ in range(count):
        scenario.later(**(span or {"minutes": 11}))
        for agent in agents:
            shown = agent.sweep()
            assert shown.document["summary"]["delete"] == 0, shown.verdicts
            yield shown


def of_team(shown: RunOutput, team: str) -> set[str]:
    return {verdict for cache, verdict in shown.verdicts.items() if cache.startswith(team)}


@SPLITS
def test_two_agents_of_one_group_remove_nothing_of_each_other(
    scenario: Scenario, one: dict[str, Any], two: dict[str, Any]
) -> None:
    teams(scenario)
    scenario.configure(deregistration=None, **one)
    second = scenario.another(**two)
    scenario.sweep()
    second.sweep()
    before = scenario.registry
    assert len(before) == 10
    for number, shown in enumerate(rounds(scenario, scenario, second)):
        mine, theirs = ("pay", "web") if number % 2 == 0 else ("web", "pay")
        assert of_team(shown, mine) == {"keep/UNCHANGED"}
        assert of_team(shown, theirs) == {"held/INHERITED"}
        assert scenario.registry == before
    message = shown.item("pay0")["message"]
    assert "another agent may be at work in group prod" in message
    assert f"cachemuster adopt {shown.item('pay0')['name']}" in message


@SPLITS
def test_whichever_agent_is_first_what_is_gone_goes(
    scenario: Scenario, one: dict[str, Any], two: dict[str, Any]
) -> None:
    """What AWS no longer shows, or says it deletes, is removed by any agent of the group."""
    teams(scenario)
    scenario.configure(
        deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100}, **one
    )
    second = scenario.another(**two)
    scenario.sweep()
    second.sweep()
    scenario.gone("web0")
    scenario.region().change_cache("web1", status="deleting")
    assert scenario.sweep().verdicts["web1"] == "delete/DELETING"
    scenario.later(minutes=11)
    assert scenario.sweep().verdicts["web0"] == "delete/ABSENT"
    assert len(scenario.registry) == 8


def both_matched(scenario: Scenario) -> Scenario:
    """Caches that two agents match: the first has registered them, the second has inherited
    them."""
    scenario.configure(**PAY)
    second = scenario.another(matchers=[{"name": "all"}])
    scenario.cache("pay0", tags={"team": "pay", "shared": "yes"})
    for number in range(2):
        scenario.cache(f"own{number}", tags={"team": "pay"})
    assert scenario.sweep().verdicts["pay0"] == "create/NEW"
    shown = second.sweep()
    assert shown.verdicts["pay0"] == "keep/UNCHANGED"
    assert "INHERITED" in shown.notes("pay0")
    return second


def test_what_both_matched_is_removed_once_and_then_never_again(scenario: Scenario) -> None:
    second = both_matched(scenario)
    second.configure(**LETS_GO)
    assert second.sweep().verdicts["pay0"] == "held/WAITING"
    scenario.later(minutes=11)
    assert second.sweep().verdicts["pay0"] == "delete/UNMATCHED"
    assert scenario.sweep().verdicts["pay0"] == "create/NEW"
    for number, shown in enumerate(rounds(scenario, second, scenario)):
        expected = "conflict/RESTORED" if number % 2 == 0 else "keep/UNCHANGED"
        assert of_team(shown, "pay") == {expected}
    assert "it exists again" in second.sweep().item("pay0")["message"]
    assert len(scenario.registry) == 3


def test_excluded_by_one_of_two_it_is_removed_once_and_then_never_again(scenario: Scenario) -> None:
    second = both_matched(scenario)
    second.configure(**EXCLUDES)
    second.sweep()  # new rules start the count again
    assert second.sweep().verdicts["pay0"] == "delete/EXCLUDED"
    assert scenario.sweep().verdicts["pay0"] == "create/NEW"
    for number, shown in enumerate(rounds(scenario, second, scenario)):
        expected = "conflict/RESTORED" if number % 2 == 0 else "keep/UNCHANGED"
        assert of_team(shown, "pay") == {expected}


def test_what_exists_again_and_is_wanted_is_kept_and_may_be_removed_again(
    scenario: Scenario,
) -> None:
    second = both_matched(scenario)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    scenario.sweep()
    assert of_team(second.sweep(), "pay") == {"conflict/RESTORED"}
    second.configure(matchers=[{"name": "all"}])
    assert of_team(second.sweep(), "pay") == {"keep/UNCHANGED"}
    second.configure(**EXCLUDES)
    second.sweep()
    assert of_team(second.sweep(), "pay") == {"delete/EXCLUDED"}


def test_what_exists_again_is_removed_with_its_cache(scenario: Scenario) -> None:
    second = both_matched(scenario)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    scenario.sweep()
    assert second.sweep().verdicts["pay0"] == "conflict/RESTORED"
    scenario.gone("pay0")
    second.sweep()
    scenario.later(minutes=11)
    assert second.sweep().verdicts["pay0"] == "delete/ABSENT"


@SPLITS
def test_an_audit_says_of_another_agent_what_a_sweep_says(
    scenario: Scenario, one: dict[str, Any], two: dict[str, Any]
) -> None:
    teams(scenario)
    scenario.configure(**one)
    second = scenario.another(**two)
    scenario.sweep()
    for _ in range(3):
        audited, swept = second.audit(), second.sweep()
        assert audited.verdicts == swept.verdicts
        assert audited.document["checksum"] == swept.document["checksum"]


def test_out_of_scope_of_another_agent_is_removed_by_prune_alone(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.cache("books", region="us-east-1")
    scenario.configure(aws={"regions": ["eu-central-1", "us-east-1"]})
    second = scenario.another(aws={"regions": ["eu-central-1"]}, out_of_scope="remove")
    scenario.sweep()
    for _ in range(3):
        assert second.sweep().verdicts["books"] == "held/INHERITED"
        scenario.later(minutes=11)
    assert second.sweep("--prune").verdicts["books"] == "delete/OUT_OF_SCOPE"
    assert len(scenario.registry) == 1


def test_after_a_rebind_nothing_counts_as_made_here(scenario: Scenario) -> None:
    """The same names in another registry were somebody else's doing."""
    scenario.cache("orders", tags={"team": "pay"})
    scenario.sweep()
    second = scenario.another()
    other = {"kind": "embedded", "path": str(scenario.directory / "other.db")}
    second.configure(control_plane=other)
    second.sweep()
    scenario.configure(control_plane=other, **WEB)
    for span in (0, 11, 11):
        scenario.later(minutes=span)
        options = () if span else ("--rebind-state",)
        assert scenario.sweep(*options).verdicts == {"orders": "held/INHERITED"}


def test_adopt_makes_what_was_inherited_this_agents_own(scenario: Scenario) -> None:
    """A person says that nobody else needs it: nothing is written, and then R3 begins."""
    teams(scenario)
    scenario.configure(**PAY)
    second = scenario.another(**WEB)
    scenario.sweep()
    for _ in range(3):
        second.sweep()
        scenario.later(minutes=11)
    held = second.sweep().item("pay0")
    assert (held["reason"], held["missed"]["scans"]) == ("INHERITED", 4)
    before = scenario.registry
    run = second.run("adopt", held["name"], "--yes")
    assert run.code == 0, run
    assert "taken as this agent's own; nothing is written" in run.out
    assert scenario.registry == before
    assert {one.revision for one in scenario.registry.values()} == {
        one.revision for one in before.values()
    }
    shown = second.sweep()
    assert shown.verdicts["pay0"] == "held/WAITING"
    assert shown.item("pay0")["missed"]["scans"] == 1
    scenario.later(minutes=11)
    shown = second.sweep()
    assert (shown.verdicts["pay0"], shown.verdicts["pay1"]) == (
        "delete/UNMATCHED",
        "held/INHERITED",
    )


def test_adopt_ends_that_a_registration_was_removed_and_exists_again(scenario: Scenario) -> None:
    second = both_matched(scenario)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    scenario.sweep()
    name = second.sweep().item("pay0")["name"]
    assert second.run("adopt", name, "--yes").code == 0
    assert second.sweep().verdicts["pay0"] == "delete/EXCLUDED"


def test_adopt_of_what_is_this_states_own_is_refused(scenario: Scenario) -> None:
    scenario.cache("orders")
    name = scenario.sweep().item("orders")["name"]
    run = scenario.run("adopt", name, "--yes")
    assert run.code == 1, run
    assert "ALREADY_OURS" in run.out
    assert "this state has it as its own" in run.out


def test_what_another_agent_made_a_moment_before_is_not_reported_as_created(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both plan to create it; the second finds it made, to the letter as it would have made it."""
    scenario.cache("orders")
    second = scenario.another()
    scenario.sweep()
    (made,) = scenario.registry.values()
    scenario.unregister(made.name)

    async def just_then(items: Any, *_: Any, **__: Any) -> Any:
        async with Embedded(scenario.registry_file) as plane:
            await plane.create(made)
        return items

    with monkeypatch.context() as patch:
        patch.setattr("discovery.sweep.sweep.confirm_removals", just_then)
        shown = second.sweep()
    assert shown.verdicts == {"orders": "conflict/NAME_TAKEN_UNSEEN"}
    assert shown.document["summary"]["create"] == 0
    assert "another agent of group prod was a moment faster" in shown.item("orders")["message"]
    assert second.state.registrations == {}
    shown = second.sweep()
    assert shown.verdicts == {"orders": "keep/UNCHANGED"}
    assert shown.notes("orders") == {"INHERITED"}


async def make_registry(scenario: Scenario) -> None:
    async with Embedded(scenario.registry_file) as plane:
        assert await plane.list_databases() == ()


def test_of_two_agents_that_start_at_once_one_creates(scenario: Scenario) -> None:
    names = [f"cache{number}" for number in range(12)]
    for name in names:
        scenario.cache(name)
    agents = (scenario, scenario.another())
    asyncio.run(make_registry(scenario))  # two that make the file at once may refuse each other
    commands = [agent.cli.start("sweep", "--format", "json") for agent in agents]
    ended = [command.communicate(timeout=120) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], ended
    created = [
        item["cache"]
        for out, _ in ended
        for item in json.loads(out)["items"]
        if item["action"] == "create"
    ]
    assert sorted(created) == sorted(names)
    assert len(scenario.registry) == len(names)
