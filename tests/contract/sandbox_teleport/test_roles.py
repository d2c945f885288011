"""Roles: what they let one do, and which databases exist for whom (teleport/README: Roles)."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from grpclib.const import Status

from discovery.sandbox.teleport.roles import Role, bot_role
from tests.support.protobuf_messages import Fields, message
from tests.support.teleport_client import GROUP, OURS, Caller, Simulation, database

EVERYTHING = {"*": "*"}
ALL_VERBS = ("list", "read", "create", "update", "delete")
ASKS = {
    "ListDatabases": b"",
    "GetDatabases": b"",
    "GetDatabase": message((1, "ours")),
    "CreateDatabase": database("new"),
    "UpdateDatabase": database("ours"),
    "DeleteDatabase": message((1, "ours")),
}
NEEDS = {
    "ListDatabases": {"list", "read"},
    "GetDatabases": {"list", "read"},
    "GetDatabase": {"read"},
    "CreateDatabase": {"create"},
    "UpdateDatabase": {"update"},
    "DeleteDatabase": {"delete"},
}


@pytest.fixture(autouse=True)
def placed(simulation: Simulation) -> None:
    """One of ours, one of somebody else."""
    simulation.cluster.place({"metadata": {"name": "ours", "labels": OURS}})
    simulation.cluster.place({"metadata": {"name": "theirs", "labels": {"managed-by": "others"}}})


async def outcome(caller: Caller, method: str) -> Status | None:
    try:
        await caller.call(method, ASKS[method])
    except Exception as error:
        return getattr(error, "status", None) or Status.UNKNOWN
    return None


@pytest.mark.parametrize("missing", ALL_VERBS)
@pytest.mark.parametrize("method", ASKS)
async def test_each_verb(simulation: Simulation, method: str, missing: str) -> None:
    verbs = [verb for verb in ALL_VERBS if verb != missing]
    caller = simulation.as_role(Role.of("bot", db_labels=EVERYTHING, rules={"db": verbs}))
    expected = Status.PERMISSION_DENIED if missing in NEEDS[method] else None
    assert await outcome(caller, method) is expected


async def test_the_words_name_the_verb(simulation: Simulation) -> None:
    caller = simulation.as_role(Role.of("bot", db_labels=EVERYTHING, rules={"db": "read"}))
    assert await caller.refused("CreateDatabase", database("new")) == (
        Status.PERMISSION_DENIED,
        'access denied to perform action "create" on "db"',
    )


async def test_what_labels_hide_is_invisible_in_lists_and_denied_by_name(
    simulation: Simulation,
) -> None:
    caller = simulation.caller()
    assert await caller.names() == ["ours"]
    assert len((await caller.call("GetDatabases")).every(1)) == 1
    for method, request in (
        ("GetDatabase", message((1, "theirs"))),
        ("UpdateDatabase", database("theirs")),
        ("DeleteDatabase", message((1, "theirs"))),
        ("CreateDatabase", database("new", labels={"managed-by": "others"})),
    ):
        assert (await caller.refused(method, request))[0] is Status.PERMISSION_DENIED
    assert list(simulation.cluster.databases) == ["ours", "theirs"]


async def test_an_invisible_name_is_taken_all_the_same(simulation: Simulation) -> None:
    status, _ = await simulation.caller().refused("CreateDatabase", database("theirs"))
    assert status is Status.ALREADY_EXISTS


async def test_nobody_can_give_a_database_away_by_update(simulation: Simulation) -> None:
    given_away = database("ours", labels={"managed-by": "others"})
    assert (await simulation.caller().refused("UpdateDatabase", given_away))[
        0
    ] is Status.PERMISSION_DENIED


async def test_rules_without_labels_see_nothing(simulation: Simulation) -> None:
    caller = simulation.as_role(Role.of("bot", rules={"db": ALL_VERBS}))
    assert await caller.names() == []
    status, _ = await caller.refused("CreateDatabase", database("new"))
    assert status is Status.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("labels", "seen"),
    [
        ({"*": "*"}, True),
        ({"managed-by": "cachemuster"}, True),
        ({"managed-by": ["others", "cachemuster"]}, True),
        ({"managed-by": "cache*"}, True),
        ({"managed-by": "^cache(muster|r)$"}, True),
        ({"managed-by": "*", "cachemuster/group": "*"}, True),
        ({"managed-by": "cachemuster", "cachemuster/group": "other"}, False),
        ({"managed-by": "Cachemuster"}, False),
        ({"missing": "*"}, False),
        ({}, False),
    ],
)
async def test_label_patterns(simulation: Simulation, labels: dict[str, Any], seen: bool) -> None:
    caller = simulation.as_role(Role.of("bot", db_labels=labels, rules={"db": ALL_VERBS}))
    assert ("ours" in await caller.names()) is seen


async def test_denied_labels_hide(simulation: Simulation) -> None:
    caller = simulation.as_role(
        Role.of(
            "bot",
            db_labels=EVERYTHING,
            rules={"db": ALL_VERBS},
            deny_labels={"managed-by": "others"},
        )
    )
    assert await caller.names() == ["ours"]
    status, _ = await caller.refused("GetDatabase", message((1, "theirs")))
    assert status is Status.PERMISSION_DENIED


async def test_a_denied_verb_beats_every_other_role(simulation: Simulation) -> None:
    denied = Role.of("no-deletes", deny_rules={"db": "delete"})
    caller = simulation.caller(simulation.cluster.issue("alice", "editor", denied))
    assert await outcome(caller, "DeleteDatabase") is Status.PERMISSION_DENIED
    assert await outcome(caller, "UpdateDatabase") is None


async def test_roles_add_up(simulation: Simulation) -> None:
    caller = simulation.caller(
        simulation.cluster.issue(
            "bot", Role.of("sees", db_labels=EVERYTHING), Role.of("does", rules={"db": ALL_VERBS})
        )
    )
    assert await caller.names() == ["ours", "theirs"]


async def test_a_changed_role_counts_at_once_on_an_open_connection(simulation: Simulation) -> None:
    caller = simulation.caller()
    assert await caller.names() == ["ours"]
    simulation.cluster.set_role(bot_role("another-group"))
    assert await caller.names() == []
    simulation.cluster.remove_role("cachemuster")
    assert (await caller.refused("ListDatabases"))[0] is Status.PERMISSION_DENIED


ROLE_DOCUMENT = """
kind: role
version: v7
metadata: {name: cachemuster}
spec:
  allow:
    db_labels: {managed-by: cachemuster, cachemuster/group: prod}
    db_service_labels: {"*": "*"}
    rules:
      - {resources: [db], verbs: [list, read, create, update, delete]}
      - {resources: [db_service, db_server], verbs: [list, read]}
