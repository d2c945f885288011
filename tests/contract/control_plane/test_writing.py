"""Creating, updating and removing, on a server with Teleport's rules."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlaneError,
    Denied,
    NotFound,
    Rejected,
    Unavailable,
)
from discovery.control_plane.teleport.client import REQUEST_LIMIT_BYTES
from discovery.control_plane.teleport.errors import ChangedMeanwhile
from discovery.plan.resource import changes_between
from discovery.sandbox.teleport import changes
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.teleport_site import Site, registration, with_labels

MYSQL = base64.b64encode(b"\x0a\x038.0").decode()
"""Settings that the program has no words for, as the sandbox shows them."""


async def test_what_is_created_is_read_as_it_was_wanted(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration())
        found = await client.get(registration().name)
        assert found is not None
        assert changes_between(registration(), found) == ()
        assert found.revision
        assert await client.list_databases() == (found,)


async def test_an_update_replaces_labels_and_keeps_what_others_set(site: Site) -> None:
    """TLS settings have words here, MySQL's have none; both stay."""
    document = registration(old="label").document()
    document["spec"] |= {"tls": {"mode": 2}, "mysql": MYSQL}
    site.cluster.place(document)
    async with site.client() as client:
        found = await client.get(registration().name)
        assert found is not None
        assert found.spec["tls"] == {"mode": "insecure"}
        await client.update(replace(found, labels=registration(new="label").labels))
    kept = site.kept("orders")
    assert kept["metadata"]["labels"] == registration(new="label").labels
    assert kept["spec"]["mysql"] == MYSQL
    assert kept["spec"]["tls"] == {"mode": 2}


async def test_a_resource_made_anew_under_another_name_keeps_what_others_set(
    site: Site,
) -> None:
    document = registration().document()
    document["spec"] |= {"mysql": MYSQL}
    site.cluster.place(document)
    async with site.client() as client:
        found = await client.get(registration().name)
        assert found is not None
        await client.create(replace(found, name=registration("renamed").name))
    assert site.kept("renamed")["spec"]["mysql"] == MYSQL


async def test_removing_what_is_gone_says_so(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration())
        await client.delete(registration().name)
        with pytest.raises(NotFound):
            await client.delete(registration().name)
        with pytest.raises(NotFound):
            await client.update(registration())
        assert await client.get(registration().name) is None


async def test_a_taken_name_is_refused_and_stays(site: Site) -> None:
    site.cluster.place(registration(whose="theirs"))
    async with site.client() as client:
        with pytest.raises(AlreadyExists, match="creating database orders"):
            await client.create(registration(whose="ours"))
    assert site.kept("orders")["metadata"]["labels"]["whose"] == "theirs"


async def test_what_the_server_refuses_is_told_in_its_words(site: Site) -> None:
    async with site.client() as client:
        with pytest.raises(Rejected, match=r"does not accept it.*It says"):
            await client.create(replace(registration(), name="no.dots"))  # type: ignore[arg-type]


async def test_no_version_header_travels(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration())
    headers = [dict(call.headers) for call in site.teleport.calls.of("CreateDatabase")]
    assert headers
    assert not any("version" in each for each in headers)


async def test_no_more_than_four_writes_at_once(site: Site) -> None:
    slow = Fault(effect=Effect.SLOW, method="CreateDatabase", delay_s=0.05)
    site.teleport.faults.add(slow)
    async with site.client() as client:
        await asyncio.gather(*(client.create(registration(f"cache-{n}")) for n in range(12)))
    assert len(site.cluster.databases) == 12
    assert site.teleport.calls.most_writes_at_once == 4


async def test_a_request_that_no_cluster_takes_is_not_sent(site: Site) -> None:
    async with site.client() as client:
        with pytest.raises(Rejected, match="bytes long"):
            await client.create(registration(big="x" * REQUEST_LIMIT_BYTES))
    assert not site.teleport.calls.of("CreateDatabase")


STATUSES = [
    ("UNAVAILABLE", Unavailable, True),
    ("RESOURCE_EXHAUSTED", Unavailable, True),
    ("DEADLINE_EXCEEDED", Unavailable, True),
    ("FAILED_PRECONDITION", ChangedMeanwhile, True),
    ("PERMISSION_DENIED", Denied, False),
    ("INVALID_ARGUMENT", Rejected, False),
    ("UNKNOWN", ControlPlaneError, False),
]


@pytest.mark.parametrize(("status", "kind", "retryable"), STATUSES, ids=[s[0] for s in STATUSES])
async def test_each_status_becomes_its_fault(
    site: Site, status: str, kind: type[ControlPlaneError], retryable: bool
) -> None:
    site.teleport.faults.add(
        Fault(effect=Effect.ERROR, method="CreateDatabase", status=status, message="so it is")
    )
    async with site.client() as client:
        with pytest.raises(kind, match="so it is") as found:
            await client.create(registration())
    assert found.value.retryable is retryable
    assert "creating database orders" in str(found.value)


