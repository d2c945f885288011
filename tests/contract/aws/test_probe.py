"""Many caches, logged in to a few at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from discovery.model.codes import ProbeOutcome
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Endpoint
from discovery.probe.hosts import Hosts
from discovery.probe.probe import Prober
from discovery.probe.targets import Target
from tests.contract.aws.conftest import HOME, HUB, Site
from tests.support.resp_server import HOST, RespServer
from tests.support.tls_authority import TlsAuthority


def target(number: int) -> Target:
    cache = parse_cache_arn(f"arn:aws:elasticache:{HOME}:{HUB}:serverlesscache:orders-{number}")
    assert cache is not None
    return Target(
        cache=cache,
        name=None,
        endpoint=Endpoint(HOST, 6379),
        users=("app",),
        judgement=None,
        connect=None,
    )


@pytest.mark.slow
async def test_no_more_caches_are_tried_at_once_than_asked_for(site: Site, tmp_path: Path) -> None:
    authority, server, stop = TlsAuthority(tmp_path), RespServer(), asyncio.Event()
    targets = [target(number) for number in range(6)]
    async with server.serve(authority.issue(HOST).context()) as place, site.cloud() as cloud:
        assert place.dial is not None
        hosts = Hosts(is_overridden=True, places={"*": place.dial}, ca_file=str(authority.file))
        prober = Prober(cloud=cloud, hosts=hosts, concurrency=2, stop=stop)
        found = await prober.probe(targets)
        stop.set()
        none = await prober.probe(targets)
    assert [each.cache for each in found] == [each.cache for each in targets]
    assert {each.outcome for each in found} == {ProbeOutcome.PROVED}
    assert server.most_at_once == 2
    assert none == ()
