"""A sweep during which somebody else acts: other writers, renewed identities, changed roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.control_plane.teleport import identity_file
from discovery.sandbox.teleport.changes import (
    ChangeRole,
    ClusterChange,
    Copy,
    Edit,
    Remove,
    TakeOver,
)
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.roles import EDITOR, Role, bot_role
from tests.support.command_line import FRANKFURT, HUB
from tests.support.teleport_sweeps import TeleportAgent, agent, by_name

pytestmark = pytest.mark.slow

ARN = f"arn:aws:elasticache:{FRANKFURT}:{HUB}:serverlesscache:orders"
NAME = f"orders-elasticache-serverless-{FRANKFURT}-{HUB}"


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity file is read before every call instead of every few seconds."""
    monkeypatch.setattr(identity_file, "READ_EVERY_S", 0.0)


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[TeleportAgent]:
    """The three caches are registered; of orders a tag has changed since."""
    with agent(tmp_path, Cluster()) as reported:
        run, _ = reported.sweep()
        assert run.code == 0, run
        reported.cli.region().set_tags(ARN, {"env": "staging"}, lag=timedelta(0))
        reported.teleport.calls.clear()
        yield reported


def meanwhile(
    reported: TeleportAgent, method: str, deed: ClusterChange, *, name: str = NAME, **more: Any
) -> None:
    """`skip`: the first list is the preflight's."""
    fault = Fault(
        effect=Effect.CONCURRENT_CHANGE, method=method, name=name, deed=deed, times=1, **more
    )
    reported.teleport.faults.add(fault)


def sweep_orders(reported: TeleportAgent) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
    """Exit code, the item of orders, and what was written."""
    run, document = reported.sweep()
    [item] = [each for each in by_name(document) if each["cache"] == "orders"]
    return run.code, item, list(reported.teleport.calls.writes)


def said(item: dict[str, Any]) -> str:
    return f"{item['action']}/{item['reason']}"


def test_what_is_taken_over_after_the_list_is_left_alone(registered: TeleportAgent) -> None:
    meanwhile(registered, "GetDatabase", TakeOver(by="terraform"))
    code, item, writes = sweep_orders(registered)
    assert (code, said(item), writes) == (0, "conflict/OWNER_CHANGED", [])
    labels = registered.teleport.cluster.databases[NAME]["metadata"]["labels"]
    assert labels["managed-by"] == "terraform"


def test_what_is_edited_after_the_list_keeps_what_is_not_ours(registered: TeleportAgent) -> None:
    edit = Edit(labels={"theirs": "yes"}, spec={"tls": {"server_name": "x"}})
    meanwhile(registered, "GetDatabase", edit)
    code, item, writes = sweep_orders(registered)
    assert (code, said(item), writes) == (0, "update/LABELS_CHANGED", [("UpdateDatabase", NAME)])
    kept = registered.teleport.cluster.databases[NAME]
    assert kept["spec"]["tls"] == {"server_name": "x"}
    assert kept["metadata"]["labels"]["env"] == "staging"
    # The label is drift once the list has shown it; the specification beside the URI is theirs.
    assert said(sweep_orders(registered)[1]) == "update/DRIFT"
    kept = registered.teleport.cluster.databases[NAME]
    assert kept["spec"]["tls"] == {"server_name": "x"}
    assert "theirs" not in kept["metadata"]["labels"]
    assert said(sweep_orders(registered)[1]) == "keep/UNCHANGED"


def test_what_is_removed_after_the_list_is_registered_by_the_next_sweep(
    registered: TeleportAgent,
) -> None:
    meanwhile(registered, "GetDatabase", Remove())
    code, item, writes = sweep_orders(registered)
    assert (code, item["error"]["code"], writes) == (3, "NOT_FOUND", [])
    code, item, _ = sweep_orders(registered)
    assert (code, said(item), item["applied"]) == (0, "create/NEW", True)


def test_a_copy_made_after_the_list_is_a_duplicate_to_the_next_sweep(
    registered: TeleportAgent,
) -> None:
    meanwhile(registered, "GetDatabase", Copy(to="copied"))
    assert sweep_orders(registered)[0] == 0
    _, document = registered.sweep()
    copied = [each for each in document["items"] if each["name"] == "copied"]
    assert [said(each) for each in copied] == ["conflict/DUPLICATE_REGISTRATION"]
    assert "copied" in registered.teleport.cluster.databases


def test_a_revision_that_is_enforced_means_another_look(registered: TeleportAgent) -> None:
    """Teleport 18.0 takes any revision; should another not, we read again.

    See teleport/README: Reads and writes.
    """
    registered.teleport.cluster.store.enforces_revisions = True
    meanwhile(registered, "UpdateDatabase", Edit(description="theirs"))
    code, item, writes = sweep_orders(registered)
    assert (code, item["applied"]) == (0, True), item
    assert writes == [("UpdateDatabase", NAME)] * 2
    outcomes = [call.outcome for call in registered.teleport.calls.of("UpdateDatabase")]
    assert outcomes == ["FAILED_PRECONDITION", "OK"]


BLIND = Role.of("cachemuster", db_labels={"env": "nowhere"}, rules={"db": "*"})


