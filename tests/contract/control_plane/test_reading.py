"""Listing to the last page, reading, and what a role may not see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from discovery.control_plane.base import Denied, Malformed, Unavailable
from discovery.control_plane.teleport import grpc_channel
from discovery.control_plane.teleport import reader as reading
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.roles import Role
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.teleport_site import GROUP, Site, registration

FENCE = {"managed-by": "cachemuster", "cachemuster/group": GROUP}
VERBS = ("list", "read", "create", "update", "delete")


def role(*, without: str = "", labels: dict[str, str] = FENCE) -> Role:
    verbs = [each for each in VERBS if each != without]
    return Role.of("bot", db_labels=labels, rules={"db": verbs})


async def test_a_list_goes_to_its_last_page(site: Site) -> None:
    site.cluster.behaviour.page_size = 2
    for number in range(7):
        site.cluster.place(registration(f"cache-{number}"))
    async with site.reader() as reader:
        assert [each.name for each in await reader.list_databases()] == [
            f"cache-{number}" for number in range(7)
        ]
    assert len(site.teleport.calls.of("ListDatabases")) == 4


async def test_short_and_empty_pages_do_not_end_a_list(site: Site) -> None:
    """Pages are cut before what a role may not see is left out (teleport/README: Limits)."""
    site.cluster.behaviour.page_size = 2
    for number in range(6):
        other = {} if number in (0, 5) else {"cachemuster/group": "other"}
        site.cluster.place(registration(f"cache-{number}", **other))
    async with site.reader() as reader:
        assert [each.name for each in await reader.list_databases()] == ["cache-0", "cache-5"]


async def test_a_repeated_token_is_no_list(site: Site) -> None:
    site.cluster.behaviour.page_size = 2
    for number in range(6):
        site.cluster.place(registration(f"cache-{number}"))
    site.teleport.faults.add(Fault(effect=Effect.REPEATED_TOKEN, method="ListDatabases"))
    async with site.reader() as reader:
        with pytest.raises(Malformed, match="same page twice"):
            await reader.list_databases()


async def test_an_answer_that_says_it_is_larger_than_any_is_not_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        site.cluster.place(registration(f"cache-{number}"))
    async with site.reader() as reader:
        await reader.ping()
        monkeypatch.setattr(grpc_channel, "LARGEST_ANSWER_BYTES", 1000)
        with pytest.raises(Malformed, match="no answer"):
            await reader.list_databases()
        monkeypatch.undo()
        assert len(await reader.list_databases()) == 20, "the connection serves on"


@pytest.mark.parametrize("effect", [Effect.UNAVAILABLE, Effect.EXHAUSTED, Effect.DROP])
async def test_a_page_that_fails_is_asked_again(site: Site, effect: Effect) -> None:
    site.cluster.behaviour.page_size = 1
    for number in range(3):
        site.cluster.place(registration(f"cache-{number}"))
    site.teleport.faults.add(Fault(effect=effect, method="ListDatabases", skip=1, times=2))
    async with site.reader() as reader:
        assert len(await reader.list_databases()) == 3


async def test_a_list_that_goes_on_failing_is_no_list(site: Site) -> None:
    site.cluster.behaviour.page_size = 1
    for number in range(3):
        site.cluster.place(registration(f"cache-{number}"))
    site.teleport.faults.add(Fault(effect=Effect.UNAVAILABLE, method="ListDatabases", skip=1))
    async with site.reader() as reader:
        with pytest.raises(Unavailable, match="listing databases"):
            await reader.list_databases()
    assert len(site.teleport.calls.of("ListDatabases")) == 1 + 4


async def test_a_slow_page_is_given_up_in_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_DEADLINE_S", 0.1)
    site.teleport.faults.add(Fault(effect=Effect.SLOW, method="ListDatabases", delay_s=5))
    async with site.reader() as reader:
        with pytest.raises(Unavailable, match="no answer in time"):
            await reader.list_databases()


class TestAnOldServer:
    """Before 18.1.7 there is no ListDatabases."""

    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(version="18.1.0"))

    async def test_is_listed_all_the_same(self, site: Site) -> None:
        site.cluster.place(registration())
        async with site.reader(allow_older=True) as reader:
            for _ in range(2):
                assert [each.name for each in await reader.list_databases()] == ["orders"]
        assert len(site.teleport.calls.of("GetDatabases")) == 2


LACKING = [
    ("list", "listing databases"),
    ("read", "reading database orders"),
    ("create", "creating database fresh"),
    ("update", "updating database orders"),
    ("delete", "removing database orders"),
]


@pytest.mark.parametrize(("verb", "doing"), LACKING, ids=[each[0] for each in LACKING])
async def test_a_role_without_a_verb_is_told_which(site: Site, verb: str, doing: str) -> None:
    site.cluster.place(registration())
    site.write_identity(role(without=verb))
    async with site.client() as client:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "list": client.list_databases,
            "read": lambda: client.get(registration().name),
            "create": lambda: client.create(registration("fresh")),
            "update": lambda: client.update(registration(new="label")),
            "delete": lambda: client.delete(registration().name),
        }
        with pytest.raises(Denied) as denied:
            await calls[verb]()
    text = str(denied.value)
    assert text.startswith(f"{doing}: no role of bot-cachemuster allows the verb `{verb}` on `db`")
    assert not denied.value.retryable


async def test_a_role_with_the_wrong_label_is_told_so(site: Site) -> None:
    site.cluster.place(registration())
    site.write_identity(role(labels={"managed-by": "somebody"}))
    async with site.client() as client:
        assert await client.list_databases() == ()
        calls = (
            client.get(registration().name),
            client.create(registration("fresh")),
            client.update(registration(new="label")),
            client.delete(registration().name),
        )
        for call in calls:
            with pytest.raises(Denied, match=r"db_labels do not match.*cachemuster/group"):
                await call
    assert list(site.cluster.databases) == ["orders"]


async def test_no_writing_method_is_in_reach_of_a_dry_run(site: Site) -> None:
    reader = site.reader()
    assert not any(hasattr(reader, name) for name in ("create", "update", "delete"))