BROKEN = [Effect.DROP, Effect.GOAWAY, Effect.CUT_OFF]


@pytest.mark.parametrize("effect", BROKEN, ids=[each.value for each in BROKEN])
async def test_a_lost_answer_is_retryable_and_the_next_call_has_a_new_connection(
    site: Site, effect: Effect
) -> None:
    fault = Fault(
        effect=effect, method="CreateDatabase", after=effect is not Effect.CUT_OFF, times=1
    )
    site.teleport.faults.add(fault)
    async with site.client() as client:
        with pytest.raises(ControlPlaneError) as lost:
            await client.create(registration())
        assert lost.value.retryable
        found = await client.get(registration().name)
        assert found is not None, "the server had acted"


async def test_garbage_is_malformed(site: Site) -> None:
    site.teleport.faults.add(Fault(effect=Effect.GARBAGE, method="GetDatabase"))
    site.cluster.place(registration())
    async with site.client() as client:
        with pytest.raises(ControlPlaneError):
            await client.get(registration().name)


async def test_a_read_that_lags_behind_a_create_is_made_again(site: Site) -> None:
    site.cluster.store.lag = timedelta(seconds=2)
    async with site.client() as client:
        await client.create(registration())
        site.cluster.store.lag = timedelta(seconds=2)
        found = await client.get(registration().name)
    assert found is not None


async def test_a_list_that_lags_shows_what_was_just_written(site: Site) -> None:
    site.cluster.place(registration("old"))
    site.cluster.place(registration("gone"))
    site.cluster.store.catch_up()
    async with site.client() as client:
        await client.list_databases()
        old, gone = [await client.get(registration(name).name) for name in ("old", "gone")]
        assert old is not None
        assert gone is not None
        site.cluster.store.lag = timedelta(hours=1)
        await client.create(registration("new"))
        await client.update(with_labels(old, fresh="yes"))
        await client.delete(gone.name)
        listed = await client.list_databases()
        assert [each.name for each in listed] == ["new", "old"]
        assert listed[1].labels["fresh"] == "yes"


async def test_a_taken_name_is_looked_at_until_it_shows(site: Site) -> None:
    """The create landed, its answer was lost, and reads lag: it is there all the same."""
    site.cluster.store.lag = timedelta(seconds=2)
    site.teleport.faults.add(
        Fault(effect=Effect.DROP, method="CreateDatabase", after=True, times=1)
    )
    async with site.client() as client:
        with pytest.raises(Unavailable):
            await client.create(registration())
        with pytest.raises(AlreadyExists):
            await client.create(registration())
        assert await client.get(registration().name) is not None


async def test_somebody_elses_change_is_not_hidden_by_what_we_wrote(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration())
        await client.get(registration().name)
        changes.Edit(name="orders", labels={"theirs": "yes"}).do(site.cluster, "orders")
        found = await client.get(registration().name)
        assert found is not None
        assert found.labels["theirs"] == "yes"


class TestAServerThatDropsTheCacheName:
    """Whatever version it claims (teleport/README: Versions)."""

    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(version="18.4.0", knows_serverless=False))

    async def test_is_served_with_one_warning(self, site: Site) -> None:
        with capture_logs() as logs:
            async with site.client() as client:
                await client.create(registration("orders"))
                await client.create(registration("carts"))
                listed = await client.list_databases()
        assert [changes_between(each, registration(each.name)) for each in listed] == [(), ()]
        warnings = [each for each in logs if each["event"] == "teleport.fields_not_kept"]
        assert [each["fields"] for each in warnings] == [
            ["/spec/aws/elasticache_serverless/cache_name"]
        ]

    async def test_shows_no_difference_to_a_process_that_never_wrote(self, site: Site) -> None:
        site.cluster.place(registration())
        async with site.reader() as reader:
            [found] = await reader.list_databases()
            assert changes_between(found, registration()) == ()
            again = await reader.get(found.name)
        assert again is not None
        assert changes_between(again, registration()) == ()

    async def test_lends_no_identity_to_another_endpoint(self, site: Site) -> None:
        document = registration().document()
        document["spec"] |= {"uri": "somewhere-else.example.com:6379"}
        site.cluster.place(document)
        async with site.reader() as reader:
            [found] = await reader.list_databases()
        assert "elasticache_serverless" not in found.spec["aws"]


async def test_a_server_that_keeps_everything_gets_no_warning(site: Site) -> None:
    with capture_logs() as logs:
        async with site.client() as client:
            await client.create(registration())
    assert not [each for each in logs if each["log_level"] == "warning"]
