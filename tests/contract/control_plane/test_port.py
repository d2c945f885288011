"""What holds for every control plane: the embedded registry, and Teleport by either route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlane,
    ControlPlaneError,
    NotFound,
    Rejected,
)
from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.values import Database, ResourceName
from discovery.plan.resource import changes_between
from tests.support.teleport_site import Site, registration

ORDERS = registration()


@pytest.fixture(params=["embedded", "auth", "proxy"])
async def plane(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[ControlPlane]:
    if request.param == "embedded":
        async with Embedded(site.directory / "registry.db") as embedded:
            yield embedded
    else:
        async with site.client(request.param) as client:
            yield client


async def test_it_says_who_it_is(plane: ControlPlane) -> None:
    info = await plane.ping()
    assert info.kind in ("embedded", "teleport")
    assert info.cluster
    assert await plane.ping() == info


async def test_what_is_created_is_listed_and_read(plane: ControlPlane) -> None:
    assert await plane.list_databases() == ()
    for name in ("orders", "carts"):
        await plane.create(registration(name))
    listed = await plane.list_databases()
    assert [each.name for each in listed] == ["carts", "orders"]
    found = await plane.get(ORDERS.name)
    assert found == listed[1]
    assert changes_between(ORDERS, listed[1]) == ()
    assert await plane.get(ResourceName("nobody")) is None


async def test_a_name_is_taken_once(plane: ControlPlane) -> None:
    await plane.create(ORDERS)
    with pytest.raises(AlreadyExists):
        await plane.create(replace(ORDERS, description="another"))
    found = await plane.get(ORDERS.name)
    assert found is not None
    assert found.description == ORDERS.description


async def test_an_update_replaces_the_whole_and_makes_a_revision(plane: ControlPlane) -> None:
    await plane.create(registration(old="label"))
    found = await plane.get(ORDERS.name)
    assert found is not None
    role = {"assume_role_arn": "arn:aws:iam::111122223333:role/connect", "external_id": "eid"}
    spec = {**found.spec, "aws": {**found.spec["aws"], **role}}
    await plane.update(replace(found, labels=ORDERS.labels, spec=spec))
    after = await plane.get(ORDERS.name)
    assert after is not None
    assert after.revision != found.revision
    assert changes_between(after, replace(ORDERS, spec=spec)) == ()


async def test_an_update_never_creates_and_gone_is_gone(plane: ControlPlane) -> None:
    with pytest.raises(NotFound):
        await plane.update(ORDERS)
    with pytest.raises(NotFound):
        await plane.delete(ORDERS.name)
    await plane.create(ORDERS)
    await plane.delete(ORDERS.name)
    assert await plane.get(ORDERS.name) is None
    await plane.create(ORDERS)


BAD: list[tuple[str, Database]] = [
    ("name", replace(ORDERS, name=ResourceName("no.dots"))),
    ("label key", registration(**{"a key": "v"})),
    ("origin", registration(**{"teleport.dev/origin": "mars"})),
    ("uri", replace(ORDERS, spec={**ORDERS.spec, "uri": "host:port"})),
    ("protocol", replace(ORDERS, spec={**ORDERS.spec, "protocol": "telnet"})),
    (
        "external id alone",
        replace(
            ORDERS, spec={**ORDERS.spec, "aws": {**ORDERS.spec["aws"], "external_id": "secret"}}
        ),
    ),
]


@pytest.mark.parametrize(("_", "database"), BAD, ids=[each[0] for each in BAD])
async def test_what_breaks_a_rule_is_rejected(
    plane: ControlPlane, _: str, database: Database
) -> None:
    with pytest.raises(Rejected) as rejected:
        await plane.create(database)
    assert not rejected.value.retryable
    assert "secret" not in str(rejected.value)
    assert await plane.list_databases() == ()


async def test_the_origin_is_added_where_none_was_given(plane: ControlPlane) -> None:
    labels = {key: value for key, value in ORDERS.labels.items() if "origin" not in key}
    await plane.create(replace(ORDERS, labels=labels))
    found = await plane.get(ORDERS.name)
    assert found is not None
    assert found.labels["teleport.dev/origin"] == "dynamic"


async def test_every_fault_has_a_code_and_a_sentence(plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError) as fault:
        await plane.delete(ORDERS.name)
    assert fault.value.code == "NOT_FOUND"
    assert "orders" in str(fault.value)
