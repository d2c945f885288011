"""R2: two agents of one group, each with its own state, remove nothing that the other needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from discovery.control_plane.embedded import Embedded
from tests.scenarios.tale import Tale, Told

PAY = {"matchers": [{"name": "pay", "tags": {"team": "pay"}}]}
WEB = {"matchers": [{"name": "web", "tags": {"team": "web"}}]}
NOT_WEB = {"matchers": [{"name": "all", "exclude_tags": {"team": "web"}}]}
NOT_PAY = {"matchers": [{"name": "all", "exclude_tags": {"team": "pay"}}]}
LETS_GO = {"matchers": [{"name": "own", "names": "own*"}]}
EXCLUDES = {"matchers": [{"name": "all", "exclude_tags": {"shared": "yes"}}]}

SPLIT_BY_MATCHERS = pytest.param(PAY, WEB, id="matchers")
SPLIT_BY_EXCLUSION = pytest.param(NOT_WEB, NOT_PAY, id="exclude_tags")
SPLITS = pytest.mark.parametrize(("one", "two"), [SPLIT_BY_MATCHERS, SPLIT_BY_EXCLUSION])


def teams(tale: Tale) -> None:
    """Two caches of one team and eight of the other, in one account and region."""
    for number in range(2):
        tale.cache(f"pay{number}", tags={"team": "pay"})
    for number in range(8):
        tale.cache(f"web{number}", tags={"team": "web"})


def rounds(tale: Tale, *agents: Tale, count: int = 6, **span: float) -> Iterator[Told]:
    """Many sweeps by turns; none of them removes anything, and nothing is ever missing."""
    for _ in range(count):
        tale.later(**(span or {"minutes": 11}))
        for agent in agents:
            told = agent.sweep()
            assert told.document["summary"]["delete"] == 0, told.verdicts
            yield told


def of_team(told: Told, team: str) -> set[str]:
    return {verdict for cache, verdict in told.verdicts.items() if cache.startswith(team)}


@SPLITS
def test_two_agents_of_one_group_remove_nothing_of_each_other(
    tale: Tale, one: dict[str, Any], two: dict[str, Any]
) -> None:
    teams(tale)
    tale.configure(deregistration=None, **one)
    second = tale.another(**two)
    tale.sweep()
    second.sweep()
    before = tale.registry
    assert len(before) == 10
    for number, told in enumerate(rounds(tale, tale, second)):
        mine, theirs = ("pay", "web") if number % 2 == 0 else ("web", "pay")
        assert of_team(told, mine) == {"keep/UNCHANGED"}
        assert of_team(told, theirs) == {"held/INHERITED"}
        assert tale.registry == before
    message = told.item("pay0")["message"]
    assert "another agent may be at work in group prod" in message
    assert f"cachemuster adopt {told.item('pay0')['name']}" in message


@SPLITS
def test_whichever_agent_is_first_what_is_gone_goes(
    tale: Tale, one: dict[str, Any], two: dict[str, Any]
) -> None:
    """What AWS no longer shows, or says it deletes, is removed by any agent of the group."""
    teams(tale)
    tale.configure(deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100}, **one)
    second = tale.another(**two)
    tale.sweep()
    second.sweep()
    tale.gone("web0")
    tale.region().change_cache("web1", status="deleting")
    assert tale.sweep().verdicts["web1"] == "delete/DELETING"
    tale.later(minutes=11)
    assert tale.sweep().verdicts["web0"] == "delete/ABSENT"
    assert len(tale.registry) == 8


def both_matched(tale: Tale) -> Tale:
    """Caches that two agents match: the first has registered them, the second has inherited
    them."""
    tale.configure(**PAY)
    second = tale.another(matchers=[{"name": "all"}])
    tale.cache("pay0", tags={"team": "pay", "shared": "yes"})
    for number in range(2):
        tale.cache(f"own{number}", tags={"team": "pay"})
    assert tale.sweep().verdicts["pay0"] == "create/NEW"
    told = second.sweep()
    assert told.verdicts["pay0"] == "keep/UNCHANGED"
    assert "INHERITED" in told.notes("pay0")
    return second


def test_what_both_matched_is_removed_once_and_then_never_again(tale: Tale) -> None:
    second = both_matched(tale)
    second.configure(**LETS_GO)
    assert second.sweep().verdicts["pay0"] == "held/WAITING"
    tale.later(minutes=11)
    assert second.sweep().verdicts["pay0"] == "delete/UNMATCHED"
    assert tale.sweep().verdicts["pay0"] == "create/NEW"
    for number, told in enumerate(rounds(tale, second, tale)):
        expected = "conflict/RESTORED" if number % 2 == 0 else "keep/UNCHANGED"
        assert of_team(told, "pay") == {expected}
    assert "it stands again" in second.sweep().item("pay0")["message"]
    assert len(tale.registry) == 3


def test_excluded_by_one_of_two_it_is_removed_once_and_then_never_again(tale: Tale) -> None:
    second = both_matched(tale)
    second.configure(**EXCLUDES)
    second.sweep()  # new rules start the count again
    assert second.sweep().verdicts["pay0"] == "delete/EXCLUDED"
    assert tale.sweep().verdicts["pay0"] == "create/NEW"
    for number, told in enumerate(rounds(tale, second, tale)):
        expected = "conflict/RESTORED" if number % 2 == 0 else "keep/UNCHANGED"
        assert of_team(told, "pay") == {expected}


def test_what_stands_again_and_is_wanted_is_kept_and_may_go_again(tale: Tale) -> None:
    second = both_matched(tale)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    tale.sweep()
    assert of_team(second.sweep(), "pay") == {"conflict/RESTORED"}
    second.configure(matchers=[{"name": "all"}])
    assert of_team(second.sweep(), "pay") == {"keep/UNCHANGED"}
    second.configure(**EXCLUDES)
    second.sweep()
    assert of_team(second.sweep(), "pay") == {"delete/EXCLUDED"}


def test_what_stands_again_goes_with_its_cache(tale: Tale) -> None:
    second = both_matched(tale)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    tale.sweep()
    assert second.sweep().verdicts["pay0"] == "conflict/RESTORED"
    tale.gone("pay0")
    second.sweep()
    tale.later(minutes=11)
    assert second.sweep().verdicts["pay0"] == "delete/ABSENT"


@SPLITS
def test_an_audit_says_of_another_agent_what_a_sweep_says(
    tale: Tale, one: dict[str, Any], two: dict[str, Any]
) -> None:
    teams(tale)
    tale.configure(**one)
    second = tale.another(**two)
    tale.sweep()
    for _ in range(3):
        audited, swept = second.audit(), second.sweep()
        assert audited.verdicts == swept.verdicts
        assert audited.document["checksum"] == swept.document["checksum"]


def test_out_of_scope_of_another_agent_is_removed_by_prune_alone(tale: Tale) -> None:
    tale.cache("orders")
    tale.cache("books", region="us-east-1")
    tale.configure(aws={"regions": ["eu-central-1", "us-east-1"]})
    second = tale.another(aws={"regions": ["eu-central-1"]}, out_of_scope="remove")
    tale.sweep()
    for _ in range(3):
        assert second.sweep().verdicts["books"] == "held/INHERITED"
        tale.later(minutes=11)
    assert second.sweep("--prune").verdicts["books"] == "delete/OUT_OF_SCOPE"
    assert len(tale.registry) == 1


def test_after_a_rebind_nothing_counts_as_made_here(tale: Tale) -> None:
    """The same names in another registry were somebody else's doing."""
    tale.cache("orders", tags={"team": "pay"})
    tale.sweep()
    second = tale.another()
    other = {"kind": "embedded", "path": str(tale.directory / "other.db")}
    second.configure(control_plane=other)
    second.sweep()
    tale.configure(control_plane=other, **WEB)
    for span in (0, 11, 11):
        tale.later(minutes=span)
        options = () if span else ("--rebind-state",)
        assert tale.sweep(*options).verdicts == {"orders": "held/INHERITED"}


