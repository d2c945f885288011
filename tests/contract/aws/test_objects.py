"""Conditional reads and writes of S3, the lease among them: by the sandbox, and by moto alike.

moto is another simulation of AWS, made by other people from the same documents.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from discovery.aws.errors import AwsCallFailed
from discovery.aws.objects import Bucket, Condition, Found, open_bucket
from discovery.config.aws import Aws
from discovery.config.load import parse_config
from discovery.config.snapshot import SnapshotPlace
from discovery.doctor.snapshot import check_snapshot
from discovery.model.codes import ScopeReason
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.checks import CheckStatus
from discovery.sandbox.aws.faults import Effect
from discovery.snapshot.errors import LeaseLost
from discovery.snapshot.lease import LeaseText, SnapshotLease, hold_lease
from state.errors import Locked
from state.lock import this_process
from tests.contract.aws.conftest import HOME, HUB, Site, now
from tests.support.moto_server import moto_server

NAME = "cachemuster-state"
PLACE = SnapshotPlace(NAME, "prod.db")
SPAN = timedelta(minutes=15)
NONE = timedelta(0)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(params=["sandbox", "moto"])
async def bucket(
    request: pytest.FixtureRequest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bucket]:
    if request.param == "moto":
        url = request.getfixturevalue("moto_url")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        await asyncio.to_thread(_empty, url)
        await asyncio.to_thread(_make_bucket, url)
    else:
        await asyncio.to_thread(_make_bucket, site.url)
        assert site.aws.world.buckets[NAME].owner == HUB
    async with open_bucket(Aws(), NAME, clock=now) as opened:
        yield opened


def _empty(url: str) -> None:
    """Nothing of the test before is left."""
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def _make_bucket(url: str) -> None:
    client: Any = boto3.session.Session().client("s3", endpoint_url=url, region_name=HOME)
    try:
        where = {"LocationConstraint": HOME}
        client.create_bucket(Bucket=NAME, CreateBucketConfiguration=where)
    finally:
        client.close()


@pytest.mark.slow
async def test_an_object_is_put_where_there_is_none_and_nowhere_else(bucket: Bucket) -> None:
    assert await bucket.get("k") is None
    etag = await bucket.put("k", b"one", replacing=None)
    assert isinstance(etag, str)
    found = await bucket.get("k")
    assert found is not None
    assert (found.body, found.etag) == (b"one", etag)
    assert found.age < timedelta(seconds=30)
    assert await bucket.put("k", b"two", replacing=None) is Condition.NOT_MET


async def test_an_object_is_replaced_while_it_is_what_was_read(bucket: Bucket) -> None:
    assert await bucket.put("k", b"one", replacing='"other"') is Condition.NOT_MET
    first = await bucket.put("k", b"one", replacing=None)
    assert isinstance(first, str)
    assert isinstance(await bucket.put("k", b"two", replacing=first), str)
    assert await bucket.put("k", b"three", replacing=first) is Condition.NOT_MET
    found = await bucket.get("k")
    assert found is not None
    assert found.body == b"two"


async def test_a_large_object_and_odd_bytes_come_back_as_they_were(bucket: Bucket) -> None:
    body = bytes(range(256)) * 8192 * 4
    await bucket.put("a/b=c/prod-0.db", body, replacing=None)
    found = await bucket.get("a/b=c/prod-0.db")
    assert found is not None
    assert found.body == body


async def test_an_object_is_deleted(bucket: Bucket) -> None:
    etag = await bucket.put("k", b"one", replacing=None)
    assert isinstance(etag, str)
    assert await bucket.delete("k", etag=etag) is None
    assert await bucket.get("k") is None
    assert isinstance(await bucket.put("k", b"two", replacing=None), str)


@dataclass
class Machine:
    """One that may hold the lease, with a clock of its own."""

    bucket: Bucket
    now_s: float = 1000.0
    renewed: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def lease(self, **changes: Any) -> AsyncIterator[SnapshotLease]:
        settings = {"span": SPAN, "wait": NONE, **changes}
        async with hold_lease(
            self.bucket,
            PLACE,
            holder=this_process("sweep", now()),
            now_s=lambda: self.now_s,
            **settings,
        ) as lease:
            yield lease


async def test_one_of_two_has_the_lease(bucket: Bucket) -> None:
    async with Machine(bucket).lease() as lease:
        with pytest.raises(Locked, match="is held by `sweep`, process"):
            async with Machine(bucket).lease():
                pass
        await lease.extend()
        lease.check()
    assert await bucket.get(PLACE.lease_key) is None
    async with Machine(bucket).lease() as again:
        again.check()


async def test_a_lease_is_over_for_its_holder_before_it_is_for_others(bucket: Bucket) -> None:
    machine = Machine(bucket)
    async with machine.lease() as lease:
        machine.now_s += SPAN.total_seconds() * 0.79
        await lease.extend()
        machine.now_s += SPAN.total_seconds() * 0.79
        lease.check()
        machine.now_s += SPAN.total_seconds() * 0.02
        with pytest.raises(LeaseLost):
            lease.check()
        with pytest.raises(LeaseLost):
            await lease.extend()
    # It may be another's by now: it is not deleted.
    assert await bucket.get(PLACE.lease_key) is not None


async def test_who_was_taken_over_finds_out_and_leaves_the_lease_alone(bucket: Bucket) -> None:
    async with Machine(bucket).lease() as lease:
        theirs = LeaseText("another", "x", SPAN, now()).encode()
        assert isinstance(await bucket.put(PLACE.lease_key, theirs, replacing=lease.etag), str)
        with pytest.raises(LeaseLost):
            await lease.extend()
        with pytest.raises(LeaseLost):
            lease.check()
    found = await bucket.get(PLACE.lease_key)
    assert found is not None
    assert found.body == theirs


class Deaf(Bucket):
    """One whose answers to writes are lost, so many in a row, and the SDK asked again."""

    def __init__(self, bucket: Bucket, lost: int) -> None:
        super().__init__(bucket._session, bucket._name)
        self.lost = lost

    async def put(self, key: str, body: bytes, *, replacing: str | None) -> str | Condition:
        put = await super().put(key, body, replacing=replacing)
        if self.lost and not isinstance(put, Condition):
            self.lost -= 1
            return await super().put(key, body, replacing=replacing)
        return put


async def test_a_lost_answer_costs_no_lease(bucket: Bucket) -> None:
    deaf = Deaf(bucket, lost=1)
    async with Machine(deaf).lease() as lease:
        assert deaf.lost == 0
        deaf.lost = 1
        await lease.extend()
        lease.check()
    assert await bucket.get(PLACE.lease_key) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"seconds": 1e99}', b"[" * 5000, b"\xff"])
def test_what_is_no_lease_text(body: bytes) -> None:
    with pytest.raises(ValueError):
        LeaseText.decode(body)


async def test_a_lease_text_comes_back() -> None:
    text = LeaseText("t", "`sweep`", SPAN, now())
    assert LeaseText.decode(text.encode()) == text


# -- what moto has no means for ----------------------------------------------------------------


@pytest.fixture
async def simulated(site: Site) -> AsyncIterator[Bucket]:
    site.aws.world.add_bucket(NAME, HUB)
    async with open_bucket(Aws(), NAME, clock=now) as opened:
        yield opened


@pytest.mark.parametrize(
    ("effect", "reason"),
    [
        (Effect.THROTTLED, ScopeReason.THROTTLED),
        (Effect.DENIED, ScopeReason.DENIED),
        (Effect.EXPIRED, ScopeReason.EXPIRED),
        (Effect.INTERNAL, ScopeReason.SERVER_ERROR),
        (Effect.RESET, ScopeReason.UNREACHABLE),
        (Effect.CUT_OFF, ScopeReason.TRUNCATED),
        (Effect.HTML, ScopeReason.SERVER_ERROR),
    ],
)
async def test_a_failure_is_classified_and_is_never_absence(
    site: Site, simulated: Bucket, effect: Effect, reason: ScopeReason
) -> None:
    await simulated.put("k", bytes(100_000), replacing=None)
    site.fault(effect, service="s3")
    with pytest.raises(AwsCallFailed) as failed:
        await simulated.get("k")
    assert failed.value.error.reason is reason, failed.value


async def test_a_delete_is_of_the_very_object(simulated: Bucket) -> None:
    await simulated.put("k", b"one", replacing=None)
    assert await simulated.delete("k", etag='"other"') is Condition.NOT_MET
    assert await simulated.get("k") is not None


async def test_without_leave_to_list_absence_is_a_denial(site: Site, simulated: Bucket) -> None:
    arn = site.hub.iam_arn("user/agent")
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{NAME}/*"}
    site.hub.allow(arn, {"Version": "2012-10-17", "Statement": [allow]})
    with pytest.raises(AwsCallFailed, match="s3:ListBucket") as failed:
        await simulated.get("k")
    assert failed.value.error.reason is ScopeReason.DENIED


async def test_a_lease_that_is_renewed_outlives_its_time(
    site: Site, simulated: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(simulated)

    async def later(seconds: float) -> None:
        machine.now_s += seconds
        site.aws.world.clock.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    async with machine.lease() as lease:
        for _ in range(6):  # one and a half times as long as it lasts
            await later(SPAN.total_seconds() / 4)
            await lease.extend()
        lease.check()
        with pytest.raises(Locked):
            async with Machine(simulated).lease():
                pass


async def test_found_says_how_old_it_is_by_s3s_clock(site: Site, simulated: Bucket) -> None:
    await simulated.put("k", b"one", replacing=None)
    site.aws.world.clock.advance(timedelta(hours=2))
    found = await simulated.get("k")
    assert isinstance(found, Found)
    assert timedelta(hours=2) <= found.age < timedelta(hours=2, minutes=1)


class Careless(Bucket):
    """One that puts objects whatever the condition says, as some stores do."""

    async def put(self, key: str, body: bytes, *, replacing: str | None) -> str | Condition:
        found = await self.get(key)
        return await super().put(key, body, replacing=found.etag if found else None)


async def test_doctor_notices_a_store_that_holds_no_conditions(
    site: Site, simulated: Bucket
) -> None:
    document = {"version": 1, "group": "g", "state": {"snapshot": str(PLACE)}}
    config = parse_config(json.dumps(document), file="c.yaml", base=Path("/etc"))
    usage = AwsUsage.of(config, Hub("", "aws", HUB), HOME)
    checks, state = await check_snapshot(simulated, PLACE, usage, now())
    assert {each.outcome for each in checks} == {CheckStatus.OK}
    assert state is not None
    careless = Careless(simulated._session, simulated._name)
    checks, _ = await check_snapshot(careless, PLACE, usage, now())
    (failed,) = [each for each in checks if each.outcome is CheckStatus.FAIL]
    assert "whatever If-Match says" in failed.message
    # What that left behind is a lease that has run out.
    site.aws.world.clock.advance(timedelta(seconds=2))
    async with Machine(simulated).lease() as lease:
        lease.check()
