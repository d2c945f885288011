"""What is said before a sweep."""

from __future__ import annotations

import re

import pytest

from discovery.control_plane.teleport.preflight import preflight
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.teleport_site import GROUP, Site, registration

FENCE = {"managed-by": "cachemuster", "cachemuster/group": GROUP}


async def lines(site: Site, route: str = "auth", **changes: object) -> tuple[str, ...]:
    async with site.reader(route, **changes) as reader:
        return (await preflight(reader, GROUP)).lines(GROUP, site.now())


async def test_all_is_well_in_one_line(site: Site) -> None:
    site.cluster.place(registration())
    site.cluster.place_service("agent", {"managed-by": "cachemuster"})
    [line] = await lines(site, "proxy")
    assert re.fullmatch(
        r"Cluster teleport\.example\.com, Teleport 18\.4\.0, the Auth Service through the Proxy "
        r"Service at 127\.0\.0\.1:\d+; as bot-cachemuster until [0-9TZ:-]+ \(59 min left\)",
        line,
    )


UNSEEN = "No Database Service is shown to bot-cachemuster: either none runs, or its role hides them"
GRANT = "`db_service_labels: {'*': '*'}`"
RULES = {"db": ["list", "read"], "db_service": ["list", "read"], "db_server": ["list", "read"]}


async def test_without_a_service_nothing_can_be_reached(site: Site) -> None:
    *_, line = await lines(site)
    assert line.startswith(UNSEEN)
    assert 'labels: {managed-by: cachemuster, cachemuster/group: "prod"}' in line


async def test_a_role_without_db_service_labels_is_not_told_that_no_service_runs(
    site: Site,
) -> None:
    """The list is empty without an error, as it is where none runs: both are said."""
    site.cluster.place_service("agent", {"managed-by": "cachemuster"})
    site.write_identity(Role.of("bot", db_labels=FENCE, rules=RULES))
    *_, line = await lines(site)
    assert line.startswith(UNSEEN)
    assert GRANT in line


async def test_a_role_that_hides_a_service_which_serves_ours_is_known_to(
    site: Site,
) -> None:
    site.cluster.place_service("agent", {"managed-by": "cachemuster"})
    site.cluster.place_server(registration(), hostname="db-agent")
    site.write_identity(Role.of("bot", db_labels=FENCE, rules=RULES))
    *_, line = await lines(site)
    assert line.startswith("No role of bot-cachemuster shows any Database Service, though one ")
    assert "(db-agent)" in line
    assert GRANT in line


async def test_what_no_service_would_serve_is_named(site: Site) -> None:
    for name in ("a", "b", "c", "d", "e"):
        site.cluster.place(registration(name, env="test"))
    site.cluster.place(registration("served", env="prod"))
    site.cluster.place_service("agent", {"env": ["prod", "st*"]}, {"managed-by": "another"})
    *_, line = await lines(site)
    assert line.startswith("No Database Service would serve a, b, c and 2 more: give one ")


async def test_before_the_first_registration_the_common_labels_are_judged(
    site: Site,
) -> None:
    site.cluster.place_service("agent", {"managed-by": "another"})
    *_, line = await lines(site)
    assert line.startswith("No Database Service would serve what will be registered")


async def test_what_cannot_be_read_is_said_and_stops_nothing(site: Site) -> None:
    site.write_identity(Role.of("bot", db_labels=FENCE, rules={"db": ["read"]}))
    _, *problems = await lines(site)
    assert [each.split(":")[0] for each in problems] == [
        "Databases cannot be listed",
        "Whether a Database Service serves them cannot be seen",
        "What Database Services serve cannot be seen",
    ]
    assert "{resources: [db_service], verbs: [list, read]}" in problems[1]


async def test_a_cluster_that_cannot_be_reached_is_one_line(site: Site) -> None:
    [line] = await lines(site, address="127.0.0.1:1")
    assert "127.0.0.1:1 cannot be reached" in line


async def test_an_exposed_identity_is_warned_of(site: Site) -> None:
    site.cluster.place_service("agent", {"*": "*"})
    site.write_identity().chmod(0o644)
    assert (await lines(site))[1] == (
        "The identity file can be read by others than its owner: `chmod 600` it"
    )


async def test_what_is_served_is_listed_with_its_health(site: Site) -> None:
    site.cluster.place_server(registration(), health="unhealthy")
    async with site.reader() as reader:
        found = await preflight(reader, GROUP)
    assert found.served is not None
    [served] = found.served
    assert (served.name, served.uri, served.health) == ("orders", registration().uri, "unhealthy")


async def test_what_a_database_service_cannot_reach_is_named(site: Site) -> None:
    site.cluster.place_service("agent", {"*": "*"})
    for name, health in (("orders", "unhealthy"), ("carts", "healthy"), ("prices", "")):
        site.cluster.place(registration(name))
        site.cluster.place_server(registration(name), health=health)
    *_, line = await lines(site)
    assert line.startswith("A Database Service cannot reach orders: ")


async def test_what_is_served_is_asked_once_in_a_while(site: Site) -> None:
    site.cluster.place_server(registration())
    async with site.reader() as reader:
        await preflight(reader, GROUP)
        assert [each.name for each in await reader.served()] == ["orders"]
        kinds = [each.name for each in site.teleport.calls.of("ListResources")]
    assert kinds == ["db_service", "db_server"]


async def test_what_is_served_is_nothing_where_it_may_not_be_read(site: Site) -> None:
    site.write_identity(Role.of("bot", db_labels=FENCE, rules={"db": ["list", "read"]}))
    async with site.reader() as reader:
        assert await reader.served() == ()


class TestAnOlderCluster:
    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(version="18.2.1"))

    async def test_is_warned_of_when_it_is_allowed(self, site: Site) -> None:
        site.cluster.place_service("agent", {"*": "*"})
        assert "takes these databases for RDS" in (await lines(site, allow_older=True))[1]

    async def test_is_refused_otherwise(self, site: Site) -> None:
        [line] = await lines(site)
        assert "allow_older" in line