def test_adopt_makes_what_was_inherited_this_agents_own(tale: Tale) -> None:
    """A person says that nobody else needs it: nothing is written, and then R3 begins."""
    teams(tale)
    tale.configure(**PAY)
    second = tale.another(**WEB)
    tale.sweep()
    for _ in range(3):
        second.sweep()
        tale.later(minutes=11)
    held = second.sweep().item("pay0")
    assert (held["reason"], held["missed"]["scans"]) == ("INHERITED", 4)
    before = tale.registry
    run = second.run("adopt", held["name"], "--yes")
    assert run.code == 0, run
    assert "taken as this agent's own; nothing is written" in run.out
    assert tale.registry == before
    assert {one.revision for one in tale.registry.values()} == {
        one.revision for one in before.values()
    }
    told = second.sweep()
    assert told.verdicts["pay0"] == "held/WAITING"
    assert told.item("pay0")["missed"]["scans"] == 1
    tale.later(minutes=11)
    told = second.sweep()
    assert (told.verdicts["pay0"], told.verdicts["pay1"]) == ("delete/UNMATCHED", "held/INHERITED")


def test_adopt_ends_that_a_registration_was_removed_and_stands_again(tale: Tale) -> None:
    second = both_matched(tale)
    second.configure(**EXCLUDES)
    second.sweep()
    second.sweep()
    tale.sweep()
    name = second.sweep().item("pay0")["name"]
    assert second.run("adopt", name, "--yes").code == 0
    assert second.sweep().verdicts["pay0"] == "delete/EXCLUDED"