"""


def test_a_role_as_tctl_takes_it() -> None:
    read = Role.from_document(yaml.safe_load(ROLE_DOCUMENT))
    ours = bot_role(GROUP)
    assert (read.name, read.allow.labels) == (ours.name, ours.allow.labels)
    assert read.allow.service_labels == ours.allow.service_labels
    for kind in ("db", "db_service", "db_server", "node"):
        for verb in ALL_VERBS:
            assert read.allow.has(verb, kind) == ours.allow.has(verb, kind)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "user", "metadata": {"name": "x"}, "spec": {}},
        {"kind": "role", "spec": {}},
        {"kind": "role", "metadata": {"name": "x"}, "spec": {"allow": {"rules": [{}]}}},
        {
            "kind": "role",
            "metadata": {"name": "x"},
            "spec": {"allow": {"db_labels": {"a": "^($"}}},
        },
    ],
)
def test_what_is_no_role(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="role"):
        Role.from_document(document)


async def list_kind(caller: Caller, kind: str, limit: int = 10, start: str = "") -> Fields:
    return await caller.call("ListResources", message((1, kind), (3, limit), (4, start)))


async def test_database_services(simulation: Simulation) -> None:
    simulation.cluster.place_service(
        "agent-1", {"managed-by": "cachemuster"}, {"env": ["dev", "qa"]}
    )
    simulation.cluster.place_service("agent-2", {"*": "*"})
    page = await list_kind(simulation.caller(), "db_service", limit=1)
    assert page.text(2) == "agent-2"
    service = Fields(page.every(1)[0]).part(9)
    header, spec = service.part(1), service.part(2)
    assert (header.text(1), header.part(4).text(1)) == ("db_service", "agent-1")
    found = []
    for matcher in spec.every(1):
        entries = [Fields(entry) for entry in Fields(matcher).part(1).every(1)]
        found.append({e.text(1): [v.decode() for v in e.part(2).every(1)] for e in entries})
    assert found == [{"managed-by": ["cachemuster"]}, {"env": ["dev", "qa"]}]
    page = await list_kind(simulation.caller(), "db_service", limit=1, start=page.text(2))
    assert (len(page.every(1)), page.text(2)) == (1, "")


@pytest.mark.parametrize(
    ("labels", "deny", "shown"),
    [
        ({"*": "*"}, {}, ["agent"]),
        ({}, {}, []),
        ({"env": "prod"}, {}, []),
        ({"*": "*"}, {"*": "*"}, []),
    ],
    ids=["all", "none", "other labels", "denied"],
)
async def test_database_services_are_shown_by_their_own_labels_and_without_an_error(
    simulation: Simulation, labels: dict[str, str], deny: dict[str, str], shown: list[str]
) -> None:
    document = yaml.safe_load(ROLE_DOCUMENT)
    document["spec"]["allow"]["db_service_labels"] = labels
    document["spec"]["deny"] = {"db_service_labels": deny}
    simulation.cluster.place_service("agent", {"*": "*"})
    page = await list_kind(simulation.as_role(Role.from_document(document)), "db_service")
    names = [Fields(one).part(9).part(1).part(4).text(1) for one in page.every(1)]
    assert names == shown


async def test_database_servers(simulation: Simulation) -> None:
    for name in ("ours", "theirs"):
        simulation.cluster.place_server(simulation.cluster.databases[name], health="unhealthy")
    page = await list_kind(simulation.caller(), "db_server")
    [server] = [Fields(one).part(1) for one in page.every(1)]  # theirs is out of sight
    assert server.part(4).text(1) == "ours"
    assert server.part(5).part(12).part(4).map(5).items() >= OURS.items()
    assert server.part(6).part(14).text(3) == "unhealthy"


@pytest.mark.parametrize("kind", ["db_service", "db_server"])
@pytest.mark.parametrize("verb", ["list", "read"])
async def test_agents_need_both_verbs(simulation: Simulation, kind: str, verb: str) -> None:
    caller = simulation.as_role(Role.of("bot", db_labels=EVERYTHING, rules={kind: verb}))
    status, words = await caller.refused("ListResources", message((1, kind), (3, 10)))
    assert status is Status.PERMISSION_DENIED
    assert f'on "{kind}"' in words


async def test_databases_are_not_listed_as_resources(simulation: Simulation) -> None:
    status, _ = await simulation.person.refused("ListResources", message((1, "db"), (3, 10)))
    assert status is Status.UNIMPLEMENTED


async def test_a_listing_of_resources_needs_a_limit(simulation: Simulation) -> None:
    status, _ = await simulation.person.refused("ListResources", message((1, "db_service")))
    assert status is Status.INVALID_ARGUMENT
