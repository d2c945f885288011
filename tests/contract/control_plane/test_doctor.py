"""What doctor finds out of a cluster, and the bot role that `policies` prints held by one."""

from __future__ import annotations

import asyncio
import copy
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.config.load import parse_config
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlaneError
from discovery.control_plane.teleport.dial import DIAL_DEADLINE_S
from discovery.doctor.control_plane import REACH_DEADLINE, check_teleport
from discovery.policies.teleport import DB_VERBS, bot_role
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.checks import Check, CheckStatus
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role
from discovery.sandbox.teleport.server import SimulatedTeleport
from state.records import Registration, RememberedState, StateIdentity
from tests.support.teleport_site import (
    GROUP,
    Site,
    registration,
    with_labels,
)


def config() -> Config:
    return parse_config(f"version: 1\ngroup: {GROUP}\n", file="c.yaml", base=Path("/etc"))


def printed_role() -> dict[str, Any]:
    """The bot's role as `cachemuster policies teleport-bot-role` prints it."""
    return bot_role(AwsUsage.of(config(), Hub.unknown(), None))


def lacking(verb: str, kind: str = "db") -> Role:
    document = copy.deepcopy(printed_role())
    for rule in document["spec"]["allow"]["rules"]:
        if kind in rule["resources"]:
            rule["verbs"].remove(verb)
    return Role.from_document(document)


async def examined(site: Site, state: RememberedState | None = None) -> dict[str, Check]:
    """The checks by their verb; those without one under their message."""
    if not site.identity_file.exists():
        site.write_identity(Role.from_document(printed_role()))
    found = await check_teleport(config(), site.settings(), state, site.now)
    return {check.action or check.message: check for check in found}


def outcomes(found: dict[str, Check]) -> dict[str, CheckStatus]:
    return {key: check.outcome for key, check in found.items() if key.startswith("db:")}


GOOD = {
    "db:list": CheckStatus.OK,
    "db:read": CheckStatus.OK,
    "db:update": CheckStatus.OK,
    "db:delete": CheckStatus.OK,
    "db:create": CheckStatus.WARN,
}


async def test_the_printed_role_does_for_a_sweep(site: Site) -> None:
    site.write_identity(Role.from_document(printed_role()))
    async with site.client() as client:
        await client.create(registration())
        [listed] = await client.list_databases()
        await client.update(with_labels(listed, env="prod"))
        await client.delete(listed.name)
        assert await client.list_databases() == ()


async def test_the_printed_role_is_a_fence(site: Site) -> None:
    site.write_identity(Role.from_document(printed_role()))
    site.cluster.place(with_labels(registration("other"), **{"cachemuster/group": "other"}))
    async with site.client() as client:
        assert await client.list_databases() == ()


@pytest.mark.parametrize("verb", DB_VERBS)
async def test_without_any_one_verb_something_fails(site: Site, verb: str) -> None:
    site.write_identity(lacking(verb))
    site.cluster.place(registration("there"))

    async def sweep_like() -> None:
        async with site.client() as client:
            await client.create(registration())
            await client.list_databases()
            await client.get(registration().name)
            await client.update(registration())
            await client.delete(registration("there").name)

    with pytest.raises(ControlPlaneError):
        await sweep_like()


async def test_with_the_printed_role_doctor_has_no_complaint(site: Site) -> None:
    site.write_identity(Role.from_document(printed_role()))
    site.cluster.place_service("agent", {"managed-by": "cachemuster"})
    found = await examined(site)
    assert outcomes(found) == GOOD
    assert [each.outcome for each in found.values()].count(CheckStatus.WARN) == 1
    assert "the one Database Service takes what is registered" in found


async def test_several_services_are_counted(site: Site) -> None:
    for name in ("a", "b"):
        site.cluster.place_service(name, {"managed-by": "cachemuster"})
    found = await examined(site)
    assert "2 Database Services, of which at least one takes each registered database" in found


