"""R2: two agents of one group, each with its own state, over any sequence of sweeps.

The oracle keeps its own account of who made and who has matched what, from the plans' items and
from the matchers as a person reads them; it asks nothing of what the program remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.codes import Action, Reason
from discovery.model.values import Arn, Cache, Complete, Database, Endpoint, Tags
from discovery.plan.rules import Rules
from matchers.matcher import Matcher
from matchers.selectors import TagExclusion, TagSelector
from state.records import RememberedState
from tests.support.pure_cloud import DIRECTORY, NOW, SCOPES, World, arn_of, rules

pytestmark = pytest.mark.slow

NAMES = ("orders", "carts")
TEAMS = ("pay", "web", "nobody")
SCOPE = SCOPES[0]
OTHERS = tuple(
    Complete(scope=each, started_at=NOW, caches=(), users_and_groups=DIRECTORY)
    for each in SCOPES[1:]
)


def takes(team: str) -> Matcher:
    return Matcher(name=team, tags=TagSelector.of({"team": [team]}))


def takes_all_but(team: str) -> Matcher:
    return Matcher(name="all", exclude_tags=TagExclusion.of({"team": [team]}))


CHOICES: dict[str, tuple[Matcher, frozenset[str]]] = {
    "pay": (takes("pay"), frozenset({"pay"})),
    "web": (takes("web"), frozenset({"web"})),
    "all but web": (takes_all_but("web"), frozenset({"pay", "nobody"})),
    "all but pay": (takes_all_but("pay"), frozenset({"web", "nobody"})),
    "all": (Matcher(name="all"), frozenset(TEAMS)),
}
"""Ways to say what is wanted, and the teams whose caches that takes."""


def cache(name: str, team: str) -> Cache:
    return Cache(
        arn=arn_of(SCOPE, name),
        partition="aws",
        account_id=SCOPE.account_id,
        region=SCOPE.region or "",  # type: ignore[arg-type]
        name=name,
        status="available",
        engine="valkey",
        engine_version="8.1",
        endpoint=Endpoint(f"{name}-abc.serverless.euc1.cache.amazonaws.com", 6379),
        created_at=NOW.replace(year=2025),
        user_group_id="people",
        tags=Tags({"team": team}, NOW, confirmed=True),
        vpc_id="vpc-1",
    )


@dataclass
class Agent:
    """One agent, and what the oracle knows of its doings."""

    choice: str
    state: RememberedState = field(default_factory=RememberedState)
    claims: set[Arn] = field(default_factory=set)
    """Caches whose standing registration it made or has matched."""

    @property
    def rules(self) -> Rules:
        return rules(matchers=(CHOICES[self.choice][0],), matching_digest=self.choice)


@dataclass
class Cloud:
    """The caches, what is registered, and two agents."""

    agents: tuple[Agent, Agent]
    teams: dict[str, str] = field(default_factory=dict)
    listed: dict[str, Database] = field(default_factory=dict)
    writes: int = 0
    now: Any = NOW

    def sweep(self, agent: Agent) -> None:
        """One agent's sweep, every call of which succeeds; the oracle watches."""
        found = tuple(cache(name, team) for name, team in sorted(self.teams.items()))
        results = (
            Complete(scope=SCOPE, started_at=NOW, caches=found, users_and_groups=DIRECTORY),
            *OTHERS,
        )
        world = World(self.listed, agent.state, self.now, self.writes)
        standing = {Arn(each.labels["cachemuster/arn"]) for each in self.listed.values()}
        agent.claims &= standing  # what somebody else has removed, and this sweep sees, is over
        plan, after = world.sweep(results, agent.rules)
        wanted = {
            arn_of(SCOPE, name)
            for name, team in self.teams.items()
            if team in CHOICES[agent.choice][1]
        }
        for item in plan.items:
            assert item.arn is not None
            if item.action is Action.DELETE:
                gone = item.reason in (Reason.ABSENT, Reason.DELETING)
                assert gone or item.arn in agent.claims, (agent.choice, item)
            if item.arn in wanted:
                assert item.action in (Action.CREATE, Action.KEEP, Action.UPDATE), item
            elif item.arn in standing and item.arn not in agent.claims and item.found:
                assert item.reason in (Reason.INHERITED, Reason.RESTORED), item
        removed = {item.arn for item in plan.items if item.action is Action.DELETE}
        agent.claims = (agent.claims - removed) | wanted
        agent.state, self.listed = after.state, dict(after.listed)
        self.now, self.writes = after.now, after.writes


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sweep"), st.integers(0, 1)),
        st.tuples(st.just("sweep"), st.integers(0, 1)),
        st.tuples(st.just("tag"), st.sampled_from(NAMES), st.sampled_from(TEAMS)),
        st.tuples(st.just("remove"), st.sampled_from(NAMES)),
        st.tuples(st.just("configure"), st.integers(0, 1), st.sampled_from(sorted(CHOICES))),
        st.tuples(st.just("lose state"), st.integers(0, 1)),
    ),
    min_size=3,
    max_size=25,
)
SPLITS = st.sampled_from([("pay", "web"), ("all but web", "all but pay"), ("pay", "all")])


@given(SPLITS, STEPS)
def test_no_agent_removes_what_it_never_made_or_matched(
    split: tuple[str, str], steps: list[Any]
) -> None:
    cloud = Cloud((Agent(split[0]), Agent(split[1])), dict.fromkeys(NAMES, "pay"))
    for what, *which in steps:
        if what == "sweep":
            cloud.sweep(cloud.agents[which[0]])
        elif what == "tag":
            cloud.teams[which[0]] = which[1]
        elif what == "remove":
            cloud.teams.pop(which[0], None)
        elif what == "configure":
            cloud.agents[which[0]].choice = which[1]
        else:
            agent = cloud.agents[which[0]]
            agent.state, agent.claims = RememberedState(), set()


@given(SPLITS, st.lists(st.integers(0, 1), min_size=2, max_size=20))
def test_with_nothing_changed_every_registration_goes_at_most_once(
    split: tuple[str, str], turns: list[int]
) -> None:
    """Whatever each had matched before its matcher let go: then both keep still."""
    cloud = Cloud((Agent("all"), Agent("all")), {"orders": "pay", "carts": "web"})
    for agent in cloud.agents:
        cloud.sweep(agent)
    for agent, choice in zip(cloud.agents, split, strict=True):
        agent.choice = choice
    removed: list[Arn] = []
    for turn in turns:
        before = set(cloud.listed)
        cloud.sweep(cloud.agents[turn])
        removed += [Arn(name) for name in before - set(cloud.listed)]
    assert len(removed) == len(set(removed)), removed


@given(SPLITS)
def test_of_two_that_share_nothing_neither_ever_writes_to_what_is_the_others(
    split: tuple[str, str],
) -> None:
    cloud = Cloud((Agent(split[0]), Agent(split[1])), {"orders": "pay", "carts": "web"})
    for agent in cloud.agents * 2:
        cloud.sweep(agent)
    before, revisions = cloud.listed, {each.revision for each in cloud.listed.values()}
    for agent in cloud.agents * 5:
        cloud.sweep(agent)
    assert cloud.listed == before
    assert {each.revision for each in cloud.listed.values()} == revisions
    assert replace(cloud.agents[0].state, pending_removals={}).removed == {}