def test_adopt_of_what_is_this_states_own_is_refused(tale: Tale) -> None:
    tale.cache("orders")
    name = tale.sweep().item("orders")["name"]
    run = tale.run("adopt", name, "--yes")
    assert run.code == 1, run
    assert "ALREADY_OURS" in run.out
    assert "this state has it as its own" in run.out


def test_what_another_agent_made_a_moment_before_is_not_reported_as_created(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both plan to create it; the second finds it made, to the letter as it would have made it."""
    tale.cache("orders")
    second = tale.another()
    tale.sweep()
    (made,) = tale.registry.values()
    tale.unregister(made.name)

    async def just_then(items: Any, *_: Any, **__: Any) -> Any:
        async with Embedded(tale.registry_file) as plane:
            await plane.create(made)
        return items

    with monkeypatch.context() as patch:
        patch.setattr("discovery.sweep.prove", just_then)
        told = second.sweep()
    assert told.verdicts == {"orders": "conflict/NAME_TAKEN_UNSEEN"}
    assert told.document["summary"]["create"] == 0
    assert "another agent of group prod was a moment faster" in told.item("orders")["message"]
    assert second.memory.registrations == {}
    told = second.sweep()
    assert told.verdicts == {"orders": "keep/UNCHANGED"}
    assert told.notes("orders") == {"INHERITED"}


async def make_registry(tale: Tale) -> None:
    async with Embedded(tale.registry_file) as plane:
        assert await plane.list_databases() == ()


def test_of_two_agents_that_start_at_once_one_creates(tale: Tale) -> None:
    names = [f"cache{number}" for number in range(12)]
    for name in names:
        tale.cache(name)
    agents = (tale, tale.another())
    asyncio.run(make_registry(tale))  # two that make the file at once may refuse each other
    commands = [agent.rig.start("sweep", "--format", "json") for agent in agents]
    ended = [command.communicate(timeout=120) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], ended
    created = [
        item["cache"]
        for out, _ in ended
        for item in json.loads(out)["items"]
        if item["action"] == "create"
    ]
    assert sorted(created) == sorted(names)
    assert len(tale.registry) == len(names)
