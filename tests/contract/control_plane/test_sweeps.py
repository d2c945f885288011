"""The whole command before a simulated cloud and a simulated Teleport."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.roles import Role
from tests.support.teleport_sweeps import by_name, stage

pytestmark = pytest.mark.slow

CLUSTERS = [
    ("keeps the cache name", Cluster(version="18.4.0")),
    ("drops it, whatever it claims", Cluster(version="18.4.0", knows_serverless=False)),
]


@pytest.mark.parametrize(("_", "cluster"), CLUSTERS, ids=[each[0] for each in CLUSTERS])
def test_an_unchanged_sweep_writes_nothing(tmp_path: Path, _: str, cluster: Cluster) -> None:
    with stage(tmp_path, cluster) as told:
        run, first = told.sweep()
        assert (run.code, first["summary"]["create"]) == (0, 3)
        assert sorted(told.databases) == [item["name"] for item in by_name(first)]
        assert told.writes() == ["CreateDatabase"] * 3
        for command in ("sweep", "audit", "sweep"):
            run, again = told.sweep(command)
            assert run.code == 0
            assert {item["action"] for item in again["items"]} == {"keep"}
            assert told.writes() == []


def test_an_unchanged_sweep_of_an_older_server_that_is_allowed(tmp_path: Path) -> None:
    with stage(tmp_path, Cluster(version="18.1.0")) as told:
        run, refused = told.sweep()
        assert run.code == 1
        assert "allow_older" in run.err
        assert told.writes() == []
        assert refused["scopes"], "what was scanned is reported all the same"
        path = told.rig.directory / "cachemuster.yaml"
        path.write_text(
            path.read_text().replace("kind: teleport,", "kind: teleport, allow_older: true,")
        )
        for expected in (["CreateDatabase"] * 3, []):
            run, _ = told.sweep()
            assert (run.code, told.writes()) == (0, expected)


def test_what_is_worth_knowing_stands_on_stderr(tmp_path: Path) -> None:
    with stage(tmp_path, Cluster()) as told:
        run, _ = told.sweep("audit")
    assert "Cluster teleport.example.com, Teleport 18.4.0" in run.err
    assert "No Database Service is shown to bot-cachemuster: either none runs, or" in run.err


LOST = [Effect.DROP, Effect.UNAVAILABLE, Effect.EXHAUSTED]


@pytest.mark.parametrize("effect", LOST, ids=[each.value for each in LOST])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_answer_registers_nothing_twice(tmp_path: Path, effect: Effect, after: bool) -> None:
    with stage(tmp_path, Cluster()) as told:
        told.teleport.faults.add(
            Fault(effect=effect, method="CreateDatabase", after=after, times=2)
        )
        run, document = told.sweep()
        assert run.code == 0, run.err
        assert document["summary"]["failed"] == 0
        assert len(told.databases) == 3


def test_a_role_without_create_is_told_in_each_item(tmp_path: Path) -> None:
    fence = {"managed-by": "cachemuster", "cachemuster/group": "prod"}
    role = Role.of("bot", db_labels=fence, rules={"db": ["list", "read"]})
    with stage(tmp_path, Cluster(), role) as told:
        run, document = told.sweep()
    assert run.code == 3
    assert {item["error"]["code"] for item in document["items"]} == {"DENIED"}
    assert "`create` on `db`" in document["items"][0]["error"]["message"]


def test_a_name_taken_by_what_the_role_cannot_see_is_a_conflict(tmp_path: Path) -> None:
    with stage(tmp_path, Cluster()) as told:
        run, document = told.sweep()
        name = by_name(document)[1]["name"]
        placed = told.teleport.cluster.databases[name]
        placed["metadata"]["labels"] = {"whose": "theirs"}
        told.teleport.cluster.place(placed)
        for file in told.rig.directory.glob("cachemuster.db*"):
            file.unlink()
        run, document = told.sweep()
        [item] = [item for item in document["items"] if item["name"] == name]
    assert (item["action"], item["reason"]) == ("conflict", "NAME_TAKEN_UNSEEN"), run.err


def test_a_list_that_lags_registers_and_removes_nothing_twice(tmp_path: Path) -> None:
    with stage(tmp_path, Cluster()) as told:
        told.teleport.cluster.store.lag = timedelta(seconds=1)
        for _ in range(3):
            run, document = told.sweep()
            # 4: another process sees fewer registrations than it remembers, and holds (R10).
            assert run.code in (0, 4), run.err
            assert document["summary"]["failed"] == document["summary"]["delete"] == 0
        done = [call.method for call in told.teleport.calls.of("CreateDatabase", outcome="OK")]
        assert len(done) == len(told.databases) == 3
        assert not told.teleport.calls.of("DeleteDatabase")
        assert not told.teleport.calls.of("UpdateDatabase")
