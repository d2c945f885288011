"""`adopt` and `release` before a simulated cloud and a simulated Teleport, on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from discovery.sandbox.teleport.calls import WRITES
from discovery.sandbox.teleport.changes import Edit, Remove, TakeOver
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.roles import EDITOR, Role, bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from state.records import IntentKind, OpenIntent
from state.store import load_state
from tests.support.command_line import FRANKFURT, HUB, Rig, Run, rig
from tests.support.teleport_sweeps import waiting_for

pytestmark = pytest.mark.slow

CONFIGURATION = f"""\
version: 1
group: prod
aws: {{regions: [{FRANKFURT}]}}
control_plane: {{kind: teleport, address: "%s", identity_file: ./identity}}
"""
NAME = f"orders-elasticache-serverless-{FRANKFURT}-{HUB}"
OPERATOR = ("--identity-file", "operator", "--yes", "--format", "json")
ORIGIN, GROUP = "teleport.dev/origin", "teleport.internal/discovery-group-name"
DISCOVERED = {
    "managed-by": None,
    "cachemuster/group": None,
    "cachemuster/arn": None,
    "cachemuster/iam-auth": None,
    ORIGIN: "cloud",
    GROUP: "g1",
}
READER = Role.of("reader", db_labels={"*": "*"}, rules={"db": ["list", "read"]})


@dataclass
class Stage:
    rig: Rig
    teleport: SimulatedTeleport

    @property
    def cluster(self) -> Cluster:
        return self.teleport.cluster

    def operator(self, *roles: str | Role) -> None:
        """Who acts has these roles."""
        self.cluster.issue("alice", *roles).write(self.rig.directory / "operator")

    def run(self, *arguments: str) -> Run:
        self.teleport.calls.clear()
        run = self.rig.run(*arguments)
        assert "Traceback" not in run.err, run
        return run

    def registered(self) -> None:
        """The agent has registered the two caches."""
        run = self.run("sweep")
        assert run.code == 0, run

    def discovered(self) -> None:
        """As if Teleport's Discovery Service had registered them, and state knew nothing."""
        self.registered()
        for name in self.cluster.databases:
            Edit(labels=DISCOVERED).do(self.cluster, name)
        (self.rig.directory / "cachemuster.db").unlink()

    def labels(self, name: str = NAME) -> dict[str, str]:
        return dict(self.cluster.databases[name]["metadata"]["labels"])

    def fault(self, effect: Effect, method: str, **more: Any) -> None:
        self.teleport.faults.add(Fault(effect=effect, method=method, name=NAME, **more))

    def writes(self) -> list[str]:
        return [method for method, _ in self.teleport.calls.writes]

    def actions(self) -> dict[str, str]:
        document = self.run("sweep", "--format", "json").document
        return {one["cache"]: f"{one['action']}/{one['reason']}" for one in document["items"]}

    def open_intents(self) -> tuple[OpenIntent, ...]:
        return load_state(self.rig.directory / "cachemuster.db").open_intents


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, Cluster()) as made:
        yield made


@contextmanager
def staged(directory: Path, cluster: Cluster) -> Iterator[Stage]:
    teleport = SimulatedTeleport(cluster)
    with waiting_for(cluster), rig(directory) as made, teleport.serve_in_thread() as at:
        made.configure(CONFIGURATION % at.proxy)
        made.environment["SSL_CERT_FILE"] = str(cluster.write_web_ca(directory / "web-ca.pem"))
        cluster.issue("bot-cachemuster", bot_role("prod")).write(directory / "identity")
        stage = Stage(made, teleport)
        stage.operator(EDITOR)
        yield stage


def one(run: Run) -> dict[str, Any]:
    """The one item."""
    (item,) = run.document["items"]
    return dict(item)


def test_an_operator_moves_everything_from_the_discovery_service(stage: Stage) -> None:
    stage.discovered()
    run = stage.run("adopt", "--all", *OPERATOR)
    assert run.code == 0, run
    assert {item["outcome"] for item in run.document["items"]} == {"done"}
    assert stage.writes() == ["DeleteDatabase", "CreateDatabase"] * 2
    assert {call.user for call in stage.teleport.calls.of("CreateDatabase")} == {"alice"}
    assert stage.labels()[ORIGIN] == "dynamic"
    assert GROUP not in stage.labels()
    assert set(stage.actions().values()) == {"keep/UNCHANGED"}
    assert stage.writes() == []