async def test_doctor_tells_a_role_that_hides_services_from_none_at_all(site: Site) -> None:
    role = printed_role()
    del role["spec"]["allow"]["db_service_labels"]
    site.write_identity(Role.from_document(role))
    site.cluster.place_service("agent", {"managed-by": "cachemuster"})
    site.cluster.place(registration())
    [unsure] = [each for each in await examined(site) if "db_service_labels" in each]
    assert "either none runs, or its role hides them" in unsure
    site.cluster.place_server(registration())
    [sure] = [each for each in await examined(site) if "db_service_labels" in each]
    assert sure.startswith("No role of bot-cachemuster shows any Database Service, though one")


@pytest.mark.parametrize("verb", ["list", "read", "update", "delete"])
async def test_a_missing_verb_is_named_with_the_rule(site: Site, verb: str) -> None:
    site.write_identity(lacking(verb))
    found = await examined(site)
    check = found[f"db:{verb}"]
    assert check.outcome is CheckStatus.FAIL
    assert check.statement == {"resources": ["db"], "verbs": list(DB_VERBS)}


async def test_nothing_is_written(site: Site) -> None:
    site.cluster.place(registration())
    before = copy.deepcopy(site.cluster.databases)
    assert outcomes(await examined(site)) == GOOD
    assert site.cluster.databases == before


async def test_what_state_remembers_is_evidence_of_create(site: Site) -> None:
    cluster = "teleport.example.com"
    one = Registration(
        name=registration().name,
        arn=registration().labels["cachemuster/arn"],  # type: ignore[arg-type]
        database=registration(),
        registered_at=site.now(),
        updated_at=site.now(),
    )
    state = RememberedState(
        registrations={one.name: one},
        identity=StateIdentity(
            control_plane="teleport", cluster=cluster, group=GROUP, endpoint_override=False
        ),
    )
    assert (await examined(site, state))["db:create"].outcome is CheckStatus.OK


async def test_without_a_service_a_warning(site: Site) -> None:
    found = await examined(site)
    [message] = [each for each in found if each.startswith("No Database Service is shown")]
    assert found[message].outcome is CheckStatus.WARN


async def test_without_the_right_to_see_services_a_warning(site: Site) -> None:
    site.write_identity(lacking("list", "db_service"))
    found = await examined(site)
    warned = [key for key, check in found.items() if check.outcome is CheckStatus.WARN]
    assert any(each.startswith("Whether a Database Service serves") for each in warned)
    assert outcomes(found) == GOOD


async def test_a_cluster_that_cannot_be_reached(site: Site) -> None:
    site.write_identity()
    settings = site.settings(address="127.0.0.1:1")
    [check] = await check_teleport(config(), settings, None, site.now)
    assert check.outcome is CheckStatus.FAIL


async def test_an_address_that_never_answers_is_given_up_after_one_deadline_for_all_attempts(
    site: Site,
) -> None:
    site.write_identity()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel connects; nobody reads
        settings = site.settings(address=f"127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        [check] = await check_teleport(
            config(), settings, None, site.now, reach_deadline=timedelta(milliseconds=200)
        )
        await asyncio.sleep(0)  # the loop closes the socket of the handshake that was cancelled
    assert time.monotonic() - began < DIAL_DEADLINE_S, "no attempt took its own full time"
    assert check.outcome is CheckStatus.FAIL
    assert f"{settings.address} did not answer within 0.2 s" in check.message


def test_the_deadline_of_all_attempts_is_no_longer_than_that_of_one() -> None:
    assert REACH_DEADLINE.total_seconds() <= DIAL_DEADLINE_S


class TestAnOlderCluster:
    @pytest.fixture
    def teleport(self) -> SimulatedTeleport:
        return SimulatedTeleport(Cluster(version="18.2.1"))

    async def test_is_refused(self, site: Site) -> None:
        site.write_identity()
        [check] = await check_teleport(config(), site.settings(), None, site.now)
        assert check.outcome is CheckStatus.FAIL
        assert "allow_older" in check.message
