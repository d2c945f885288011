"""What Auth does with `db` resources, asked with bytes made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from grpclib.const import Status

from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.messages import InvalidDocument
from tests.support.protobuf_messages import Fields, message
from tests.support.teleport_client import (
    ACCOUNT,
    CLUSTER,
    HOST,
    OURS,
    Simulation,
    database,
    served,
)

ROLE = f"arn:aws:iam::{ACCOUNT}:role/connect"


def aws(*fields: tuple[int, Any]) -> bytes:
    return message((1, "eu-central-1"), (4, ACCOUNT), *fields)


async def test_a_database_is_created_read_replaced_and_deleted(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.create("orders", description="first", labels={**OURS, "env": "prod", "empty": ""})
    first = (await caller.get("orders")).part(4)
    assert first.map(5) == {
        **OURS,
        "env": "prod",
        "empty": "",
        "teleport.dev/origin": "dynamic",
    }
    await caller.call("UpdateDatabase", database("orders", uri="other:1", labels=OURS))
    second = await caller.get("orders")
    assert second.part(4).map(5) == {**OURS, "teleport.dev/origin": "dynamic"}
    assert (second.part(4).text(3), second.part(5).text(2)) == ("", "other:1")
    assert first.text(8) != second.part(4).text(8) != ""
    await caller.call("DeleteDatabase", message((1, "orders")))
    assert (await caller.refused("GetDatabase", message((1, "orders"))))[0] is Status.NOT_FOUND
    assert simulation.teleport.calls.writes == (
        ("CreateDatabase", "orders"),
        ("UpdateDatabase", "orders"),
        ("DeleteDatabase", "orders"),
    )


async def test_an_answer_has_what_go_always_sends(simulation: Simulation) -> None:
    await simulation.caller().create("orders")
    answer = await simulation.caller().get("orders")
    assert answer.numbers() == [1, 3, 4, 5, 6]
    assert (answer.text(1), answer.text(3), answer.part(4).text(2)) == ("db", "v3", "default")
    assert answer.part(5).numbers() == [1, 2, 5, 6, 7, 8, 9, 10, 12, 13]
    assert answer.part(5).part(5).numbers() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17]
    assert answer.part(5).part(5).part(17).text(1) == "orders"
    assert answer.part(6).numbers() == [2, 3, 5]


async def test_what_the_server_does_not_know_is_dropped_and_what_it_knows_is_kept(
    simulation: Simulation,
) -> None:
    gcp = message((1, "project"), (2, "instance"))
    await simulation.caller().create(
        "orders",
        spec=message((6, gcp), (99, "new")),
        extra=message((42, "newer")),
        aws=aws((5, message((1, "group"))), (15, {"team": "x"}), (77, "newest")),
    )
    answer = await simulation.caller().get("orders")
    assert 42 not in answer.numbers()
    assert 99 not in answer.part(5).numbers()
    assert answer.part(5).bytes(6) == gcp
    cloud = answer.part(5).part(5)
    assert 77 not in cloud.numbers()
    assert cloud.bytes(5) == message((1, "group"))
    assert cloud.map(15) == {"team": "x"}


REFUSALS = {
    "name with a dot": (database("a.b"), "metadata.name"),
    "name with an underscore": (database("a_b"), "metadata.name"),
    "name that starts with a digit": (database("1a"), "metadata.name"),
    "name that ends in a hyphen": (database("a-"), "metadata.name"),
    "no name": (database(""), "metadata.name"),
    "namespace": (database("a", namespace="other"), "namespace"),
    "label key with a space": (database("a", labels={"a b": "c"}), "illegal key"),
    "label key with an equals sign": (database("a", labels={"a=b": "c"}), "illegal key"),
    "label key that is empty": (database("a", labels={"": "c"}), "illegal key"),
    "label key beyond ASCII": (database("a", labels={"é": "c"}), "illegal key"),
    "dynamic label key": (
        database("a", spec=message((4, message((1, "a b"), (2, message((1, 1))))))),
        "illegal key",
    ),
    "origin": (database("a", labels={"teleport.dev/origin": "aws"}), "unknown value"),
    "no protocol": (database("a", protocol=""), "spec.protocol is missing"),
    "protocol": (database("a", protocol="valkey"), "no database protocol"),
    "no URI": (database("a", uri=""), "spec.uri is missing"),
    "URI with a mode and no scheme": (database("a", uri="h:1?mode=cluster"), "spec.uri"),
    "URI of another scheme": (database("a", uri="https://h:1"), "spec.uri"),
    "certificate": (database("a", spec=message((8, message((2, "PEM?"))))), "tls.ca_cert"),
    "account id": (database("a", aws=message((1, "eu-central-1"), (4, "12345"))), "12 digits"),
    "external id without role": (database("a", aws=aws((10, "x"))), "external_id"),
    "role without account id": (
        database("a", aws=message((1, "eu-central-1"), (11, ROLE))),
        "account_id",
    ),
    "role of another account": (
        database("a", aws=aws((11, ROLE.replace(ACCOUNT, "999988887777")))),
        "account",
    ),
    "role of another partition": (
        database("a", aws=aws((11, ROLE.replace(":aws:", ":aws-cn:")))),
        "partition",
    ),
    "no role at all": (database("a", aws=aws((11, f"arn:aws:iam::{ACCOUNT}:user/x"))), "role"),
    "admin user": (database("a", spec=message((11, message((1, "root"))))), "admin user"),
    "admin by label, with origin cloud": (
        database(
            "a", labels={**OURS, "teleport.dev/origin": "cloud", "teleport.dev/db-admin": "root"}
        ),
        "admin user",
    ),
}


@pytest.mark.parametrize("method", ["CreateDatabase", "UpdateDatabase"])
@pytest.mark.parametrize("sent", REFUSALS.values(), ids=REFUSALS)
async def test_what_is_not_accepted(
    simulation: Simulation, method: str, sent: tuple[bytes, str]
) -> None:
    status, words = await simulation.caller().refused(method, sent[0])
    assert status is Status.INVALID_ARGUMENT
    assert sent[1] in words
    assert simulation.cluster.databases == {}


@pytest.mark.parametrize(
    "sent",
    [
        database("A-very-LONG-name" * 20),
        database("a", uri=HOST),
        database("a", uri=f"rediss://{HOST}:6379?mode=cluster"),
        database("a", aws=aws((10, "x"), (11, ROLE))),
        database("a", labels={**OURS, "teleport.dev/db-admin": "root"}),
        database("a", labels={**OURS, "a/b.c_d:e*-1": "any = value é"}),
        database("a", namespace="default"),
    ],
)
async def test_what_is_accepted(simulation: Simulation, sent: bytes) -> None:
    await simulation.caller().call("CreateDatabase", sent)
    assert len(simulation.cluster.databases) == 1


async def test_validation_comes_before_rights(simulation: Simulation) -> None:
    nobody = simulation.caller(simulation.cluster.issue("nobody"))
    bad, good = database("a.b"), database("a")
    assert (await nobody.refused("CreateDatabase", bad))[0] is Status.INVALID_ARGUMENT
    assert (await nobody.refused("CreateDatabase", good))[0] is Status.PERMISSION_DENIED
    assert (await nobody.refused("UpdateDatabase", bad))[0] is Status.INVALID_ARGUMENT
    assert (await nobody.refused("UpdateDatabase", good))[0] is Status.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("host", "region", "cache"),
    [
        ("orders-abc123.serverless.use1.cache.amazonaws.com", "us-east-1", "orders"),
        ("a-b-c-x1.serverless.apne1.cache.amazonaws.com", "ap-northeast-1", "a-b-c"),
        ("plain.serverless.cac1.cache.amazonaws.com", "ca-central-1", "plain"),
        ("x-1.serverless.USGE1.cache.amazonaws.com", "us-gov-east-1", "x"),
        ("x-1.serverless.cnn1.cache.amazonaws.com.cn", "cn-north-1", "x"),
        ("x-1.serverless.apse10.cache.amazonaws.com", "ap-southeast-10", "x"),
        ("x-1.public.serverless.use1.cache.amazonaws.com", "", ""),
        ("x-1.serverless.use.cache.amazonaws.com", "", ""),
        ("redis.example.com", "", ""),
    ],
)
@pytest.mark.parametrize("form", ["{}", "{}:6379", "rediss://{}:6379?mode=cluster"])
async def test_the_endpoint_says_what_was_left_out(
    simulation: Simulation, host: str, region: str, cache: str, form: str
) -> None:
    caller = simulation.caller()
    await caller.create("a", uri=form.format(host), aws=message((4, ACCOUNT)))
    read = (await caller.get("a")).part(5).part(5)
    assert (read.text(1), read.part(17).text(1), read.text(4)) == (region, cache, ACCOUNT)


async def test_the_endpoint_never_overrides(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.create("a", aws=message((1, "eu-west-1"), (17, message((1, "other")))))
    read = (await caller.get("a")).part(5).part(5)
    assert (read.text(1), read.part(17).text(1)) == ("eu-west-1", "other")


async def test_create_never_replaces(simulation: Simulation) -> None:
    simulation.cluster.place({"metadata": {"name": "orders"}, "spec": {"uri": "theirs:1"}})
    status, words = await simulation.caller().refused("CreateDatabase", database("orders"))
    assert (status, words) == (Status.ALREADY_EXISTS, 'database "orders" already exists')
    assert simulation.cluster.databases["orders"]["spec"]["uri"] == "theirs:1"


async def test_update_and_delete_never_create(simulation: Simulation) -> None:
    caller = simulation.caller()
    gone = (Status.NOT_FOUND, 'database "orders" doesn\'t exist')
    assert await caller.refused("UpdateDatabase", database("orders")) == gone
    assert await caller.refused("DeleteDatabase", message((1, "orders"))) == gone
    assert simulation.cluster.databases == {}


async def test_names_that_differ_in_case_are_two(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.create("orders")
    await caller.create("Orders")
    assert await caller.names() == ["Orders", "orders"]


async def test_the_last_writer_wins_whatever_revision_it_sends(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.create("orders")
    for writer, revision in (("first", ""), ("second", "stale")):
        update = database("orders", uri=f"{writer}:6379", revision=revision)
        await caller.call("UpdateDatabase", update)
        assert simulation.cluster.databases["orders"]["spec"]["uri"] == f"{writer}:6379"


async def test_unless_revisions_are_enforced(simulation: Simulation) -> None:
    simulation.cluster.store.enforces_revisions = True
    caller = simulation.caller()
    await caller.create("orders")
    revision = (await caller.get("orders")).part(4).text(8)
    await caller.call("UpdateDatabase", database("orders", revision=revision))
    status, _ = await caller.refused("UpdateDatabase", database("orders", revision=revision))
    assert status is Status.FAILED_PRECONDITION


async def test_reads_lag_behind_writes(simulation: Simulation) -> None:
    caller = simulation.caller()
    simulation.cluster.store.lag = timedelta(hours=1)
    await caller.create("orders")
    assert await caller.names() == []
    for method, request in (
        ("GetDatabase", message((1, "orders"))),
        ("UpdateDatabase", database("orders")),
        ("DeleteDatabase", message((1, "orders"))),
    ):
        assert (await caller.refused(method, request))[0] is Status.NOT_FOUND
    assert (await caller.refused("CreateDatabase", database("orders")))[0] is Status.ALREADY_EXISTS
    simulation.cluster.clock.advance(timedelta(hours=1))
    assert await caller.names() == ["orders"]


async def test_the_cache_that_reads_come_from_follows_in_steps() -> None:
    """As a real Auth Service: up to a second, and all that was written since at once."""
    start = datetime(2026, 1, 1, 12, 0, 0, 200_000, tzinfo=UTC)
    cluster = Cluster(CLUSTER, read_step=timedelta(seconds=1), clock=lambda: start)
    async with served(cluster) as simulation:
        caller = simulation.caller()
        await caller.create("orders")
        cluster.clock.advance(timedelta(milliseconds=700))
        await caller.create("carts")
        assert await caller.names() == []
        refused = await caller.refused("DeleteDatabase", message((1, "orders")))
        assert refused[0] is Status.NOT_FOUND
        cluster.clock.advance(timedelta(milliseconds=100))
        assert await caller.names() == ["carts", "orders"]
        await caller.call("DeleteDatabase", message((1, "orders")))
        cluster.clock.advance(timedelta(milliseconds=999))
        assert await caller.names() == ["carts"]


async def test_a_written_moment_of_a_step_is_read_at_once() -> None:
    start = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    cluster = Cluster(CLUSTER, read_step=timedelta(seconds=1), clock=lambda: start)
    async with served(cluster) as simulation:
        await simulation.caller().create("orders")
        assert await simulation.caller().names() == ["orders"]


async def test_what_was_deleted_is_still_read_for_a_while(simulation: Simulation) -> None:
    caller = simulation.caller()
    await caller.create("orders", description="old")
    simulation.cluster.store.lag = timedelta(hours=1)
    await caller.call("UpdateDatabase", database("orders", description="new"))
    assert (await caller.get("orders")).part(4).text(3) == "old"
    await caller.call("DeleteDatabase", message((1, "orders")))
    assert await caller.names() == ["orders"]
    assert (await caller.refused("UpdateDatabase", database("orders")))[0] is Status.NOT_FOUND
    assert (await caller.refused("DeleteDatabase", message((1, "orders"))))[0] is Status.NOT_FOUND
    simulation.cluster.store.catch_up()
    assert await caller.names() == []


async def test_pages_go_on_to_the_last(simulation: Simulation) -> None:
    for number in range(25):
        await simulation.caller().create(
            f"db-{number:02}"
        ) if number < 1 else simulation.cluster.place(
            {"metadata": {"name": f"db-{number:02}", "labels": OURS}}
        )
    caller, sizes, token = simulation.caller(), [], ""
    while True:
        page = await caller.call("ListDatabases", message((1, 10), (2, token)))
        sizes.append(len(page.every(1)))
        token = page.text(2)
        if not token:
            break
    assert sizes == [10, 10, 5]


@pytest.mark.parametrize(
    ("asked", "got"), [(0, 7), (-1, 7), (3, 3), (1000, 7)], ids=["0", "-1", "3", "1000"]
)
async def test_the_server_has_the_last_word_on_a_pages_size(
    simulation: Simulation, asked: int, got: int
) -> None:
    simulation.cluster.behaviour.page_size = 7
    for number in range(20):
        simulation.cluster.place({"metadata": {"name": f"db-{number:02}", "labels": OURS}})
    page = await simulation.caller().call("ListDatabases", message((1, asked)))
    assert len(page.every(1)) == got
    assert page.text(2) != ""


async def test_a_page_can_be_empty_and_not_the_last(simulation: Simulation) -> None:
    simulation.cluster.behaviour.page_size = 2
    for name in ("a", "b", "c", "d"):
        simulation.cluster.place({"metadata": {"name": name, "labels": {"managed-by": "others"}}})
    simulation.cluster.place({"metadata": {"name": "e", "labels": OURS}})
    page = await simulation.caller().call("ListDatabases")
    assert (page.every(1), page.text(2)) == ([], "c")
    assert await simulation.caller().names() == ["e"]


async def test_all_at_once(simulation: Simulation) -> None:
    simulation.cluster.behaviour.page_size = 2
    for number in range(5):
        simulation.cluster.place({"metadata": {"name": f"db-{number}", "labels": OURS}})
    simulation.cluster.place({"metadata": {"name": "theirs"}})
    answer = await simulation.caller().call("GetDatabases")
    names = [Fields(one).part(4).text(1) for one in answer.every(1)]
    assert names == [f"db-{number}" for number in range(5)]


async def test_a_request_may_have_4_mib(simulation: Simulation) -> None:
    caller, limit = simulation.caller(), 4 * 1024 * 1024
    bare = len(database("a", description="x")) + 6  # three lengths grow by up to three bytes
    await caller.create("a", description="x" * (limit - bare - 10))
    status, words = await caller.refused("CreateDatabase", database("b", description="x" * limit))
    assert status is Status.RESOURCE_EXHAUSTED
    assert "larger than max" in words
    assert "vs. 4194304" in words
    assert len((await caller.get("a")).bytes(4)) > limit - 1000


@pytest.mark.parametrize(
    ("version", "pages", "keeps"),
    [
        ("18.1.6", False, False),
        ("18.1.7", True, False),
        ("18.2.1", True, False),
        ("18.2.2", True, True),
        ("19.0.0-dev", True, True),
        ("17.7.2", False, False),
    ],
)
async def test_versions(version: str, pages: bool, keeps: bool) -> None:
    async with served(Cluster(CLUSTER, version=version)) as simulation:
        caller = simulation.caller()
        assert (await caller.call("Ping")).text(2) == version
        await caller.create("orders")
        cloud = (await caller.get("orders")).part(5).part(5)
        assert cloud.text(1) == "eu-central-1"
        assert cloud.part(17).text(1) == ("orders" if keeps else "")
        if pages:
            assert await caller.names() == ["orders"]
        else:
            assert (await caller.refused("ListDatabases"))[0] is Status.UNIMPLEMENTED
        assert len((await caller.call("GetDatabases")).every(1)) == 1


async def test_a_server_that_drops_the_field_whatever_it_claims() -> None:
    cluster = Cluster(CLUSTER, version="18.4.0", knows_serverless=False, lists_in_pages=True)
    async with served(cluster) as simulation:
        await simulation.caller().create("orders")
        simulation.cluster.place(
            {
                "metadata": {"name": "placed", "labels": OURS},
                "spec": {"aws": {"elasticache_serverless": {"cache_name": "x"}}},
            }
        )
        for name in ("orders", "placed"):
            answer = await simulation.caller().get(name)
            assert answer.part(5).part(5).part(17).numbers() == []


@pytest.mark.parametrize("version", ["18", "latest", "18.4", ""])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        Cluster(version=version)


@pytest.mark.parametrize(
    "method",
    ["UpsertDatabase", "DeleteAllDatabases", "AcquireSemaphore", "WatchEvents"],
)
async def test_a_method_that_is_not_there(simulation: Simulation, method: str) -> None:
    assert (await simulation.person.refused(method))[0] is Status.UNIMPLEMENTED


async def test_bytes_that_are_no_message(simulation: Simulation) -> None:
    assert (await simulation.caller().refused("CreateDatabase", b"\xff\xff"))[0] is Status.INTERNAL


async def test_placed_by_model_or_by_document(simulation: Simulation) -> None:
    placed = Database(
        name=ResourceName("orders"),
        labels=OURS,
        description="d",
        spec={"protocol": "redis", "uri": f"{HOST}:6379", "aws": {"region": "eu-central-1"}},
    )
    simulation.cluster.place(placed)
    answer = await simulation.caller().get("orders")
    assert answer.part(4).map(5) == {**OURS, "teleport.dev/origin": "dynamic"}
    assert answer.part(5).part(5).text(1) == "eu-central-1"
    document = simulation.cluster.databases["orders"]
    assert (document["kind"], document["version"]) == ("db", "v3")
    assert document["spec"] == placed.spec
    with pytest.raises(InvalidDocument, match="no field named"):
        simulation.cluster.place({"metadata": {"nome": "x"}})
    assert list(simulation.cluster.databases) == ["orders"]