def test_without_a_change_of_origin_it_is_one_update(stage: Stage) -> None:
    stage.discovered()
    Edit(labels={ORIGIN: "dynamic"}, spec={"tls": {"server_name": "x"}}).do(stage.cluster, NAME)
    run = stage.run("adopt", NAME, *OPERATOR)
    assert run.code == 0, run
    assert stage.writes() == ["UpdateDatabase"]
    assert stage.cluster.databases[NAME]["spec"]["tls"]["server_name"] == "x"
    assert stage.actions()["orders"] == "keep/UNCHANGED"


def test_an_operator_lets_go_and_the_fenced_bot_sees_it_no_more(stage: Stage) -> None:
    stage.registered()
    run = stage.run("release", NAME, *OPERATOR)
    assert run.code == 0, run
    assert stage.writes() == ["UpdateDatabase"]
    assert not any("cachemuster" in key for key in stage.labels())
    assert stage.actions()["orders"] == "conflict/NAME_TAKEN_UNSEEN"


def test_what_a_fenced_bot_cannot_see_it_names_and_prints(stage: Stage) -> None:
    stage.discovered()
    run = stage.run("adopt", NAME, "--yes", "--format", "json")
    assert run.code == 1, run
    (refused,) = run.document["refused"]
    assert refused["code"] == "NOT_VISIBLE"
    assert "--identity-file" in refused["message"]
    document = yaml.safe_load(refused["by_hand"])
    assert document["metadata"]["labels"]["managed-by"] == "cachemuster"
    assert "tctl create -f" in refused["by_hand"]
    everything = stage.run("adopt", "--all", "--yes")
    assert everything.code == 0, everything
    assert "sees nothing foreign" in " ".join(everything.err.split())
    assert stage.writes() == []


def test_a_fenced_bot_cannot_let_go_and_says_how(stage: Stage) -> None:
    stage.registered()
    before = stage.labels()
    run = stage.run("release", NAME, "--yes")
    assert run.code == 1, run
    _, _, text = run.out.partition("\n# ")
    document = yaml.safe_load("# " + text.rpartition("\n1 not done")[0])
    assert document["metadata"]["name"] == NAME
    assert "managed-by" not in document["metadata"]["labels"]
    assert stage.labels() == before


def test_a_release_as_the_fenced_bot_is_told_before_the_plan_that_it_is_denied(
    stage: Stage,
) -> None:
    stage.registered()
    run = stage.run("release", "--all", "--yes")
    assert run.code == 3, run
    told, plan, _ = run.err.partition("cachemuster release")
    assert plan, run
    assert "Teleport denies it" in " ".join(told.split())
    assert "--identity-file FILE" in told
    assert "2 not done" in run.out
    assert run.out.count("tctl create -f FILE") == 2
    assert stage.labels()["managed-by"] == "cachemuster"
    quiet = stage.run("release", "--all", *OPERATOR)
    assert "Teleport denies it" not in quiet.err


def test_what_release_says_the_next_sweep_shows_is_what_it_shows(stage: Stage) -> None:
    stage.registered()
    run = stage.run("release", NAME, "--identity-file", "operator", "--yes")
    assert run.code == 0, run
    said = "The next sweep shows it as conflict/NAME_TAKEN_UNSEEN (conflict/FOREIGN where the bot"
    assert said in " ".join(run.out.split())
    assert stage.actions()["orders"] == "conflict/NAME_TAKEN_UNSEEN"
    stage.cluster.set_role(Role.of("cachemuster", db_labels={"*": "*"}, rules={"db": "*"}))
    assert stage.actions()["orders"] == "conflict/FOREIGN"


SERVED: list[Any] = [
    pytest.param({"managed-by": "cachemuster"}, f"No Database Service serves {NAME}", id="loses"),
    pytest.param({"region": FRANKFURT}, "", id="keeps"),
    pytest.param({"env": "none"}, "", id="never-had"),
    pytest.param(None, "cannot be seen with this identity", id="unseen"),
]


