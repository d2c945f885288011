"""When an assumed role is assumed again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.role_credentials import ExpiringCredentials, RoleCredentials
from discovery.model.codes import ScopeReason


class Sts:
    """Hands out numbered hour-long leases, slowly, or refuses."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, tzinfo=UTC)
        self.asked = 0
        self.refuses = False
        self.doors: asyncio.Event | None = None

    def clock(self) -> datetime:
        return self.now

    async def assume(self) -> ExpiringCredentials:
        self.asked += 1
        await (self.doors.wait() if self.doors else asyncio.sleep(0))
        if self.refuses:
            raise AwsCallFailed(AwsError(ScopeReason.ASSUME_ROLE_DENIED, "no"))
        key = ReadOnlyCredentials(f"key-{self.asked}", "secret", "token")
        return ExpiringCredentials(key, self.now + timedelta(hours=1))


@pytest.fixture
def sts() -> Sts:
    return Sts()


@pytest.fixture
def credentials(sts: Sts) -> RoleCredentials:
    return RoleCredentials(sts.assume, sts.clock)


async def key_of(credentials: RoleCredentials) -> str | None:
    return (await credentials.get_frozen_credentials()).access_key


async def test_fifty_first_uses_at_once_assume_once(sts: Sts, credentials: RoleCredentials) -> None:
    keys = await asyncio.gather(*(key_of(credentials) for _ in range(50)))
    assert set(keys) == {"key-1"}
    assert sts.asked == 1


async def test_fifty_who_wait_for_a_refusal_share_it(
    sts: Sts, credentials: RoleCredentials
) -> None:
    sts.refuses = True
    results = await asyncio.gather(
        *(key_of(credentials) for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(result, AwsCallFailed) for result in results)
    assert sts.asked == 1


async def test_a_refusal_is_not_for_ever(sts: Sts, credentials: RoleCredentials) -> None:
    sts.refuses = True
    with pytest.raises(AwsCallFailed):
        await key_of(credentials)
    sts.refuses = False
    assert await key_of(credentials) == "key-2"


async def test_who_gave_up_waiting_takes_nothing_from_the_others(
    sts: Sts, credentials: RoleCredentials
) -> None:
    sts.doors = asyncio.Event()
    first = asyncio.create_task(key_of(credentials))
    second = asyncio.create_task(key_of(credentials))
    await asyncio.sleep(0)
    first.cancel()
    sts.doors.set()
    assert await second == "key-2"


@pytest.mark.parametrize(
    ("minutes_left", "refuses", "key"),
    [
        pytest.param(16, False, "key-1", id="early-enough"),
        pytest.param(14, False, "key-2", id="advised"),
        pytest.param(14, True, "key-1", id="advised-but-refused"),
        pytest.param(9, False, "key-2", id="forced"),
        pytest.param(-5, False, "key-2", id="expired"),
    ],
)
async def test_renewal(
    sts: Sts, credentials: RoleCredentials, minutes_left: int, refuses: bool, key: str
) -> None:
    await key_of(credentials)
    sts.now += timedelta(minutes=60 - minutes_left)
    sts.refuses = refuses
    assert await key_of(credentials) == key


async def test_forced_and_refused_signs_nothing(sts: Sts, credentials: RoleCredentials) -> None:
    await key_of(credentials)
    sts.now += timedelta(minutes=51)
    sts.refuses = True
    with pytest.raises(AwsCallFailed):
        await key_of(credentials)


async def test_while_one_renews_in_time_the_others_go_on(
    sts: Sts, credentials: RoleCredentials
) -> None:
    await key_of(credentials)
    sts.now += timedelta(minutes=46)
    sts.doors = asyncio.Event()
    renewing = asyncio.create_task(key_of(credentials))
    await asyncio.sleep(0)
    assert await key_of(credentials) == "key-1"
    sts.doors.set()
    assert await renewing == "key-2"


def test_a_lease_does_not_print_its_secret(sts: Sts) -> None:
    lease = ExpiringCredentials(ReadOnlyCredentials("key", "hush", "token"), sts.now)
    assert "hush" not in repr(lease)