@pytest.mark.parametrize("after", [False, True], ids=["before the list", "after the list"])
def test_a_list_that_shrinks_because_a_role_changed_removes_nothing(
    registered: TeleportAgent, after: bool
) -> None:
    meanwhile(registered, "ListDatabases", ChangeRole(role=BLIND), name="*", after=after, skip=1)
    run, document = registered.sweep()
    if after:  # what was listed is true, and nothing may be written any more
        [item] = [each for each in document["items"] if each["cache"] == "orders"]
        assert (run.code, said(item)) == (0, "conflict/OWNER_CHANGED")
        assert "db_labels do not match" in item["message"]
    else:
        assert run.code == 4
        assert {said(each) for each in document["items"]} == {"conflict/NAME_TAKEN_UNSEEN"}
    assert document["summary"]["delete"] == 0
    assert len(registered.databases) == 3
    registered.teleport.cluster.set_role(bot_role("prod"))
    code, _, _ = sweep_orders(registered)
    assert code == 0
    assert len(registered.databases) == 3


@dataclass(frozen=True, slots=True)
class Does:
    """A deed that is done to more than databases."""

    what: Callable[[Cluster], object]

    def do(self, cluster: Cluster, _subject: str) -> None:
        self.what(cluster)


def renewal(reported: TeleportAgent) -> Callable[[Cluster], object]:
    path = reported.cli.directory / "identity"
    return lambda cluster: cluster.issue("bot-cachemuster", bot_role("prod")).write(path)


def test_an_identity_renewed_in_mid_sweep_loses_no_call(registered: TeleportAgent) -> None:
    meanwhile(registered, "GetDatabase", Does(renewal(registered)))
    code, item, _ = sweep_orders(registered)
    assert (code, item["applied"]) == (0, True), item
    listed = registered.teleport.calls.of("ListDatabases")[-1]
    [updated] = registered.teleport.calls.of("UpdateDatabase")
    assert listed.connection != updated.connection
    read = registered.teleport.calls.of("GetDatabase", name=NAME)
    assert {call.outcome for call in read} == {"OK"}


def test_an_identity_half_written_in_mid_sweep_loses_no_call(registered: TeleportAgent) -> None:
    path = registered.cli.directory / "identity"
    whole = path.read_text()
    meanwhile(registered, "GetDatabase", Does(lambda _: path.write_text(whole[:700])))
    code, item, _ = sweep_orders(registered)
    assert (code, item["applied"]) == (0, True), item


def test_a_ca_rotated_in_mid_sweep_fails_what_is_left_and_heals(registered: TeleportAgent) -> None:
    def rotate(cluster: Cluster) -> None:
        cluster.rotate()
        registered.teleport.disconnect()

    meanwhile(registered, "GetDatabase", Does(rotate), after=True)
    code, item, writes = sweep_orders(registered)
    assert (code, item["applied"], item["error"]["code"]) == (3, False, "UNTRUSTED")
    assert "CA was rotated" in item["error"]["message"]
    assert writes == []
    renewal(registered)(registered.teleport.cluster)
    code, item, _ = sweep_orders(registered)
    assert (code, item["applied"]) == (0, True)


def test_a_ca_rotated_in_phases_in_mid_sweep_loses_nothing(registered: TeleportAgent) -> None:
    def begin(cluster: Cluster) -> None:
        cluster.begin_rotation()
        renewal(registered)(cluster)

    def finish(cluster: Cluster) -> None:
        cluster.finish_rotation()
        registered.teleport.disconnect()

    meanwhile(registered, "ListDatabases", Does(begin), name="*", skip=1)
    meanwhile(registered, "GetDatabase", Does(finish), after=True)
    code, item, _ = sweep_orders(registered)
    assert (code, item["applied"]) == (0, True), item


def test_an_identity_that_expires_and_is_not_renewed_is_a_clear_failure(tmp_path: Path) -> None:
    with agent(tmp_path, Cluster()) as reported:
        path = reported.cli.directory / "identity"
        reported.teleport.cluster.issue(
            "bot-cachemuster", bot_role("prod"), lifetime=timedelta(minutes=-1)
        ).write(path)
        run, document = reported.sweep()
    assert run.code == 1
    assert "expired at" in run.err
    assert "tbot" in run.err
    assert {said(each) for each in document["items"]} == {"held/REGISTRY_UNREAD"}


def test_the_same_cache_served_from_a_file_is_noted(registered: TeleportAgent) -> None:
    """A database in a Database Service's own configuration is in no list, and in `db_server`."""
    cluster = registered.teleport.cluster
    cluster.issue("bot-cachemuster", EDITOR).write(registered.cli.directory / "identity")
    registered.taken_as = "FOREIGN"
    uri = cluster.databases[NAME]["spec"]["uri"]
    for name, at in (("by-hand", f"rediss://{uri.upper()}?mode=cluster"), (NAME, uri)):
        document = {"metadata": {"name": name}, "spec": {"protocol": "redis", "uri": at}}
        cluster.place_server(document)
    run, report = registered.sweep("audit")
    notes = {each["cache"]: each["notes"] for each in report["items"]}
    assert run.code == 0
    [note] = notes["orders"]
    assert (note["code"], note["message"]) == (
        "SAME_URI_ELSEWHERE",
        "also served by a Database Service as by-hand",
    )
    assert notes["payments"] == []