@pytest.mark.parametrize(("labels", "said"), SERVED)
def test_who_is_served_no_more_by_a_release_is_said_before_it(
    stage: Stage, labels: dict[str, str] | None, said: str
) -> None:
    stage.registered()
    if labels is not None:
        stage.cluster.place_service("agent", labels)
    run = stage.run("release", NAME, *OPERATOR)
    assert run.code == 0, run
    told = " ".join(run.err.partition("cachemuster release")[0].split())
    assert said in told
    assert bool(said) is ("Database Service" in told)


def test_an_operator_lets_go_of_all_and_nothing_writes_to_them_again(stage: Stage) -> None:
    stage.registered()
    stage.cluster.place(
        {
            **stage.cluster.databases[NAME],
            "metadata": {
                "name": "another-group",
                "labels": {**stage.labels(), "cachemuster/group": "other"},
            },
        }
    )
    run = stage.run("release", "--all", *OPERATOR)
    assert run.code == 0, run
    assert stage.writes() == ["UpdateDatabase"] * 2
    assert stage.labels("another-group")["cachemuster/group"] == "other"
    left = [stage.labels(name) for name in stage.cluster.databases if name != "another-group"]
    assert not any("cachemuster" in f"{key}{value}" for each in left for key, value in each.items())
    assert "stop it for good" in run.document["advice"][0]
    state = load_state(stage.rig.directory / "cachemuster.db")
    assert (state.registrations, state.open_intents) == ({}, ())
    before = stage.cluster.databases
    assert set(stage.actions().values()) == {"conflict/NAME_TAKEN_UNSEEN"}
    assert stage.cluster.databases == before
    again = stage.run("release", "--all", *OPERATOR)
    assert (again.code, again.document["items"]) == (0, [])


@pytest.mark.parametrize("skip", [0, 1], ids=["the first of two", "the last"])
def test_a_release_of_all_that_was_killed_goes_on_where_it_was(stage: Stage, skip: int) -> None:
    """The write in hand had landed, and nobody was told."""
    stage.registered()
    stage.teleport.calls.clear()
    hang = Fault(effect=Effect.SLOW, method="UpdateDatabase", after=True, skip=skip, delay_s=60)
    stage.teleport.faults.add(hang)
    process = stage.rig.start("release", "--all", *OPERATOR)
    patience = monotonic() + 30
    while _released(stage) < skip + 1 and monotonic() < patience:
        sleep(0.02)
    process.kill()
    process.communicate()
    stage.teleport.faults.clear()
    assert _released(stage) == skip + 1
    assert [each.intent.kind for each in stage.open_intents()] == [IntentKind.RELEASE]
    run = stage.run("release", "--all", *OPERATOR)
    assert run.code == 0, run
    assert len(run.document["items"]) == 1 - skip
    assert _released(stage) == 2
    state = load_state(stage.rig.directory / "cachemuster.db")
    assert (state.registrations, state.open_intents) == ({}, ())


def _released(stage: Stage) -> int:
    """How many of the databases are nobody's by now."""
    every = stage.cluster.databases.values()
    return sum("managed-by" not in each["metadata"]["labels"] for each in every)


ROLES: list[Any] = [
    pytest.param({"db": ["list", "read"]}, id="no-write-at-all"),
    pytest.param({"db": ["list", "read", "create", "update"]}, id="no-delete"),
]


@pytest.mark.parametrize("rules", ROLES)
def test_refused_by_rbac_it_prints_the_document_for_tctl(
    stage: Stage, rules: dict[str, list[str]]
) -> None:
    stage.discovered()
    before = stage.cluster.databases[NAME]
    stage.operator(Role.of("some", db_labels={"*": "*"}, rules=rules))
    run = stage.run("adopt", NAME, *OPERATOR)
    assert run.code == 1, run
    item = one(run)
    assert item["error"]["code"] == "DENIED"
    assert f"tctl rm db/{NAME}" in item["by_hand"]
    document = yaml.safe_load(item["by_hand"])
    assert stage.cluster.databases[NAME] == before
    # What it prints is what somebody who may would have written.
    Remove(name=NAME).do(stage.cluster, NAME)
    stage.cluster.place(document)
    assert stage.actions()["orders"] == "keep/UNCHANGED"


