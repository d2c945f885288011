"""An idle connection is kept, and never pinged faster than Auth allows.

See teleport/README: Keepalive.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from discovery.control_plane.teleport import grpc_channel
from tests.support.teleport_site import Site


def test_pings_are_more_than_a_minute_apart() -> None:
    chosen = grpc_channel._CONFIGURATION
    assert chosen._keepalive_time is not None
    assert chosen._keepalive_time >= 75
    assert chosen._http2_min_sent_ping_interval_without_data > 60


PATIENCE = [(timedelta(seconds=0.1), 1), (timedelta(seconds=60), 2)]


@pytest.mark.parametrize(("shortest", "connections"), PATIENCE, ids=["kept", "too fast for it"])
async def test_an_idle_connection_is_pinged(
    site: Site, monkeypatch: pytest.MonkeyPatch, shortest: timedelta, connections: int
) -> None:
    """The same settings with a clock that runs 500 times as fast."""
    quick = replace(
        grpc_channel._CONFIGURATION,
        _keepalive_time=0.15,
        _http2_min_sent_ping_interval_without_data=0.148,
    )
    monkeypatch.setattr(grpc_channel, "_CONFIGURATION", quick)
    site.cluster.behaviour.shortest_ping_interval = shortest
    async with site.client() as client:
        await client.ping()
        await asyncio.sleep(1)
        await client.ping()
    assert len({call.connection for call in site.teleport.calls.of("Ping")}) == connections
