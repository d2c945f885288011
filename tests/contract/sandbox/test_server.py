"""Starting, stopping and serving many at once."""

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from tests.support.simulated_aws import HUB, REGION, Cloud, running


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(OSError, match="address already in use"),
            SimulatedAws(World()).serve_in_thread(port=port),
        ):
            pass
    assert "simulated-aws" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_it_serves_on_loopback_only(host: str) -> None:
    with (
        pytest.raises(ValueError, match=r"loopback|4 octets"),
        SimulatedAws(World()).serve_in_thread(host=host),
    ):
        pass


async def test_it_serves_inside_a_running_loop() -> None:
    aws = SimulatedAws(World())
    async with aws.serve() as url:
        host, port = url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


def test_a_call_under_way_does_not_hold_up_the_end() -> None:
    with ThreadPoolExecutor() as threads:
        started = time.monotonic()
        with running() as cloud:
            cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=60))
            client = cloud.client("elasticache")
            call = threads.submit(client.describe_serverless_caches)
            while not len(cloud.aws.calls):
                time.sleep(0.01)
        with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
            call.result()
        assert time.monotonic() - started < 30


def test_two_worlds_know_nothing_of_each_other() -> None:
    with running() as one, running() as two:
        one.region.add_cache("one")
        assert two.client("elasticache").describe_serverless_caches()["ServerlessCaches"] == []
        with pytest.raises(Exception, match="InvalidClientTokenId"):
            two.client("elasticache", one.key).describe_serverless_caches()


@pytest.mark.slow
def test_many_accounts_at_once_get_their_own_answers(cloud: Cloud) -> None:
    accounts = [f"{number:012}" for number in range(1, 31)]
    for number in accounts:
        cloud.world.account(number).region(REGION).add_cache(f"cache-{number}")
    clients = {n: cloud.client("elasticache", cloud.world.account(n).add_key()) for n in accounts}

    def names(number: str) -> Any:
        caches = clients[number].describe_serverless_caches()["ServerlessCaches"]
        return [cache["ServerlessCacheName"] for cache in caches]

    with ThreadPoolExecutor(8) as threads:
        for number, found in zip(accounts * 5, threads.map(names, accounts * 5), strict=True):
            assert found == [f"cache-{number}"]


def test_a_call_takes_as_long_as_its_region_is_away() -> None:
    world = World()
    key = world.account(HUB).add_key("agent")
    aws = SimulatedAws(world, latencies={"eu-west-1": 0.3})
    taken = {}
    with aws.serve_in_thread() as url:
        for region in ("eu-west-1", "us-east-1"):
            client = boto3.client(
                "sts",
                region_name=region,
                endpoint_url=url,
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=key.secret,
            )
            client.get_caller_identity()
            started_s = time.perf_counter()
            client.get_caller_identity()
            taken[region] = time.perf_counter() - started_s
            client.close()
    assert taken["eu-west-1"] >= 0.3 > taken["us-east-1"]