def test_denied_between_delete_and_create_it_is_put_back_or_said(stage: Stage) -> None:
    stage.discovered()
    stage.operator(
        Role.of("some", db_labels={"*": "*"}, rules={"db": ["list", "read", "update", "delete"]})
    )
    run = stage.run("adopt", NAME, *OPERATOR)
    assert run.code == 1, run
    item = one(run)
    assert item["error"]["code"] == "DENIED"
    assert "the next sweep registers it" in item["error"]["message"]
    (left,) = stage.open_intents()
    assert left.intent.kind is IntentKind.ADOPT
    assert stage.actions()["orders"] == "create/NEW"
    assert stage.open_intents() == ()


MEANWHILE: list[Any] = [
    pytest.param(TakeOver(by="terraform"), "OWNER_CHANGED", id="taken-over"),
    pytest.param(Edit(spec={"uri": "x.example.com:6379"}), "OWNER_CHANGED", id="edited"),
    pytest.param(Remove(), "NOT_FOUND", id="removed"),
]


@pytest.mark.parametrize("verb", ["adopt", "release"])
@pytest.mark.parametrize(("deed", "code"), MEANWHILE)
def test_it_reads_again_just_before_it_writes(
    stage: Stage, verb: str, deed: Any, code: str
) -> None:
    """Somebody is quicker, after the plan was made anew and before the write."""
    if verb == "adopt":
        stage.discovered()
    else:
        stage.registered()
    stage.fault(Effect.CONCURRENT_CHANGE, "GetDatabase", deed=deed, times=1)
    run = stage.run(verb, NAME, *OPERATOR)
    assert run.code == 1, run
    assert one(run)["error"]["code"] == code
    assert stage.writes() == []
    assert stage.open_intents() == ()


LOST = [
    *((method, Effect.DROP, after) for method in sorted(WRITES) for after in (False, True)),
    ("UpdateDatabase", Effect.UNAVAILABLE, False),
    ("CreateDatabase", Effect.EXHAUSTED, True),
]


@pytest.mark.parametrize(("method", "effect", "after"), LOST)
def test_a_lost_answer_is_looked_up(stage: Stage, method: str, effect: Effect, after: bool) -> None:
    stage.discovered()
    if method == "UpdateDatabase":
        Edit(labels={ORIGIN: "dynamic"}).do(stage.cluster, NAME)
    stage.fault(effect, method, after=after, times=1)
    run = stage.run("adopt", NAME, *OPERATOR)
    assert run.code == 0, run
    assert stage.labels()["cachemuster/group"] == "prod"
    assert stage.actions()["orders"] == "keep/UNCHANGED"


def test_a_released_one_whose_answer_was_lost_is_released(stage: Stage) -> None:
    stage.registered()
    stage.fault(Effect.DROP, "UpdateDatabase", after=True, times=1)
    run = stage.run("release", NAME, *OPERATOR)
    assert run.code == 0, run
    assert len(stage.teleport.calls.of("UpdateDatabase")) == 1
    assert NAME not in load_state(stage.rig.directory / "cachemuster.db").registrations


def test_reads_that_lag_disturb_nothing(stage: Stage) -> None:
    stage.discovered()
    stage.cluster.store.lag = timedelta(milliseconds=300)
    run = stage.run("adopt", NAME, *OPERATOR)
    assert run.code == 0, run
    stage.cluster.store.catch_up()
    assert stage.actions()["orders"] == "keep/UNCHANGED"


BAD: list[Any] = [
    pytest.param(lambda stage: None, "cannot be read", id="no-file"),
    pytest.param(
        lambda stage: stage.cluster.issue("alice", EDITOR, lifetime=timedelta(hours=-1)).write(
            stage.rig.directory / "nobody"
        ),
        "expired",
        id="expired",
    ),
]


@pytest.mark.parametrize(("make", "text"), BAD)
def test_an_identity_that_cannot_be_used_is_named(
    stage: Stage, make: Callable[[Stage], object], text: str
) -> None:
    stage.discovered()
    make(stage)
    run = stage.run("adopt", NAME, "--identity-file", "nobody", "--yes")
    assert (run.code, run.out) == (1, ""), run
    assert text in run.err
    assert "nobody" in run.err


def test_an_operators_role_that_only_reads_sees_the_refusals(stage: Stage) -> None:
    stage.discovered()
    stage.operator(READER)
    Edit(spec={"uri": "old.example.com:6379"}).do(stage.cluster, NAME)
    run = stage.run("adopt", NAME, *OPERATOR)
    assert (run.code, run.document["refused"][0]["code"]) == (1, "URI_DISAGREES")
