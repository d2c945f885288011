"""An identity file that tbot rewrites while the agent runs."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from discovery.control_plane.base import Denied, Unavailable
from discovery.control_plane.teleport import identity_file
from discovery.control_plane.teleport.client import Teleport
from discovery.control_plane.teleport.errors import IdentityUnusable, Untrusted
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.roles import bot_role
from tests.support.teleport_site import GROUP, Site, registration


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read before every call instead of every few seconds."""
    monkeypatch.setattr(identity_file, "READ_EVERY_S", 0.0)


def users(site: Site) -> list[int]:
    return [call.connection for call in site.teleport.calls.of("CreateDatabase")]


async def test_a_new_file_means_a_new_connection_and_no_lost_call(site: Site) -> None:
    slow = Fault(effect=Effect.SLOW, method="CreateDatabase", delay_s=1.5, times=1)
    site.teleport.faults.add(slow)
    async with site.client() as client:
        await client.ping()
        under_way = asyncio.create_task(client.create(registration("first")))
        await asyncio.sleep(0.1)
        site.write_identity()
        await client.create(registration("second"))
        assert not under_way.done(), "the call under way was not waited for"
        await under_way
        await client.create(registration("third"))
    first, second, third = (
        site.teleport.calls.of("CreateDatabase", name=name)[0].connection
        for name in ("first", "second", "third")
    )
    assert first != second == third
    assert set(site.cluster.databases) == {"first", "second", "third"}


async def test_a_half_written_file_keeps_the_last_good_identity(site: Site) -> None:
    with capture_logs() as logs:
        async with site.client() as client:
            await client.ping()
            before = (await client.peer()).identity
            renewed = site.cluster.issue("bot-cachemuster", bot_role(GROUP))
            for written in renewed.write_as_tbot(site.identity_file, pieces=6):
                now = (await client.peer()).identity
                whole = written == len(renewed.text)
                assert (now.digest == before.digest) is not whole
    kept = [each for each in logs if each["event"] == "teleport.identity_kept"]
    assert kept


async def test_at_the_start_a_half_written_file_gets_some_time(site: Site) -> None:
    identity = site.cluster.issue("bot-cachemuster", bot_role(GROUP))
    pieces = iter(identity.write_as_tbot(site.identity_file, pieces=3))
    next(pieces)

    async def tbot_goes_on(_seconds: float) -> None:
        next(pieces, None)

    client = Teleport(site.settings(), clock=site.now, sleep=tbot_goes_on, environ={})
    async with client:
        assert (await client.peer()).identity.user == "bot-cachemuster"


async def test_a_missing_file_is_named(site: Site) -> None:
    site.write_identity().unlink()
    settings = site.settings()
    async with Teleport(settings, clock=site.now, sleep=site.pause, environ={}) as client:
        with pytest.raises(IdentityUnusable, match=r"identity cannot be read \(No such file"):
            await client.ping()


async def test_an_identity_that_expires_under_way_is_named_and_its_renewal_taken(
    site: Site,
) -> None:
    ahead = timedelta(0)
    site.write_identity()
    client = Teleport(
        site.settings(),
        clock=lambda: datetime.now(UTC) + ahead,
        sleep=site.pause,
        environ={},
    )
    async with client:
        await client.ping()
        ahead = timedelta(hours=2)
        with pytest.raises(IdentityUnusable, match=r"expired at .* no newer one"):
            await client.ping()
        site.write_identity(lifetime=timedelta(hours=3))
        await client.ping()


async def test_a_file_that_is_whole_and_expired_is_not_waited_for(site: Site) -> None:
    async def never(_: float) -> None:
        raise AssertionError("it waited")

    site.write_identity(lifetime=timedelta(minutes=-5))
    async with Teleport(site.settings(), clock=site.now, sleep=never, environ={}) as client:
        with pytest.raises(IdentityUnusable, match="expired at"):
            await client.peer()


async def test_a_rotated_ca_is_a_clear_failure_until_the_file_is_new(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration("before"))
        site.cluster.rotate()
        site.teleport.disconnect()
        with contextlib.suppress(Unavailable):  # the reset may not have arrived yet
            await client.get(registration("before").name)
        with pytest.raises(Untrusted, match="CA was rotated"):
            await client.get(registration("before").name)
        site.write_identity()
        await client.create(registration("after"))
    assert set(site.cluster.databases) == {"before", "after"}


async def test_a_ca_rotation_in_phases_loses_nothing(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration("old"))
        site.cluster.begin_rotation()
        site.write_identity()
        await client.create(registration("both"))
        site.cluster.finish_rotation()
        site.teleport.disconnect()
        await _patiently(client)
    assert set(site.cluster.databases) == {"old", "both", "new"}


async def _patiently(client: Teleport) -> None:
    """As the writer does: once more, when it is worth it."""
    try:
        await client.create(registration("new"))
    except Unavailable:
        await client.create(registration("new"))


async def test_a_certificate_that_auth_does_not_know_is_named(site: Site) -> None:
    """The host CA is the cluster's, the user CA is not: TLS 1.3 says so after the handshake."""
    site.write_identity()
    site.cluster.user_ca.begin()
    site.cluster.user_ca.finish()
    site.cluster.generation += 1
    async with site.client() as client:
        with pytest.raises(Denied, match="does not accept the certificate of bot-cachemuster"):
            await client.ping()


async def test_when_a_new_connection_fails_the_old_one_goes_on(site: Site) -> None:
    async with site.client() as client:
        await client.ping()
        site.teleport.faults.add(Fault(effect=Effect.DROP, method="connect", name="auth"))
        site.write_identity()
        with capture_logs() as logs:
            await client.create(registration())
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == [
        "teleport.connection_kept"
    ]
    assert users(site)


async def test_permissions_of_the_file_are_seen(site: Site) -> None:
    site.write_identity().chmod(0o640)
    async with site.client() as client:
        assert (await client.peer()).identity.is_exposed
