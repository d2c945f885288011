"""Every answer is the same, whether aiohttp has the connection or not."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.simulated_aws import Cloud

READ_BY_AIOHTTP = b"Connection: keep-alive\r\n"
"""A header that says nothing new, and that only aiohttp reads."""

LIST: tuple[str, str, Mapping[str, Any]] = ("elasticache", "describe_serverless_caches", {})
ASKED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "a list": LIST,
    "JSON": ("resourcegroupstaggingapi", "get_resources", {}),
    "an error": ("elasticache", "describe_users", {"UserId": "nobody"}),
    "an error of SQS": ("sqs", "get_queue_url", {"QueueName": "none"}),
    "an error of EC2": ("ec2", "describe_subnets", {"SubnetIds": ["subnet-0"]}),
}
FAULTS = [
    Fault(effect=Effect.LATENCY, delay_s=0.01),
    Fault(effect=Effect.HTML, status=502),
    Fault(effect=Effect.TRUNCATED),
    Fault(effect=Effect.CUT_OFF),
    Fault(effect=Effect.RESET),
    *(Fault(effect=Effect.EMPTY_BODY, status=status) for status in (200, 204, 304)),
    *(Fault(effect=Effect.ERROR, code="Odd", status=status) for status in (204, 304, 418, 599)),
]


def sent(cloud: Cloud, service: str, operation: str, members: Mapping[str, Any]) -> bytes:
    """The bytes of a signed request."""
    requests: list[AWSPreparedRequest] = []
    client = cloud.client(service)

    def keep(request: AWSPreparedRequest, **_: Any) -> None:
        requests.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.*.*", keep)
    with pytest.raises(InterruptedError):
        getattr(client, operation)(**members)
    [request] = requests
    sent_headers: Any = request.headers
    lines = [
        f"{name}: {value.decode() if isinstance(value, bytes) else value}"
        for name, value in sent_headers.items()
    ]
    head = "\r\n".join(["POST / HTTP/1.1", f"Host: {host(cloud)}", *lines, "", ""])
    body: Any = request.body or b""
    return head.encode() + (body.encode() if isinstance(body, str) else body)


def host(cloud: Cloud) -> str:
    return cloud.url.removeprefix("http://")


@contextmanager
def connection(cloud: Cloud) -> Iterator[socket.socket]:
    name, _, port = host(cloud).partition(":")
    with socket.create_connection((name, int(port)), timeout=10) as opened:
        yield opened


def answer(opened: socket.socket) -> bytes:
    """One answer, to the end of its body or of the connection; its request id is left out."""
    found = b""
    try:
        while not is_whole(found):
            if not (more := opened.recv(65536)):
                found += b"(closed)"
                break
            found += more
    except ConnectionResetError:
        found += b"(reset)"
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", found)


def is_whole(found: bytes) -> bool:
    head, end, body = found.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: ([0-9]+)", head)
    has_body = not re.match(rb"HTTP/1.1 (204|304)", head)
    return bool(end) and len(body) >= int(length[1] if length and has_body else 0)


def asked(cloud: Cloud, request: bytes) -> bytes:
    with connection(cloud) as opened:
        opened.sendall(request)
        return answer(opened)


def by_aiohttp(request: bytes) -> bytes:
    return request.replace(b"\r\n", b"\r\n" + READ_BY_AIOHTTP, 1)


def check_both(cloud: Cloud, request: bytes) -> bytes:
    ours, aiohttps = asked(cloud, request), asked(cloud, by_aiohttp(request))
    without_date = [re.sub(rb"Date: [^\r]+", b"Date: D", each) for each in (ours, aiohttps)]
    assert without_date[0] == without_date[1]
    return ours


@pytest.mark.parametrize("what", ASKED)
def test_answers(cloud: Cloud, what: str) -> None:
    cloud.region.add_cache("orders", tags={"env": "prod"})
    assert check_both(cloud, sent(cloud, *ASKED[what])).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.effect} {fault.status}")
def test_faults(cloud: Cloud, fault: Fault) -> None:
    cloud.aws.faults.add(fault)
    check_both(cloud, sent(cloud, *LIST))


def test_requests_that_follow_each_other(cloud: Cloud) -> None:
    """One by one, in pieces, with one for aiohttp at the end, and while an answer is awaited."""
    request = sent(cloud, *LIST)
    with connection(cloud) as opened:
        for _ in range(2):
            opened.sendall(request)
            first = answer(opened)
        for piece in (request[:9], request[9:200], request[200:]):
            opened.sendall(piece)
            time.sleep(0.01)
        assert answer(opened).startswith(b"HTTP/1.1 200 ")
        number = cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=0.05))
        opened.sendall(request)
        time.sleep(0.01)
        opened.sendall(request)
        assert len(answer(opened)) == len(first)
        cloud.aws.faults.remove(number)
        assert len(answer(opened)) == len(first)
        opened.sendall(by_aiohttp(request) + request)
        both = b""
        while both.count(b"</DescribeServerlessCachesResponse>") < 2:
            both += opened.recv(65536)
        assert both.count(b"HTTP/1.1 200 OK") == 2
    assert len(cloud.aws.calls) == 7


def test_who_sends_on_without_end_is_cut_off(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=60))
    with connection(cloud) as opened:
        opened.sendall(sent(cloud, *LIST))
        wait_until(lambda: len(cloud.aws.calls) == 1)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_without_end(opened)


def send_without_end(opened: socket.socket) -> None:
    for _ in range(64):
        opened.sendall(b"x" * 65536)
        time.sleep(0.001)


def wait_until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.005)
